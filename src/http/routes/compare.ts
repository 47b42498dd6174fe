import { z } from 'zod'
import { METRICS } from '../../model/comparison.ts'
import { isTaskEnd } from '../../model/states.ts'
import { compare } from '../../report/compared.ts'
import { historyLines, historyOf, type JobHistory } from '../../report/history.ts'
import { finishedJob, resultsOf } from '../../roles/client/finished.ts'
import { aboutJob, usage } from '../exchange/problem.ts'
import { json, route, type Route } from '../exchange/route.ts'
import { compared, history } from '../schema/compare.ts'
import type { FinishedJob } from '../../model/finished.ts'
import type { Client } from '../../roles/client/types.ts'

/** Of histories that were asked for, so many jobs are remembered: what has ended does not change. */
const MAX_KEPT_JOBS = 1_000

/** And none with more rows than that. */
const MAX_KEPT_ROWS = 200

const metric = z.enum(METRICS)
const command = z.coerce.number().int().min(0).max(10_000).optional()

export function compareRoutes (): Route[] {
  const kept = new Map<string, JobHistory>()

  return [
    route({
      method: 'get',
      path: '/v1/compare',
      id: 'compareJobs',
      summary: 'Two jobs, or two commands of a job, beside each other',
      description: 'In the words of the command line. Commands of a job of `compare` come to a verdict; everything else stands side by side without one, as with `compare --results`.',
      access: 'read',
      lasting: true,
      query: z.strictObject({
        base: z.string().min(1).max(100).describe('The job that the other one is divided by: its id, the end of it, its name, or @last'),
        with: z.string().min(1).max(100).optional().describe('The other job; absent = the same one'),
        base_command: command.describe('Only this command of it, counted from 0'),
        with_command: command.describe('Only this command of the other one'),
        metric: metric.optional().describe('By what; absent = what the job compares by, else wall time')
      }),
      answers: { 200: { description: 'Both, a line for each worker', content: { 'application/json': compared } } },
      handle: async ({ query, session, signal }) => {
        const client = await session.client()
        const base = await measuredJob(client, query.base, signal)
        const other = query.with == null || query.with === query.base ? base : await measuredJob(client, query.with, signal)

        return json(compare({ finished: base, command: query.base_command }, { finished: other, command: query.with_command }, query.metric))
      }
    }),
    route({
      method: 'get',
      path: '/v1/history',
      id: 'history',
      summary: 'The measured jobs of one name over time, for each command on each worker',
      access: 'read',
      lasting: true,
      query: z.strictObject({
        name: z.string().min(1).max(64).describe('Whole name of the jobs; * stands for any characters'),
        metric: metric.default('wall').describe('What of the runs'),
        limit: z.coerce.number().int().min(1).max(200).default(60).describe('The latest so many jobs')
      }),
      answers: { 200: { description: 'The lines; empty when there are no such jobs', content: { 'application/json': history } } },
      handle: async ({ query: { name, metric, limit }, session, signal }) => {
        const client = await session.client()
        const rows = await client.jobs(limit, { name, jobKind: 'run', state: 'finished', signal })
        const jobs: JobHistory[] = []

        // one after the other: a job has up to 16 MB of samples
        for (const { id, acceptedAt } of rows) {
          const key = `${id} ${metric}`
          const known = kept.get(key)
          const job = known ?? historyOf(await measuredJob(client, id, signal), acceptedAt, metric)

          jobs.push(job)

          if (job.length <= MAX_KEPT_ROWS) {
            // the one that was asked for last is forgotten last
            kept.delete(key)
            kept.set(key, job)
          }

          if (kept.size > MAX_KEPT_JOBS) {
            kept.delete(kept.keys().next().value!)
          }
        }

        return json({ name, metric, jobs: rows.map(({ id, title, acceptedAt }) => ({ id, title, acceptedAt })).reverse(), lines: historyLines(jobs) })
      }
    })
  ]
}

async function measuredJob (client: Client, selector: string, signal: AbortSignal): Promise<FinishedJob> {
  const { view, events } = await aboutJob(selector, async () => client.show(selector, undefined, { signal }))

  if (view.job.kind !== 'run') {
    throw usage(`job '${selector}' was handed out, not measured: only jobs of run and compare have figures`)
  }

  if (!view.tasks.some(({ state }) => isTaskEnd(state))) {
    throw usage(`job '${selector}' has no results yet: wait for its end`)
  }

  return finishedJob({ view, results: resultsOf(events) })
}
