import fc from 'fast-check'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os, { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { formatProcessorList, parseProcessorList } from '../../src/machine/processor-list.ts'
import { coresOf, nodesOf, parseTopology, readTopology } from '../../src/machine/topology.ts'
import { machine, range, REAL, textsOf } from './machines.ts'

describe('lists of processors', () => {
  it('are read as the kernel writes them', () => {
    expect(parseProcessorList('0-3,8,10-11\n')).toEqual([0, 1, 2, 3, 8, 10, 11])
    expect(parseProcessorList('5')).toEqual([5])
    expect(parseProcessorList('\n')).toEqual([])
  })

  it('are not guessed', () => {
    for (const text of ['a', '1-', '-1', '3-1', '0,,1', '0-99999', '8192', '1.5', '0x1']) {
      expect(parseProcessorList(text)).toBeUndefined()
    }
  })

  it('say the same whichever way they are written', () => {
    fc.assert(fc.property(fc.uniqueArray(fc.nat(8_191), { maxLength: 60 }), ids => {
      expect(parseProcessorList(formatProcessorList(ids))).toEqual([...ids].sort((a, b) => a - b))
    }))
    expect(formatProcessorList([3, 1, 2, 2, 9])).toBe('1-3,9')
  })
})

describe('a topology', () => {
  it('names a core by its lowest processor', () => {
    expect(REAL.alderLake.processors.map(({ core }) => core)).toEqual([0, 0, 2, 2, 4, 4, 6, 6, 8, 8, 10, 10, ...range(12, 20)])
    expect(coresOf(REAL.threadripper, [33, 0, 40])).toEqual([0, 1, 8])
    expect(nodesOf(REAL.threadripper, [33, 0, 40])).toEqual([0, 1])
  })

  it('takes the capacity for the speed, and the frequency where there is none', () => {
    expect(REAL.rk3588.processors.map(({ speed }) => speed)).toEqual([397, 397, 397, 397, 1_024, 1_024, 1_024, 1_024])
    expect(REAL.alderLake.processors.map(({ speed }) => speed)).toContain(3_500_000)
    expect(machine([{ cores: [[0]], kHz: 1_000 }, { cores: [[1]] }]).processors.map(({ speed }) => speed)).toEqual([undefined, undefined])
  })

  it('leaves out what is offline, also as a sibling', () => {
    const texts = textsOf([{ cores: [[0, 2], [1, 3]] }])

    expect(parseTopology({ ...texts, online: '1-3' }).processors.map(({ id, core }) => [id, core])).toEqual([[1, 1], [2, 2], [3, 1]])
  })

  it('knows what this process may use', () => {
    expect(machine([{ cores: [[0, 2], [1, 3]] }], '1,3,77').allowed).toEqual([1, 3])
    expect(machine([{ cores: [[0], [1]] }]).allowed).toEqual([0, 1])
  })

  it('is one of single cores where the kernel says nothing, or nonsense', () => {
    expect(parseTopology({ allowed: '0-1', processors: new Map(), nodes: new Map() })).toEqual({
      allowed: [0, 1],
      processors: [{ id: 0, core: 0, package: 0, node: 0 }, { id: 1, core: 1, package: 0, node: 0 }]
    })
    expect(parseTopology({ online: '0', processors: new Map([[0, { siblings: 'x', package: '-1', capacity: '-5', maxFrequency: '' }]]), nodes: new Map([[0, 'y']]) }).processors).toEqual([{ id: 0, core: 0, package: 0, node: 0 }])
  })

  it('is read from files, by their old names and their new ones', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'meshmark-topology-'))
    const files = {
      'cpu/online': '0-2\n',
      'cpu/cpu0/topology/core_cpus_list': '0,2\n',
      'cpu/cpu0/topology/physical_package_id': '1\n',
      'cpu/cpu0/cpufreq/cpuinfo_max_freq': '2000000\n',
      'cpu/cpu1/topology/thread_siblings_list': '1\n',
      'cpu/cpu1/cpufreq/cpuinfo_max_freq': '1000000\n',
      'cpu/cpu2/topology/core_cpus_list': '0,2\n',
      'cpu/cpu2/cpufreq/cpuinfo_max_freq': '2000000\n',
      'cpu/cpufreq/x': '',
      'node/node0/cpulist': '0,2\n',
      'node/node3/cpulist': '1\n',
      'node/node4/cpulist': '\n',
      status: 'Name:\tnode\nCpus_allowed:\t3\nCpus_allowed_list:\t0-1\nMems_allowed_list:\t0\n'
    }

    try {
      for (const [name, text] of Object.entries(files)) {
        mkdirSync(dirname(join(dir, name)), { recursive: true })
        writeFileSync(join(dir, name), text)
      }

      expect(await readTopology(dir, join(dir, 'status'))).toEqual({
        allowed: [0, 1],
        processors: [
          { id: 0, core: 0, package: 1, node: 0, speed: 2_000_000 },
          { id: 1, core: 1, package: 0, node: 3, speed: 1_000_000 },
          { id: 2, core: 0, package: 0, node: 0, speed: 2_000_000 }
        ]
      })
    } finally {
      rmSync(dir, { recursive: true })
    }
  })

  it.skipIf(process.platform !== 'linux')('of this machine has as many processors as this process may use', async () => {
    const topology = await readTopology()

    expect(topology.allowed).toHaveLength(os.availableParallelism())
    expect(topology.processors.map(({ id }) => id)).toEqual(expect.arrayContaining(topology.allowed))
  })
})
