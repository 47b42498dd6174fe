import '../../src/node/polyfill.ts'
import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { draftOfBody } from '../../src/http/exchange/job-body.ts'
import { openJob } from '../../src/http/exchange/kept-job.ts'
import { packFiles } from '../../src/node/payload/pack.ts'
import type { Job } from '../../src/model/job.ts'
import type { PackedPayload } from '../../src/node/payload/pack.ts'

/** As the store opens it: its methods need it. */
class Kept {
  readonly manifest: PackedPayload['manifest']
  readonly #payload: PackedPayload

  constructor (payload: PackedPayload) {
    this.manifest = payload.manifest
    this.#payload = payload
  }

  async readChunk (index: number): Promise<Uint8Array> {
    return this.#payload.readChunk(index)
  }

  async close (): Promise<void> {
    await this.#payload.close()
  }
}

describe('files of an earlier job', () => {
  it('are the same files, however they lie across its chunks', async () => {
    const files = [['a', 700_000], ['b', 3], ['c/d', 300_001], ['empty', 0]].map(([path, size]) => ({ path: path as string, source: new Uint8Array(randomBytes(size as number)) }))
    const before = await packFiles(files)
    const job = { id: '01JQZ3N8T5A9B0CDEFGHJKMNPQ', client: 'me', env: {}, payload: before.manifest } as unknown as Job
    const kept = await openJob(job, 'me', async () => new Kept(before))
    const again = await packFiles(files.map(({ path }) => ({ path, source: kept.file(path) })))

    expect(again.manifest).toEqual(before.manifest)

    for (const index of before.manifest.chunks.keys()) {
      expect(Buffer.from(await again.readChunk(index)).equals(await before.readChunk(index))).toBe(true)
    }

    const some = await packFiles([{ path: 'renamed', source: kept.file('c/d') }, { path: 'new', source: new Uint8Array([1]) }])

    expect(some.manifest.files).toEqual([{ path: 'new', size: 1, executable: false }, { path: 'renamed', size: 300_001, executable: false }])
    expect(Buffer.from(await some.readChunk(0)).subarray(1).equals(files[2]!.source.subarray(0, 256 * 1024 - 1))).toBe(true)
    expect(() => kept.file('e')).toThrow(/file 'e' is none of job/)
  })

  it('are kept no longer than the job that asks for them is made, also of data sets that come when that has failed', async () => {
    const { manifest } = await packFiles([{ path: 'words', source: new Uint8Array([1]) }])
    const { promise: come, resolve } = Promise.withResolvers<void>()
    let open = 0
    const job = { id: '01JQZ3N8T5A9B0CDEFGHJKMNPQ', client: 'me', env: {}, data: [{ name: 'words', payload: manifest }] } as unknown as Job
    const kept = await openJob(job, 'me', async () => {
      await come
      open++

      return { manifest, readChunk: async () => new Uint8Array(), close: async () => { open-- } }
    })

    await expect(draftOfBody({ kind: 'exec', command: 'true', from: 'x', data: { words: { of: 'words' }, none: { of: 'none' } } }, { upload: () => '', job: async () => kept })).rejects.toThrow(/data set 'none' is none of job/)
    await kept.close()
    resolve()
    // all that follows from it is done before that
    await new Promise(resolve => { setImmediate(resolve) })
    expect(open).toBe(0)
  })

  it('are said to be gone where no master has them any more', async () => {
    const job = { id: '01JQZ3N8T5A9B0CDEFGHJKMNPQ', client: 'me', env: {}, payload: { id: 'x', files: [], chunks: [], chunkSize: 1 } } as unknown as Job

    await expect(openJob(job, 'me', async () => { throw new Error('none') })).rejects.toThrow(/files of job .* are not kept any more: send them again/)
  })
})
