import { describe, expect, it } from 'vitest'
import { unmetDemand } from '../../src/machine/demands.ts'
import { parseWhere } from '../../src/machine/match.ts'
import { variantFor, withVariant, workerPayloads } from '../../src/machine/variants.ts'
import type { WorkerInfo } from '../../src/model/machine.ts'
import type { PayloadManifest } from '../../src/model/payload.ts'

const worker = (arch: string): WorkerInfo => ({
  peerId: 'p', name: 'lab', labels: {}, resources: { machineId: 'm', platform: 'linux', arch, cpuModel: 'c', cores: 1, memoryBytes: 1, kernel: 'k', os: 'o', nodeVersion: 'v20' }
})
const variants = { program: 'app', choices: [{ where: parseWhere('arch=arm64'), path: '.variants/1/a' }, { where: parseWhere('platform=linux,arch=x64'), path: '.variants/2/b' }] }

describe('a program with a file for each platform', () => {
  it('is the first one that fits', () => {
    expect(variantFor(worker('arm64'), variants)).toMatchObject({ path: '.variants/1/a' })
    expect(variantFor(worker('x64'), { ...variants, choices: [...variants.choices, { where: [], path: 'c' }] })).toMatchObject({ path: '.variants/2/b' })
  })

  it('is none where none fits, and that is why the worker must not do the job', () => {
    const refusal = 'no --variant is for it: arch is riscv64, not arm64; arch is riscv64, not x64'

    expect(variantFor(worker('riscv64'), variants)).toEqual({ refusal })
    expect(unmetDemand(worker('riscv64'), { limits: {}, variants })).toBe(refusal)
    expect(unmetDemand(worker('x64'), { limits: {}, variants })).toBeUndefined()
  })

  it('goes to the workers that it is for, and what all need to all', () => {
    const payload = (id: string): PayloadManifest => ({ id, files: [{ path: 'content', size: 1, executable: true }], chunkSize: 1, chunks: [] })
    const job = { payload: payload('all'), data: [{ name: 'set', payload: payload('data') }], variants: { ...variants, choices: variants.choices.map((choice, at) => ({ ...choice, payload: payload(['a', 'b'][at]!) })) } }
    const ids = (...args: Parameters<typeof workerPayloads>): string[] => workerPayloads(...args).map(({ id }) => id)

    expect(ids(job, worker('arm64'))).toEqual(['all', 'data', 'a'])
    expect(ids(job, worker('x64'))).toEqual(['all', 'data', 'b'])
    expect(ids(job, worker('riscv64'))).toEqual(['all', 'data'])
    expect(ids(job)).toEqual(['all', 'data'])
    // of an older client they are among the files of all
    expect(ids({ ...job, variants }, worker('x64'))).toEqual(['all', 'data'])
  })

  it('is found under the program\'s name, with everything else where it was', () => {
    const files = [{ path: '.variants/1/a', size: 1 }, { path: '.variants/2/b', size: 2 }, { path: 'data', size: 3 }]

    expect(withVariant(files, 'app', '.variants/2/b')).toEqual([{ path: '.variants/1/a', size: 1 }, { path: 'app', size: 2 }, { path: 'data', size: 3 }])
  })
})
