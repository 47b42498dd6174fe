import { json, route, type Route } from '../exchange/route.ts'
import { uploaded } from '../schema/views.ts'
import type { Uploads } from '../exchange/uploads.ts'

export function fileRoutes ({ uploads }: { uploads: Uploads }): Route[] {
  return [
    route({
      method: 'put',
      path: '/v1/files',
      id: 'uploadFile',
      summary: 'Send a file for jobs to come',
      description: 'The body is the file. It is kept for an hour, on the master that was asked, for jobs of the same token: {"name": …, "upload": id} among their files.',
      access: 'write',
      raw: true,
      lasting: true,
      answers: { 201: { description: 'It is there', content: { 'application/json': uploaded } } },
      handle: async ({ session, stream, signal }) => json(await uploads.put(session.bearer.id, stream, signal), 201)
    })
  ]
}
