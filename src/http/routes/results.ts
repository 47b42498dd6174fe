import { z } from 'zod'
import { MAX_ENTRIES } from '../../model/map.ts'
import { isTaskEnd } from '../../model/states.ts'
import { parseDuration } from '../../model/units.ts'
import { isNumbered, mapResult, TaskOutputs } from '../../library/map-result.ts'
import { RESULT_FORMATS, Results, type ResultFormat } from '../../library/results.ts'
import { execStatus } from '../../roles/client/exec-status.ts'
import { finishedJob, resultsOf } from '../../roles/client/finished.ts'
import { jsonBytes, type JsonBytes } from '../exchange/bytes.ts'
import { aboutJob, HttpProblem, usage } from '../exchange/problem.ts'
import { json, route, type Route } from '../exchange/route.ts'
import { firstOf } from '../exchange/sessions.ts'
import { jobView, outcome } from '../schema/views.ts'
import { jobInfo } from '../../library/events.ts'
import { streamOf } from '../exchange/stream.ts'
import { JOB_PARAMS } from './jobs.ts'
import type { JobView, SubmitReply } from '../../node/protocol/submit/messages.ts'
import type { Client } from '../../roles/client/types.ts'

const MAX_WAIT_MS = 10 * 60 * 1000

/** Of one answer that holds output in JSON. */
const MAX_OUTCOME_BYTES = 16 * 1024 * 1024

const TYPES: Record<ResultFormat, string> = {
  table: 'text/plain; charset=utf-8',
  json: 'application/json',
  ndjson: 'application/x-ndjson',
  csv: 'text/csv; charset=utf-8',
  markdown: 'text/markdown; charset=utf-8',
  full: 'application/json'
}

const wait = z.string().max(40).optional().describe('Wait so long for the end, at most 10 m: 30s. What has not ended then is answered with 202')
const notYet = { description: 'It has not ended yet', content: { 'application/json': z.object({ view: jobView }) } }

export function resultRoutes (): Route[] {
  return [
    route({
      method: 'get',
      path: '/v1/jobs/{id}/results',
      id: 'jobResults',
      summary: 'Results of a job',
      description: 'As the command line writes them. `full` has statistics and every sample.',
      access: 'read',
      lasting: true,
      params: JOB_PARAMS,
      query: z.strictObject({ format: z.enum(RESULT_FORMATS).default('json').describe('How they are written'), wait }),
      answers: {
        200: {
          description: 'The results; of a job that has not ended, without `wait`, those that there are',
          content: { 'application/json': z.looseObject({}), 'application/x-ndjson': undefined, 'text/csv': undefined, 'text/markdown': undefined, 'text/plain': undefined },
          headers: { 'Meshmark-Exit-Code': 'What meshmark run would exit with: 0, 1 or 3; only of a job that has ended' }
        },
        202: notYet
      },
      handle: async ({ params: { id = '' }, query: { format, wait }, session, signal }) => {
        const client = await session.client()
        const view = await ended(client, id, wait, signal)

        if (view != null) {
          return json({ view: jobInfo(view) }, 202)
        }

        const shown = await aboutJob(id, async () => client.show(id, undefined, { signal }))
        const results = new Results(finishedJob({ view: shown.view, results: resultsOf(shown.events) }))

        return new Response(results.text(format), { headers: { 'content-type': TYPES[format], ...(isOver(shown.view) ? { 'meshmark-exit-code': String(results.exitCode) } : {}) } })
      }
    }),
    route({
      method: 'get',
      path: '/v1/jobs/{id}/outcome',
      id: 'jobOutcome',
      summary: 'How a program that was handed out has ended, with its output',
      access: 'read',
      lasting: true,
      params: JOB_PARAMS,
      query: z.strictObject({ wait }),
      answers: { 200: { description: 'The outcome; of a job that has not ended, without `wait`, what there is', content: { 'application/json': outcome } }, 202: notYet },
      handle: async ({ params: { id = '' }, query: { wait }, session, signal }) => {
        const client = await session.client()
        const view = await ended(client, id, wait, signal)

        return view != null ? json({ view: jobInfo(view) }, 202) : json(await outcomeOf(client, id, signal))
      }
    }),
    route({
      method: 'get',
      path: '/v1/jobs/{id}/output',
      id: 'jobOutput',
      summary: 'What the programs of a job have printed, as it is',
      description: 'Of a measured program its first run. Several tasks come one after the other; of a map one command of one worker: worker and command.',
      access: 'read',
      lasting: true,
      params: JOB_PARAMS,
      query: z.strictObject({
        stream: z.enum(['stdout', 'stderr']).default('stdout').describe('Which stream'),
        worker: z.string().max(100).optional().describe('Only of the worker of this name'),
        command: z.coerce.number().int().min(1).max(MAX_ENTRIES).optional().describe("Of a map: only of the command with this number in its worker's list"),
        wait
      }),
      answers: {
        200: { description: 'The bytes', content: { 'application/octet-stream': undefined }, headers: { 'Meshmark-Exit-Code': 'What meshmark exec would exit with; only of a job of exec without items that has ended' } },
        202: notYet
      },
      handle: async ({ params: { id = '' }, query: { stream, worker, command, wait }, session, signal }) => {
        const client = await session.client()
        const waiting = await ended(client, id, wait, signal)

        if (waiting != null) {
          return json({ view: jobInfo(waiting) }, 202)
        }

        const { view, events } = await aboutJob(id, async () => client.show(id, undefined, { signal }))

        if (worker != null && view.job.each == null && !view.tasks.some(({ workerName }) => workerName === worker)) {
          throw new HttpProblem(404, 'usage', `worker '${worker}' has no part in this job`)
        }

        if (command != null && view.job.map == null) {
          throw usage('only a map has numbered commands: leave command out')
        }

        return new Response(streamOf(output(client, view, { stream, worker, command, signal }), { signal }), {
          headers: { 'content-type': 'application/octet-stream', ...(isOver(view) && view.job.kind === 'exec' && view.job.each == null && view.job.map == null ? { 'meshmark-exit-code': String(codeOf(view, events)) } : {}) }
        })
      }
    })
  ]
}

/** Undefined once the job has ended, or when nobody wants to wait; otherwise what it is when the time is over. */
async function ended (client: Client, selector: string, wait: string | undefined, signal: AbortSignal): Promise<JobView | undefined> {
  const { view } = await aboutJob(selector, async () => client.show(selector, 'none', { signal }))

  if (wait == null || isOver(view)) {
    return undefined
  }

  const waitMs = parseDuration(wait, 'wait')

  if (waitMs > MAX_WAIT_MS) {
    throw usage(`wait '${wait}' is more than 10 minutes: ask again instead`)
  }

  const late = new AbortController()
  const timer = setTimeout(() => { late.abort() }, waitMs)
  const { signal: either, forget } = firstOf(signal, late.signal)

  try {
    const replies = view.job.each == null ? client.attach(view.job.id, { signal: either }) : client.attachItems(view.job.id, { signal: either })

    for await (const reply of replies) {
      if (reply.kind === 'end') {
        return undefined
      }
    }
  } catch (err) {
    signal.throwIfAborted()

    if (!late.signal.aborted) {
      throw err
    }
  } finally {
    clearTimeout(timer)
    forget()
  }

  const { view: now } = await client.show(view.job.id, 'none', { signal })

  return isOver(now) ? undefined : now
}

function isOver ({ state }: JobView): boolean {
  return state === 'finished' || state === 'cancelled'
}

function codeOf (view: JobView, events: SubmitReply[]): number {
  const results = resultsOf(events)

  return Math.max(125 * Number(view.tasks.length === 0), ...view.tasks.map(({ task, reason, state }) => execStatus(results.get(task), reason ?? state).code))
}

async function outcomeOf (client: Client, selector: string, signal: AbortSignal): Promise<z.infer<typeof outcome>> {
  const outputs = new TaskOutputs(MAX_OUTCOME_BYTES)
  const { view, events } = await aboutJob(selector, async () => client.show(selector, undefined, { signal }))

  if (view.job.kind !== 'exec' || view.job.each != null) {
    throw usage('only a job of kind exec or map has an outcome: see its results, its events or its output')
  }

  const results = resultsOf(events)
  const printed = (task: string): { stdout: JsonBytes, stderr: JsonBytes } => {
    const { stdout, stderr } = outputs.of(task)

    return { stdout: jsonBytes(stdout), stderr: jsonBytes(stderr) }
  }

  for await (const reply of client.attach(view.job.id, { output: true, follow: false, signal })) {
    if (reply.kind === 'output') {
      outputs.take(reply.task, reply.stream, reply.data)
    }
  }

  const common = { id: view.job.id, state: view.state, truncated: outputs.truncated }

  if (view.job.map != null) {
    const { code, workers } = mapResult(finishedJob({ view, results }))

    return {
      ...common,
      ...(isOver(view) ? { code } : {}),
      tasks: workers.flatMap(({ worker, commands }) => commands.map(({ reason, ...command }) => ({ ...command, worker, ...(reason == null ? {} : { message: reason }), ...printed(command.task) })))
    }
  }

  return {
    ...common,
    ...(isOver(view) ? { code: codeOf(view, events) } : {}),
    tasks: view.tasks.map(({ task, worker, workerName, state, reason }) => ({
      task,
      worker: worker == null ? '' : workerName,
      state,
      ...(isTaskEnd(state) ? execStatus(results.get(task), reason ?? state) : {}),
      ...printed(task)
    }))
  }
}

async function * output (client: Client, view: JobView, { stream, worker, command, signal }: { stream: 'stdout' | 'stderr', worker?: string, command?: number, signal: AbortSignal }): AsyncGenerator<Uint8Array> {
  const { job, tasks } = view
  const isAsked = command == null ? () => true : isNumbered(view, command)
  const asked = new Set(tasks.filter(({ task, workerName }) => isAsked(task) && (worker == null || workerName === worker)).map(({ task }) => task))

  if (job.each == null) {
    for await (const reply of client.attach(job.id, { output: true, follow: false, signal })) {
      if (reply.kind === 'output' && reply.stream === stream && asked.has(reply.task)) {
        yield reply.data
      }
    }

    return
  }

  let isShown = false

  for await (const reply of client.attachItems(job.id, { ordered: true, follow: false, signal })) {
    if (reply.kind === 'output' && reply.stream === stream && isShown) {
      yield reply.data
    }

    for (const item of reply.kind === 'items' ? reply.items : []) {
      const data = item[stream]

      isShown = worker == null || item.workerName === worker

      if (isShown && data != null) {
        yield data
      }
    }
  }
}
