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
      query: z.strictObject({
        jobs: z.coerce.number().int().min(0).max(10_000).default(200).describe('So many of the latest jobs, besides those that have not ended; 0 = no jobs')
      }),
      answers: { 200: { description: 'Events, as Accept says', content: { [SSE]: undefined, [NDJSON]: meshEvent } } },
      handle: async ({ query: { jobs }, session, signal, headers }) => {
        const type = accepts(headers.get('accept'), [SSE, NDJSON])
        const client = await session.client()

        return new Response(streamOf(lines(changes(client, facts, jobs, signal), type), { signal, ...(type === SSE ? { beat: { ...BEAT, everyMs: BEAT_MS } } : {}) }), {
          headers: { 'content-type': type, ...EVENT_HEADERS }
        })
      }
    })
  ]
}

async function * changes (client: Client, { name, peerId, urlsOf }: Facts, limit: number, signal: AbortSignal): AsyncGenerator<MeshEvent> {
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

    const jobChanges = limit === 0 ? undefined : jobWatch.look(await listed(client, limit, signal))

    if (jobChanges != null) {
      yield { nowMs, ...jobChanges }
    }

    await delay(Math.max(LOOK_MS, (performance.now() - beganMs) / SHARE), undefined, { signal }).catch(() => {})
  }
}

/** The latest, and whatever is still open. */
async function listed (client: Client, limit: number, signal: AbortSignal): Promise<JobRow[]> {
  const latest = await client.jobs(limit, { signal })

  if (latest.length < limit) {
    return latest
  }

  const open = await Promise.all((['running', 'queued'] as const).map(async state => client.jobs(10_000, { state, signal })))

  // the same job may have moved on between two of these: what was asked later counts
  return [...new Map([...latest, ...open.flat()].map(row => [row.id, row])).values()]
}

async function * lines (events: AsyncIterable<MeshEvent>, type: string): AsyncGenerator<string> {
  for await (const event of events) {
    const data = JSON.stringify(event)

    yield type === NDJSON ? `${data}\n` : `event: ${event.kind}\ndata: ${data}\n\n`
  }
}
