import { z } from 'zod'
import { jobEvent } from '../../library/events.ts'
import { ItemReplay } from '../../roles/client/item-replay.ts'
import { Replay } from '../../roles/client/replay.ts'
import { jsonBytes, withBytes } from '../exchange/bytes.ts'
import { BEAT, EVENT_HEADERS, NDJSON, SSE } from '../exchange/event-stream.ts'
import { decodePosition, encodePosition } from '../exchange/position.ts'
import { aboutJob, usage } from '../exchange/problem.ts'
import { accepts, route, type Route } from '../exchange/route.ts'
import { event } from '../schema/views.ts'
import { streamOf } from '../exchange/stream.ts'
import { JOB_PARAMS } from './jobs.ts'
import type { JobEvent } from '../../library/events.ts'
import type { JobView, SubmitReply } from '../../node/protocol/submit/messages.ts'
import type { Client } from '../../roles/client/types.ts'
import type { Position } from '../exchange/position.ts'

export function eventRoutes (): Route[] {
  return [
    route({
      method: 'get',
      path: '/v1/jobs/{id}/events',
      id: 'followJob',
      summary: 'Follow a job to its end',
      description: 'The last event is `end`. With Last-Event-ID it goes on behind that event, at any master: output comes once; states and results that have been told are told again.',
      access: 'read',
      lasting: true,
      params: JOB_PARAMS,
      query: z.strictObject({
        tail: z.coerce.number().int().min(0).optional().describe('Of what each stream of a task holds when it is told first, no more than so many bytes, the last ones; not of jobs with items')
      }),
      headers: { 'Last-Event-ID': 'The id of the last event that came, to go on behind it' },
      answers: { 200: { description: 'Events, as Accept says', content: { [SSE]: undefined, [NDJSON]: event } } },
      handle: async ({ params: { id = '' }, query: { tail }, session, signal, headers }) => {
        const type = accepts(headers.get('accept'), [SSE, NDJSON])
        const client = await session.client()
        const { view } = await aboutJob(id, async () => client.show(id, 'none', { signal }))
        const last = headers.get('last-event-id')
        const begin = last == null || last === '' ? undefined : decodePosition(last, view.job.id)

        return new Response(streamOf(lines(events(client, view, { begin, tail }, signal), type), { signal, ...(type === SSE ? { beat: BEAT } : {}) }), {
          headers: { 'content-type': type, ...EVENT_HEADERS }
        })
      }
    })
  ]
}

interface Told {
  event: JobEvent
  position?: string
}

/** Events with the position behind each; where nothing has changed of it, without. */
async function * events (client: Client, { job }: JobView, { begin, tail }: { begin?: Position, tail?: number }, signal: AbortSignal): AsyncGenerator<Told> {
  if (begin != null && ('told' in begin) !== (job.each != null)) {
    throw usage('Last-Event-ID is not one of an event of this job')
  }

  const position = begin != null && 'told' in begin ? begin : undefined
  const [replies, replay]: [AsyncIterable<SubmitReply>, Replay | ItemReplay] = job.each == null
    ? [client.attach(job.id, { output: true, offsets: begin?.offsets, tail, signal }), new Replay(begin?.offsets, tail != null)]
    : [client.attachItems(job.id, { position, signal }), new ItemReplay(position)]

  for await (const reply of replies) {
    const fresh = replay.take(reply)
    const event = fresh == null ? undefined : jobEvent(fresh)

    if (event != null) {
      const moved = event.kind === 'output' || event.kind === 'items'

      yield { event, ...(moved ? { position: encodePosition(replay instanceof Replay ? { offsets: replay.offsets() } : replay.position()) } : {}) }
    }
  }
}

async function * lines (told: AsyncIterable<Told>, type: string): AsyncGenerator<string> {
  for await (const { event, position } of told) {
    const data = JSON.stringify(jsonOf(event, type === NDJSON ? position : undefined))

    yield type === NDJSON ? `${data}\n` : `event: ${event.kind}\n${position == null ? '' : `id: ${position}\n`}data: ${data}\n\n`
  }
}

function jsonOf (event: JobEvent, id: string | undefined): object {
  const named = id == null ? {} : { id }

  if (event.kind === 'output') {
    const { data, ...rest } = event

    return { ...rest, ...jsonBytes(data), ...named }
  }

  return { ...withBytes(event) as object, ...named }
}
