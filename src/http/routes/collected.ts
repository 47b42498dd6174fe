import { z } from 'zod'
import { listCollected, readCollected, type CollectedEntry, type CollectedList } from '../../roles/client/collected-list.ts'
import { aboutJob, HttpProblem } from '../exchange/problem.ts'
import { json, route, type Route } from '../exchange/route.ts'
import { streamOf } from '../exchange/stream.ts'
import { collected } from '../schema/views.ts'
import { JOB_PARAMS } from './jobs.ts'
import type { Client } from '../../roles/client/types.ts'

/** Of one answer. */
const MAX_LISTED = 10_000

export function collectedRoutes (): Route[] {
  return [
    route({
      method: 'get',
      path: '/v1/jobs/{id}/collected',
      id: 'listCollected',
      summary: 'Files that the tasks of a job have brought back',
      description: 'Those of `collect`, as far as its tasks have ended.',
      access: 'read',
      params: JOB_PARAMS,
      query: z.strictObject({
        worker: z.string().max(100).optional().describe('Only of the worker of this name'),
        limit: z.coerce.number().int().min(1).max(MAX_LISTED).default(1_000).describe('At most so many'),
        offset: z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER).default(0).describe('Not the first so many')
      }),
      answers: { 200: { description: 'The files', content: { 'application/json': collected } } },
      handle: async ({ params: { id = '' }, query: { worker, limit, offset }, session, signal }) => {
        const client = await session.client()
        const { entries, skipped, open } = await listOf(client, id, signal)
        const files: object[] = []
        let count = 0

        for (const entry of entries()) {
          if (worker == null || entry.worker === worker) {
            if (count >= offset && files.length < limit) {
              files.push(shown(entry))
            }

            count++
          }
        }

        return json({ files, count, skipped: skipped.filter(entry => worker == null || entry.worker === worker).slice(0, MAX_LISTED), open })
      }
    }),
    route({
      method: 'get',
      path: '/v1/jobs/{id}/collected/file',
      id: 'getCollected',
      summary: 'The content of one of these files',
      access: 'read',
      lasting: true,
      params: JOB_PARAMS,
      query: z.strictObject({ path: z.string().max(2_000).describe('Its `path` in the list') }),
      answers: {
        200: {
          description: 'The bytes; an answer that ends early is no whole file',
          content: { 'application/octet-stream': undefined },
          headers: { 'Content-Disposition': 'attachment, with its name', 'Content-Length': 'Its size' }
        }
      },
      handle: async ({ params: { id = '' }, query: { path }, session, signal }) => {
        const client = await session.client()
        const { entries } = await listOf(client, id, signal)
        const entry = find(entries(), path)

        return new Response(streamOf(readCollected(client, entry, { signal }), { signal }), {
          headers: {
            'content-type': 'application/octet-stream',
            'content-length': String(entry.size),
            'content-disposition': disposition(entry.path),
            // whatever a browser thinks that it is, it is none of this master's pages
            'content-security-policy': "sandbox; default-src 'none'"
          }
        })
      }
    })
  ]
}

/** Of a job that is not there, or another client's, the same 404; of one that brings nothing back what is wrong. */
async function listOf (client: Client, id: string, signal: AbortSignal): Promise<CollectedList> {
  const { view } = await aboutJob(id, async () => client.show(id, 'none', { signal }))

  return listCollected(client, view.job.id, { signal })
}

function shown ({ record: _, offset: _offset, ...entry }: CollectedEntry): object {
  return entry
}

function find (entries: Iterable<CollectedEntry>, path: string): CollectedEntry {
  for (const entry of entries) {
    if (entry.path === path) {
      return entry
    }
  }

  throw new HttpProblem(404, 'usage', 'this job has brought back no file of this path: see its list')
}

/** RFC 6266: a name that every client can take, and the real one. Programs choose names: nothing of one ends the header, or begins another folder. */
function disposition (path: string): string {
  const name = path.split('/').at(-1) ?? ''
  const plain = name.replace(/[^\w. -]/g, '_').replace(/^[. ]+/, '_')
  const exact = encodeURIComponent(name).replace(/['()*]/g, char => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)

  return `attachment; filename="${plain === '' ? 'file' : plain}"; filename*=UTF-8''${exact}`
}
