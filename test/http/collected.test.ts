import '../../src/node/polyfill.ts'
import { afterEach, describe, expect, it } from 'vitest'
import { MeshmarkError } from '../../src/model/errors.ts'
import { appOf } from './fake-client.ts'
import type { JobView } from '../../src/node/protocol/submit/messages.ts'
import type { CollectedRecord } from '../../src/roles/client/types.ts'

const JOB = '01ARZ3NDEKTSV4RRFFQ69G5FAV'
const WORKER = '12D3KooWQ7u1gLh2ZtmmVxiQJ3mUWUpeuqbPvz8rjYc9qzkAbCdE'

let close = async (): Promise<void> => {}

afterEach(async () => { await close() })

/** A job whose task on each of these workers has brought back files of three bytes. */
function open (paths: string[], workers = ['lab-1'], chunks = ['abc', 'abc', 'abc']): ReturnType<typeof appOf> {
  const view = { job: { id: JOB, collect: { patterns: ['*'], maxBytes: 1 } }, tasks: [], counts: [] } as unknown as JobView
  const records = workers.map((workerName, at): CollectedRecord => ({
    execution: `${JOB}/${at + 1}/${WORKER.slice(0, -1)}${at + 1}/0`,
    workerName,
    skipped: at === 0 ? ['b is a link'] : [],
    payload: { id: '', chunkSize: 3, chunks: chunks.map(() => new Uint8Array(32)), files: paths.map(path => ({ path, size: 3, executable: false })) }
  }))
  const app = appOf({
    show: async selector => {
      if (selector !== 'job') {
        throw new MeshmarkError('usage', `no job '${selector}'`)
      }

      return { view, events: [] }
    },
    collected: async () => ({ view, records }),
    collectedChunks: async function * (_, { from = 0 } = {}) { yield * chunks.slice(from).map(text => Buffer.from(text)) }
  })

  close = app.close

  return app
}

describe('files that a job has brought back, over HTTP', () => {
  it('are listed a part at a time, and by worker', async () => {
    const { ask } = open(['a', 'out/b'], ['lab-1', 'lab-2'])
    const list = async (query: string): Promise<unknown> => {
      const { files, count } = await (await ask(`/v1/jobs/job/collected${query}`)).json() as { files: Array<{ path: string }>, count: number }

      return [files.map(({ path }) => path), count]
    }

    expect(await list('')).toEqual([['lab-1/a', 'lab-1/out/b', 'lab-2/a', 'lab-2/out/b'], 4])
    expect(await list('?offset=1&limit=2')).toEqual([['lab-1/out/b', 'lab-2/a'], 4])
    expect(await list('?worker=lab-2')).toEqual([['lab-2/a', 'lab-2/out/b'], 2])
    expect(await (await ask('/v1/jobs/job/collected?limit=1')).json()).toMatchObject({ skipped: [{ worker: 'lab-1', reasons: ['b is a link'] }], open: 0, files: [{ size: 3, worker: 'lab-1', executable: false }] })
  })

  it.each([
    ['x.txt', 'x.txt', 'x.txt'],
    ['a";b.html', 'a__b.html', 'a%22%3Bb.html'],
    ['.profile', '_profile', '.profile'],
    ['naïve (1).csv', 'na_ve _1_.csv', 'na%C3%AFve%20%281%29.csv'],
    ["it's*", 'it_s_', 'it%27s%2A']
  ])('called %s are attachments whose name does nothing', async (name, plain, exact) => {
    const { ask } = open(['first', name, 'last'], ['lab-1'], ['111', '222', '333'])
    const response = await ask(`/v1/jobs/job/collected/file?path=${encodeURIComponent(`lab-1/${name}`)}`)

    expect(response.headers.get('content-disposition')).toBe(`attachment; filename="${plain}"; filename*=UTF-8''${exact}`)
    expect(Object.fromEntries(response.headers)).toMatchObject({ 'content-type': 'application/octet-stream', 'x-content-type-options': 'nosniff', 'content-security-policy': "default-src 'none'; frame-ancestors 'none'; sandbox", 'content-length': '3' })
    expect(await response.text()).toBe('222')
  })

  it('are none of another path, or job', async () => {
    const { ask } = open(['a'])
    const details: string[] = []

    for (const path of ['/v1/jobs/job/collected/file?path=a', '/v1/jobs/job/collected/file?path=lab-1/../lab-1/a', '/v1/jobs/other/collected', '/v1/jobs/other/collected/file?path=lab-1/a']) {
      const response = await ask(path)

      expect(response.status).toBe(404)
      details.push((await response.json() as { detail: string }).detail)
    }

    expect(details.slice(2)).toEqual(["no job 'other'", "no job 'other'"])
    expect((await ask('/v1/jobs/job/collected/file')).status).toBe(400)
  })

  it('are cut off where they end early', async () => {
    const { ask } = open(['a', 'b'], ['lab-1'], ['abc'])
    const response = await ask('/v1/jobs/job/collected/file?path=lab-1/b')

    await expect(response.text()).rejects.toThrow()
  })
})
