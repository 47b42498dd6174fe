import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { listCollected, readCollected } from '../../../src/roles/client/collected-list.ts'
import type { JobView } from '../../../src/node/protocol/submit/messages.ts'
import type { CollectedRecord } from '../../../src/roles/client/types.ts'

const JOB = '01ARZ3NDEKTSV4RRFFQ69G5FAV'
const WORKER = '12D3KooWQ7u1gLh2ZtmmVxiQJ3mUWUpeuqbPvz8rjYc9qzkAbCdE'

function recordOf (files: Array<{ path: string, content: string }>, chunkSize: number, attempt = 0): { record: CollectedRecord, chunks: Uint8Array[] } {
  const whole = Buffer.from(files.map(({ content }) => content).join(''))
  const chunks = Array.from({ length: Math.ceil(whole.byteLength / chunkSize) }, (_, at) => new Uint8Array(whole.subarray(at * chunkSize, (at + 1) * chunkSize)))

  return {
    record: {
      execution: `${JOB}/1/${WORKER}/${attempt}`,
      workerName: 'lab-1',
      skipped: [],
      payload: { id: '', chunkSize, chunks, files: files.map(({ path, content }) => ({ path, size: Buffer.byteLength(content), executable: false })) }
    },
    chunks
  }
}

/** Counts the chunks that were asked for. */
function clientOf (records: CollectedRecord[], view: Partial<JobView['job']> = { collect: { patterns: ['*'], maxBytes: 1 } }): Parameters<typeof listCollected>[0] & Parameters<typeof readCollected>[0] & { sent: number } {
  const client = {
    sent: 0,
    collected: async () => ({ view: { job: { id: JOB, ...view }, tasks: [{ state: 'running' }, { state: 'done' }] } as unknown as JobView, records }),
    collectedChunks: async function * ({ payload }: CollectedRecord, { from = 0 } = {}) {
      for (const chunk of payload!.chunks.slice(from)) {
        client.sent++
        yield chunk
      }
    }
  }

  return client
}

async function contentOf (pieces: AsyncIterable<Uint8Array>): Promise<string> {
  const all: Uint8Array[] = []

  for await (const piece of pieces) {
    all.push(piece)
  }

  return Buffer.concat(all).toString()
}

describe('files that a job has brought back', () => {
  it('have each their own content, of which no more chunks are fetched than hold it', async () => {
    await fc.assert(fc.asyncProperty(fc.array(fc.string({ maxLength: 12 }), { minLength: 1, maxLength: 6 }), fc.integer({ min: 1, max: 7 }), async (contents, chunkSize) => {
      const { record } = recordOf(contents.map((content, at) => ({ path: `f${at}`, content })), chunkSize)
      const client = clientOf([record])
      const entries = [...(await listCollected(client, 'x')).entries()]

      expect(entries.map(({ path }) => path)).toEqual(contents.map((_, at) => `lab-1/f${at}`))

      for (const [at, entry] of entries.entries()) {
        client.sent = 0
        expect(await contentOf(readCollected(client, entry))).toBe(Buffer.from(contents[at]!).toString())
        expect(client.sent).toBeLessThanOrEqual(Math.ceil(entry.size / chunkSize) + 1)
      }
    }), { numRuns: 50 })
  })

  it('of several attempts have folders of their own, and what was left out is said', async () => {
    const first = recordOf([{ path: 'out/x', content: '1' }], 4)
    const second = recordOf([{ path: 'out/x', content: '2' }], 4, 1)
    const { entries, skipped, open } = await listCollected(clientOf([{ ...first.record, skipped: ['too much'] }, second.record]), 'x')

    expect([...entries()].map(({ path, attempt }) => [path, attempt])).toEqual([['lab-1/attempt-1/out/x', 0], ['lab-1/attempt-2/out/x', 1]])
    expect({ skipped, open }).toEqual({ skipped: [{ worker: 'lab-1', peerId: WORKER, task: '1', reasons: ['too much'] }], open: 1 })
  })

  it('are no whole file when they end early, nor under a name that leaves its folder', async () => {
    const { record } = recordOf([{ path: 'a', content: 'abcdef' }], 2)
    const client = clientOf([record])
    const [entry] = [...(await listCollected(client, 'x')).entries()]

    record.payload!.chunks.pop()
    await expect(contentOf(readCollected(client, entry!))).rejects.toThrow('lab-1/a ended early')

    const bad = await listCollected(clientOf([recordOf([{ path: '../a', content: 'x' }], 2).record]), 'x')

    expect(() => [...bad.entries()]).toThrow(/is not written for it/)
    await expect(listCollected(clientOf([], {}), 'x')).rejects.toThrow(/submitted without collect/)
  })
})
