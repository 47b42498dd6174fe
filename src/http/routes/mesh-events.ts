import { setTimeout as delay } from 'node:timers/promises'
import { z } from 'zod'
import { BEAT, EVENT_HEADERS, NDJSON, SSE } from '../exchange/event-stream.ts'
import { JobWatch, NodeWatch } from '../exchange/mesh-changes.ts'
import { accepts, route, type Route } from '../exchange/route.ts'
import { streamOf } from '../exchange/stream.ts'
import { meshEvent } from '../schema/views.ts'
import type { JobRow } from '../../node/protocol/submit/messages.ts'
import type { Client } from '../../roles/client/types.ts'
import type { MeshEvent } from '../exchange/mesh-changes.ts'
import type { MeshFacts } from './mesh.ts'

/** A master lists one more at once. */
const MAX_OPEN = 9_999

/** How often is looked, at most. */
const LOOK_MS = 1_000

/** Of the time at most this share goes into looking, however large the mesh is. */
const SHARE = 0.1

/** A reader that hears nothing for twice this long may take the master for dead. */
const BEAT_MS = 5_000

type Facts = Pick<MeshFacts, 'name' | 'peerId' | 'urlsOf'>

export function meshEventRoutes (facts: Facts): Route[] {
  return [
    route({
      method: 'get',
      path: '/v1/events',
      id: 'followMesh',
      summary: 'Follow the nodes and the jobs of this token',
      description: 'It begins with everything (`all`), then tells what has changed, at most once a second; it has no end. Whoever comes back, here or to another master, is told everything again: so nothing is missed, and there is no position to go on from.',
      access: 'read',
      lasting: true,
      packed: true,
      query: z.strictObject({
        jobs: z.coerce.number().int().min(0).max(10_000).default(200).describe('So many of the latest jobs, besides those that have not ended; 0 = no jobs'),
        open: z.coerce.number().int().min(1).max(MAX_OPEN).default(500).describe('So many of those that run, and so many of those that wait, the latest first; `more` says that there are others')
      }),
      answers: { 200: { description: 'Events, as Accept says', content: { [SSE]: undefined, [NDJSON]: meshEvent } } },
      handle: async ({ query: { jobs, open }, session, signal, headers }) => {
        const type = accepts(headers.get('accept'), [SSE, NDJSON])
        const client = await session.client()

        return new Response(streamOf(lines(changes(client, facts, { jobs, open }, signal), type), { signal, ...(type === SSE ? { beat: { ...BEAT, everyMs: BEAT_MS } } : {}) }), {
          headers: { 'content-type': type, ...EVENT_HEADERS }
        })
      }
    })
  ]
}

async function * changes (client: Client, { name, peerId, urlsOf }: Facts, limits: { jobs: number, open: number }, signal: AbortSignal): AsyncGenerator<MeshEvent> {
  const nodeWatch = new NodeWatch()
  const jobWatch = new JobWatch()
  let told = ''

  while (!signal.aborted) {
    const beganMs = performance.now()
    const nodes = await client.nodes({ signal })
    const nowMs = Date.now()
    const masters = nodes.filter(({ role }) => role === 'master').map(node => ({ peerId: node.peerId, name: node.name, state: node.state, urls: urlsOf(node.peerId) }))
    const mesh = { master: name, peerId, masters }

    if (JSON.stringify(mesh) !== told) {
      told = JSON.stringify(mesh)
      yield { kind: 'mesh', nowMs, ...mesh }
    }

    const nodeChanges = nodeWatch.look(nodes, nowMs)

    if (nodeChanges != null) {
      yield { nowMs, ...nodeChanges }
    }

    const { jobs, more } = await listed(client, limits, signal)
    const jobChanges = limits.jobs === 0 ? undefined : jobWatch.look(jobs, more)

    if (jobChanges != null) {
      yield { nowMs, ...jobChanges }
    }

    await delay(Math.max(LOOK_MS, (performance.now() - beganMs) / SHARE), undefined, { signal }).catch(() => {})
  }
}

/** The latest, and those that are still open. */
async function listed (client: Client, { jobs: limit, open: most }: { jobs: number, open: number }, signal: AbortSignal): Promise<{ jobs: JobRow[], more: boolean }> {
  const latest = limit === 0 ? [] : await client.jobs(limit, { signal })

  if (latest.length < limit || limit === 0) {
    return { jobs: latest, more: false }
  }

  const open = await Promise.all((['running', 'queued'] as const).map(async state => client.jobs(most + 1, { state, signal })))

  return {
    // the same job may have moved on between two of these: what was asked later counts
    jobs: [...new Map([...latest, ...open.flatMap(rows => rows.slice(0, most))].map(row => [row.id, row])).values()],
    more: open.some(rows => rows.length > most)
  }
}

async function * lines (events: AsyncIterable<MeshEvent>, type: string): AsyncGenerator<string> {
  for await (const event of events) {
    const data = JSON.stringify(event)

    yield type === NDJSON ? `${data}\n` : `event: ${event.kind}\ndata: ${data}\n\n`
  }
}
