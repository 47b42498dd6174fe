import { describe, expect, it } from 'vitest'
import { unmetDemand } from '../../src/machine/demands.ts'
import { parseWhere } from '../../src/machine/match.ts'
import { variantFor, withVariant } from '../../src/machine/variants.ts'
import type { WorkerInfo } from '../../src/model/machine.ts'

const worker = (arch: string): WorkerInfo => ({
  peerId: 'p', name: 'lab', labels: {}, resources: { machineId: 'm', platform: 'linux', arch, cpuModel: 'c', cores: 1, memoryBytes: 1, kernel: 'k', os: 'o', nodeVersion: 'v20' }
})
const variants = { program: 'app', choices: [{ where: parseWhere('arch=arm64'), path: '.variants/1/a' }, { where: parseWhere('platform=linux,arch=x64'), path: '.variants/2/b' }] }

describe('a program with a file for each platform', () => {
  it('is the first one that fits', () => {
    expect(variantFor(worker('arm64'), variants)).toEqual({ path: '.variants/1/a' })
    expect(variantFor(worker('x64'), { ...variants, choices: [...variants.choices, { where: [], path: 'c' }] })).toEqual({ path: '.variants/2/b' })
  })

  it('is none where none fits, and that is why the worker must not do the job', () => {
    const refusal = 'no --variant is for it: arch is riscv64, not arm64; arch is riscv64, not x64'

    expect(variantFor(worker('riscv64'), variants)).toEqual({ refusal })
    expect(unmetDemand(worker('riscv64'), { limits: {}, variants })).toBe(refusal)
    expect(unmetDemand(worker('x64'), { limits: {}, variants })).toBeUndefined()
  })

  it('is found under the program\'s name, with everything else where it was', () => {
    const files = [{ path: '.variants/1/a', size: 1 }, { path: '.variants/2/b', size: 2 }, { path: 'data', size: 3 }]

    expect(withVariant(files, 'app', '.variants/2/b')).toEqual([{ path: '.variants/1/a', size: 1 }, { path: 'app', size: 2 }, { path: 'data', size: 3 }])
  })
})
