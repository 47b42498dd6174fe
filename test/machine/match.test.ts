import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { matches, parseWhere } from '../../src/machine/match.ts'
import { TOOL_NAMES } from '../../src/machine/tools.ts'
import type { WorkerInfo } from '../../src/model/machine.ts'

const worker: WorkerInfo = {
  peerId: '12D3KooW',
  name: 'lab-01',
  resources: {
    machineId: 'm',
    platform: 'linux',
    arch: 'x64',
    cpuModel: 'Intel Xeon Gold 6338',
    cores: 8,
    memoryBytes: 16 * 1024 ** 3,
    kernel: '6.1.0',
    os: 'Debian GNU/Linux 12',
    nodeVersion: 'v20.20.2'
  },
  labels: { zone: 'lab', rack: '7', __proto__x: 'y' },
  tools: [{ name: 'python', version: '3.11.2' }, { name: 'cc', version: '' }]
}

const fits = (where: string): true | string => matches(worker, parseWhere(where))

describe('--where', () => {
  it.each([
    'name=lab-01', 'arch=x64', 'arch=x86_64', 'arch=AMD64', 'platform=linux', 'cores=8', 'cores=8..', 'cores=..8', 'cores=2..16',
    'memory=16G', 'memory=8G..', 'memory=..16384M', 'label.zone=lab', 'label.rack=7', 'label.rack=5..9', 'label.rack=..7',
    'arch=x64,cores=8..,label.zone=lab', ' arch = x64 , cores = 8.. ',
    'python', 'python3', 'python=3', 'python=3.11..', 'python=..3.11', 'python=3.9..3.12,arch=x64', 'cc', 'cc=..'
  ])('%s fits', where => {
    expect(fits(where)).toBe(true)
  })

  it.each([
    ['name=lab-02', 'name is lab-01, not lab-02'],
    ['arch=aarch64', 'arch is x64, not arm64'],
    ['platform=darwin', 'platform is linux, not darwin'],
    ['cores=9..', 'cores is 8, not 9..'],
    ['cores=..7', 'cores is 8, not ..7'],
    ['memory=32G..', 'memory is 16.0 GB, not 32G..'],
    ['label.zone=attic', 'label.zone is lab, not attic'],
    ['label.zone=1..2', 'label.zone is lab, not 1..2'],
    ['label.gpu=yes', 'it has no label gpu'],
    ['label.constructor=x', 'it has no label constructor'],
    ['python=3.12..', 'python is 3.11.2, not 3.12..'],
    ['python=3.1', 'python is 3.11.2, not 3.1'],
    ['cc=12..', 'cc is of an unknown version, not 12..'],
    ['ruby', 'it has no ruby'],
    ['arch=x64,cores=2', 'cores is 8, not 2']
  ])('%s does not fit, because %s', (where, reason) => {
    expect(fits(where)).toBe(reason)
  })

  it.each([
    ['speed=9', `--where does not know 'speed': use one of name, arch, platform, cores, memory, label.KEY, or a tool with its version: ${TOOL_NAMES.join(', ')}`],
    ['label=x', `--where does not know 'label': use one of name, arch, platform, cores, memory, label.KEY, or a tool with its version: ${TOOL_NAMES.join(', ')}`],
    ['label.=x', `--where does not know 'label.': use one of name, arch, platform, cores, memory, label.KEY, or a tool with its version: ${TOOL_NAMES.join(', ')}`],
    ['python=three', "--where python: 'three' is not a version: write numbers with dots, e.g. 3.11"],
    ['arch', "--where 'arch' is not KEY=VALUE: write e.g. arch=arm64 or cores=8.."],
    ['', "--where '' is not KEY=VALUE: write e.g. arch=arm64 or cores=8.."],
    ['arch=x64,', "--where '' is not KEY=VALUE: write e.g. arch=arm64 or cores=8.."],
    ['cores=', "--where 'cores=' is not KEY=VALUE: write e.g. arch=arm64 or cores=8.."],
    ['cores=many', "--where cores=many: 'many' is not a whole number from 0 to 1000000"],
    ['cores=..', "--where '..' is not a range: write e.g. 8.., ..16 or 2..4, the smaller end first"],
    ['cores=4..2', "--where '4..2' is not a range: write e.g. 8.., ..16 or 2..4, the smaller end first"],
    ['memory=1X..', "--where memory=1X..: '1X' is not a size: write a number with K, M or G, e.g. 512M"],
    ['label.rack=a..b', "--where label.rack=a..b: 'a' is not a number: ranges of labels are numbers, e.g. 2..4"]
  ])('%j is refused: %s', (where, message) => {
    expect(() => parseWhere(where)).toThrow(expect.objectContaining({ name: 'MeshmarkError', code: 'usage', message }))
  })

  it('fits nobody whose tools are not known yet', () => {
    expect(matches({ ...worker, tools: undefined }, parseWhere('python'))).toBe('it has not told yet which interpreters and compilers it has')
  })

  it('fits nobody when a selector from the network is not understood', () => {
    expect(matches(worker, [{ key: 'nonsense', value: '1' }])).toContain("does not know 'nonsense'")
    expect(matches(worker, [])).toBe(true)
  })

  it('answers true or a reason for any selector', () => {
    fc.assert(fc.property(fc.string(), fc.string(), (key, value) => {
      const answer = matches(worker, [{ key, value }])

      expect(answer === true || answer.length > 0).toBe(true)
    }))
  })

  it('keeps exactly the workers between both ends', () => {
    fc.assert(fc.property(fc.nat(64), fc.nat(64), fc.nat(64), (a, b, cores) => {
      const [low, high] = [Math.min(a, b), Math.max(a, b)]
      const candidate = { ...worker, resources: { ...worker.resources, cores } }

      expect(matches(candidate, parseWhere(`cores=${low}..${high}`)) === true).toBe(cores >= low && cores <= high)
    }))
  })
})
