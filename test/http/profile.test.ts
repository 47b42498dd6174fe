import '../../src/node/polyfill.ts'
import { afterEach, describe, expect, it } from 'vitest'
import { parseProfile } from '../../src/report/profile-file.ts'
import { appOf } from './fake-client.ts'
import type { ProfileChange } from '../../src/model/profile.ts'
import type { ProfileOptions, ProfilePage } from '../../src/roles/client/types.ts'

const START = Date.UTC(2026, 0, 31)

let close = async (): Promise<void> => {}

afterEach(async () => { await close() })

const CHANGES: ProfileChange[] = Array.from({ length: 1_203 }, (_, at) => at % 400 === 0
  ? { kind: 'state', atMs: START + at, worker: `P${at}`, workerName: `lab-${at}`, state: 'waiting', slots: 1 }
  : { kind: 'task', atMs: START + at, worker: 'P0', workerName: 'lab-0', outcome: 'done', startedAtMs: START, endedAtMs: START + at })

function open (): { ask: ReturnType<typeof appOf>['ask'], asked: ProfileOptions[] } {
  const asked: ProfileOptions[] = []
  const app = appOf({
    profile: async function * (options: ProfileOptions = {}): AsyncGenerator<ProfilePage> {
      asked.push(options)
      yield { nowMs: START + 5_000, changes: CHANGES.slice(0, 1_000) }
      yield { nowMs: START + 6_000, changes: CHANGES.slice(1_000) }
    }
  })

  close = app.close

  return { ask: app.ask, asked }
}

describe('the recording of a mesh, over HTTP', () => {
  it('is a file that meshmark plot reads, however long it is', async () => {
    const { ask, asked } = open()
    const text = await (await ask('/v1/profile?since=10m')).text()

    expect(parseProfile(text, 'x')).toEqual({ fromMs: START + 6_000 - 600_000, untilMs: START + 6_000, changes: CHANGES })
    expect(JSON.parse(text)).toMatchObject({ truncated: false })
    expect(asked).toMatchObject([{ withinMs: 600_000 }])
  })

  it('is the latest part of it where so much is asked for, with the states at its beginning', async () => {
    const { ask } = open()
    const response = await ask('/v1/profile?limit=2')
    const { fromMs, changes } = parseProfile(await response.text(), 'x')

    expect(response.headers.get('meshmark-truncated')).toBe('true')
    expect(fromMs).toBe(START + 1_201)
    expect(changes.slice(-2)).toEqual(CHANGES.slice(-2))
    expect(changes.slice(0, -2).map(change => [change.kind, change.workerName, change.atMs])).toEqual(['lab-0', 'lab-400', 'lab-800', 'lab-1200'].map(name => ['state', name, START + 1_201]))
  })

  it('is a line for each change, as NDJSON and as CSV', async () => {
    const { ask } = open()
    const ndjson = await ask('/v1/profile?format=ndjson')
    const csv = await ask('/v1/profile?format=csv')

    expect([ndjson.headers.get('content-type'), csv.headers.get('content-type')]).toEqual(['application/x-ndjson', 'text/csv; charset=utf-8'])
    expect((await ndjson.text()).trimEnd().split('\n').map(line => (JSON.parse(line) as { kind: string }).kind)).toEqual(CHANGES.map(({ kind }) => kind))
    expect((await csv.text()).trimEnd().split('\n')).toHaveLength(1 + CHANGES.length)
  })

  it('is followed as events', async () => {
    const { ask, asked } = open()
    const lines = (await (await ask('/v1/profile/events?since=0s', { headers: { accept: 'application/x-ndjson' } })).text()).trimEnd().split('\n').map(line => JSON.parse(line) as { kind: string, nowMs: number, changes: unknown[] })

    expect(lines.map(({ kind, nowMs, changes }) => [kind, nowMs, changes.length])).toEqual([['changes', START + 5_000, 1_000], ['changes', START + 6_000, 203]])
    expect(asked).toMatchObject([{ follow: true, withinMs: 0 }])
  })

  it.each(['since=soon', 'limit=0', 'limit=100001', 'format=svg', 'other=1'])('is refused with %s', async query => {
    const { ask } = open()

    expect((await ask(`/v1/profile?${query}`)).status).toBe(400)
  })
})
