import { z } from 'zod'
import { parseDuration } from '../../model/units.ts'
import { MAX_CHANGES, readProfile } from '../../library/profile.ts'
import { PROFILE_CSV_HEADING, profileCsvLine, profileNdjsonLine } from '../../report/profile-csv.ts'
import { changeRecord, PROFILE_FORMAT, PROFILE_VERSION } from '../../report/profile-file.ts'
import { aboutJob } from '../exchange/problem.ts'
import { accepts, route, type Route } from '../exchange/route.ts'
import { BEAT, EVENT_HEADERS, NDJSON, SSE } from '../exchange/event-stream.ts'
import { streamOf } from '../exchange/stream.ts'
import { profile, profileChanges } from '../schema/views.ts'
import type { ProfileChange } from '../../model/profile.ts'
import type { Client } from '../../roles/client/types.ts'

const TYPES = { json: 'application/json', ndjson: NDJSON, csv: 'text/csv; charset=utf-8' } as const

/** So many changes in one piece of an answer. */
const PIECE = 500

const since = z.string().max(40).optional().describe('So far back: 10m, 2h. Default: all that this master keeps, a day at most')
const job = z.string().max(100).optional().describe('Only what ran for this job, and no states of workers: its id, the end of it, its name, or @last')

export function profileRoutes (): Route[] {
  return [
    route({
      method: 'get',
      path: '/v1/profile',
      id: 'profile',
      summary: 'What the workers did, and when',
      description: 'As meshmark profile: the states of all workers, and the executions that have ended, as this master has seen them. Those of other clients have no job and no task. The JSON is what meshmark plot --profile reads.',
      access: 'read',
      lasting: true,
      query: z.strictObject({
        since,
        job,
        limit: z.coerce.number().int().min(1).max(MAX_CHANGES).default(10_000).describe('Only the latest, so many; `truncated` says that there were more. The time then begins with them, and the state of every worker at that moment'),
        format: z.enum(['json', 'ndjson', 'csv']).default('json').describe('How it is written')
      }),
      answers: {
        200: {
          description: 'The recording; of NDJSON and CSV a line for each change',
          content: { 'application/json': profile, [NDJSON]: undefined, 'text/csv': undefined },
          headers: { 'Meshmark-Truncated': 'true where there were more changes than `limit`' }
        }
      },
      handle: async ({ query: { since, job, limit, format }, session, signal }) => {
        const client = await session.client()
        const recorded = await ofJob(job, async () => readProfile(client, { withinMs: withinOf(since), job, limit, signal }))

        return new Response(streamOf(pieces(recorded, format), { signal }), {
          headers: { 'content-type': TYPES[format], ...(recorded.truncated ? { 'meshmark-truncated': 'true' } : {}) }
        })
      }
    }),
    route({
      method: 'get',
      path: '/v1/profile/events',
      id: 'followProfile',
      summary: 'Follow what the workers do',
      description: 'It begins with what there is, then tells every change as it comes; it has no end. Whoever comes back asks with `since` for what was missed.',
      access: 'read',
      lasting: true,
      query: z.strictObject({ since, job }),
      answers: { 200: { description: 'Events, as Accept says', content: { [SSE]: undefined, [NDJSON]: profileChanges } } },
      handle: async ({ query: { since, job }, session, signal, headers }) => {
        const type = accepts(headers.get('accept'), [SSE, NDJSON])
        const client = await session.client()
        const withinMs = withinOf(since)

        if (job != null) {
          // what is wrong with it is said before the first event
          await aboutJob(job, async () => client.show(job, 'none', { signal }))
        }

        return new Response(streamOf(lines(client, { withinMs, job, signal }, type), { signal, ...(type === SSE ? { beat: BEAT } : {}) }), { headers: { 'content-type': type, ...EVENT_HEADERS } })
      }
    })
  ]
}

function withinOf (since: string | undefined): number | undefined {
  return since == null ? undefined : Math.round(parseDuration(since, 'since'))
}

async function ofJob<T> (job: string | undefined, ask: () => Promise<T>): Promise<T> {
  return job == null ? ask() : aboutJob(job, ask)
}

/** In pieces: as one text it may be many megabytes. */
async function * pieces ({ fromMs, untilMs, truncated, changes }: Awaited<ReturnType<typeof readProfile>>, format: keyof typeof TYPES): AsyncGenerator<string> {
  const [head, tail] = format === 'json'
    ? [`${JSON.stringify({ format: PROFILE_FORMAT, version: PROFILE_VERSION, from: iso(fromMs), until: iso(untilMs), truncated }).slice(0, -1)},"changes":[`, ']}\n']
    : [format === 'csv' ? PROFILE_CSV_HEADING : '', '']
  const text = format === 'csv' ? profileCsvLine : format === 'ndjson' ? profileNdjsonLine : (change: ProfileChange) => JSON.stringify(changeRecord(change))

  yield head

  for (let at = 0; at < changes.length; at += PIECE) {
    const texts = changes.slice(at, at + PIECE).map(text)

    yield format === 'json' ? `${at === 0 ? '' : ',\n'}${texts.join(',\n')}` : texts.join('')
  }

  yield tail
}

async function * lines (client: Client, query: { withinMs?: number, job?: string, signal: AbortSignal }, type: string): AsyncGenerator<string> {
  const { withinMs, job, signal } = query

  for await (const { nowMs, changes } of client.profile({ follow: true, signal, ...(withinMs == null ? {} : { withinMs }), ...(job == null ? {} : { job }) })) {
    const data = JSON.stringify({ kind: 'changes', nowMs, changes: changes.map(changeRecord) })

    yield type === NDJSON ? `${data}\n` : `event: changes\ndata: ${data}\n\n`
  }
}

function iso (ms: number): string {
  return new Date(ms).toISOString()
}
