import { z } from 'zod'
import { shortJobId } from '../../model/ids.ts'
import { parseDuration } from '../../model/units.ts'
import { jobInfo } from '../../library/events.ts'
import { planInfo } from '../../library/plan.ts'
import { draftOfBody } from '../exchange/job-body.ts'
import { openJob, type OpenPayload } from '../exchange/kept-job.ts'
import { aboutJob } from '../exchange/problem.ts'
import { json, route, type Route } from '../exchange/route.ts'
import { type JobBody, jobSpec } from '../schema/job.ts'
import { plan } from '../schema/plan.ts'
import { jobRow, jobState, jobView, submitted } from '../schema/views.ts'
import { ownerOf } from './files.ts'
import type { Client } from '../../roles/client/types.ts'
import type { Session } from '../exchange/sessions.ts'
import type { Uploads } from '../exchange/uploads.ts'

export const JOB_PARAMS = { id: 'Id of the job, the end of it, its name, or @last' }

const listed = z.object({ jobs: z.array(jobRow) })

interface JobRouteParts {
  uploads: Uploads
  openPayload: OpenPayload
}

export function jobRoutes ({ uploads, openPayload }: JobRouteParts): Route[] {
  /** The uploads and the earlier job that it is made of are there until `use` is done. */
  const withDraft = async ({ body, session, signal }: { body: JobBody, session: Session, signal: AbortSignal }, use: (client: Client, drafted: Awaited<ReturnType<typeof draftOfBody>>) => Promise<Response>): Promise<Response> => {
    const releases: Array<() => void | Promise<void>> = []
    const client = await session.client()

    try {
      return await use(client, await draftOfBody(body, {
        upload: id => {
          const { path, release } = uploads.take(ownerOf(session.bearer), id)

          releases.push(release)

          return path
        },
        job: async selector => {
          const { view: { job } } = await aboutJob(selector, async () => client.show(selector, 'none', { signal }))
          const kept = await openJob(job, client.peerId, openPayload)

          releases.push(kept.close)

          return kept
        }
      }))
    } finally {
      await Promise.all(releases.map(async release => release()))
    }
  }

  return [
    route({
      method: 'post',
      path: '/v1/jobs',
      id: 'submitJob',
      summary: 'Submit a job',
      description: 'Answered when it is accepted, which means durable. The same `id` with the same content is the same job. With `from`, files and environment of an earlier job need not be sent again.',
      access: 'write',
      body: jobSpec,
      answers: {
        200: { description: 'This very job had been accepted before', content: { 'application/json': submitted } },
        201: { description: 'Accepted', content: { 'application/json': submitted }, headers: { Location: 'The job' } }
      },
      handle: async ask => withDraft(ask, async (client, { draft, hints }) => {
        const { id, masters, existing, leftOut } = await client.submit(draft, { signal: ask.signal })

        return json({ id, short: shortJobId(id), masters, existing, ...(leftOut == null ? {} : { leftOut }), hints }, existing ? 200 : 201, { location: `/v1/jobs/${id}` })
      })
    }),
    route({
      method: 'post',
      path: '/v1/plan',
      id: 'planJob',
      summary: 'What would become of a job',
      description: 'For which workers it is, which of them would have something of it at once, and why others would not. Nothing is submitted; what would be refused is refused in the same way.',
      access: 'read',
      body: jobSpec,
      answers: { 200: { description: 'The plan', content: { 'application/json': plan } } },
      handle: async ask => withDraft(ask, async (client, { draft, hints }) => json(planInfo(await client.plan(draft, { signal: ask.signal }), draft, hints)))
    }),
    route({
      method: 'get',
      path: '/v1/jobs',
      id: 'listJobs',
      summary: 'Jobs of this token, the latest first',
      access: 'read',
      query: z.strictObject({
        limit: z.coerce.number().int().min(1).max(10_000).default(20).describe('At most so many'),
        state: jobState.optional().describe('Only in this state'),
        name: z.string().max(64).optional().describe('Whole name; * stands for any characters'),
        kind: z.enum(['run', 'exec']).optional().describe('Only measured ones, or only those that were handed out'),
        failed: z.enum(['true', 'false']).optional().describe('true: only those of which a task did not end well'),
        within: z.string().max(40).optional().describe('Accepted no longer ago: 2h, 7d')
      }),
      answers: { 200: { description: 'The jobs', content: { 'application/json': listed } } },
      handle: async ({ query: { limit, state, name, kind, failed, within }, session, signal }) => {
        const jobs = await (await session.client()).jobs(limit, {
          signal,
          ...(state == null ? {} : { state }),
          ...(name == null ? {} : { name }),
          ...(kind == null ? {} : { jobKind: kind }),
          ...(failed === 'true' ? { failed: true } : {}),
          ...(within == null ? {} : { withinMs: Math.round(parseDuration(within, 'within')) })
        })

        return json({ jobs: jobs.sort((a, b) => b.acceptedAt - a.acceptedAt) })
      }
    }),
    route({
      method: 'get',
      path: '/v1/jobs/{id}',
      id: 'showJob',
      summary: 'What a job is, and the state of its tasks',
      access: 'read',
      params: JOB_PARAMS,
      answers: { 200: { description: 'The job', content: { 'application/json': z.object({ view: jobView }) } } },
      handle: async ({ params: { id = '' }, session, signal }) => {
        const { view } = await aboutJob(id, async () => (await session.client()).show(id, 'none', { signal }))

        return json({ view: jobInfo(view) })
      }
    }),
    route({
      method: 'delete',
      path: '/v1/jobs/{id}',
      id: 'cancelJob',
      summary: 'Cancel a job',
      description: 'Answered when the workers have confirmed; `pending` names those that will hear of it when they are back.',
      access: 'write',
      params: JOB_PARAMS,
      answers: { 200: { description: 'Cancelled', content: { 'application/json': z.object({ id: z.string(), pending: z.array(z.string()) }) } } },
      handle: async ({ params: { id = '' }, session, signal }) => {
        const { id: found, pending } = await aboutJob(id, async () => (await session.client()).cancel(id, { signal }))

        return json({ id: found, pending })
      }
    })
  ]
}
