import { z } from 'zod'
import { json, route, type Route } from '../exchange/route.ts'
import { masterRow, nodeRow } from '../schema/views.ts'
import type { UploadLimits } from '../exchange/upload-room.ts'

export interface MeshFacts {
  /** Of this master. */
  name: string
  peerId: string
  meshId: string
  version: string
  coordinates: () => boolean
  /** What one token may send before its jobs. */
  uploads: Pick<UploadLimits, 'fileBytes' | 'tokenBytes' | 'files'>
  /** Where a master answers over HTTP, by its peer id. */
  urlsOf: (peerId: string) => string[]
}

const NODE_PARAMS = { name: 'Name or peer id of the worker' }

export function meshRoutes (facts: MeshFacts): Route[] {
  return [
    route({
      method: 'get',
      path: '/v1/nodes',
      id: 'listNodes',
      summary: 'Masters and workers',
      access: 'read',
      packed: true,
      answers: { 200: { description: 'The nodes', content: { 'application/json': z.object({ nodes: z.array(nodeRow) }) } } },
      handle: async ({ session, signal }) => json({ nodes: await (await session.client()).nodes({ signal }) })
    }),
    route({
      method: 'post',
      path: '/v1/nodes/{name}/drain',
      id: 'drainNode',
      summary: 'Give a worker nothing new, or work again',
      access: 'admin',
      params: NODE_PARAMS,
      body: z.strictObject({ undo: z.boolean().default(false) }),
      answers: { 200: { description: 'Done', content: { 'application/json': z.object({ detail: z.string() }) } } },
      handle: async ({ params: { name = '' }, body: { undo }, session, signal }) => json({ detail: await (await session.client()).drain(name, undo, { signal }) })
    }),
    route({
      method: 'get',
      path: '/v1/masters',
      id: 'listMasters',
      summary: 'Masters, and where they answer over HTTP',
      description: 'A client that loses its master goes on at another one with the same token: its jobs are the same there.',
      access: 'read',
      answers: { 200: { description: 'The masters', content: { 'application/json': z.object({ masters: z.array(masterRow) }) } } },
      handle: async ({ session, signal }) => {
        const nodes = await (await session.client()).nodes({ signal })

        return json({ masters: nodes.filter(({ role }) => role === 'master').map(({ peerId, name, state }) => ({ peerId, name, state, urls: facts.urlsOf(peerId) })) })
      }
    }),
    route({
      method: 'get',
      path: '/v1/health',
      id: 'health',
      summary: 'Is this master there',
      access: 'read',
      answers: {
        200: {
          description: 'It is',
          content: { 'application/json': z.object({ status: z.literal('ok'), master: z.string(), peerId: z.string(), mesh: z.string(), version: z.string(), coordinates: z.boolean(), role: z.string(), access: z.string(), uploads: z.object({ fileBytes: z.number(), tokenBytes: z.number(), files: z.int() }).describe('What PUT /v1/files takes: of one file, and of all files of one token that are in no job yet') }) }
        }
      },
      handle: async ({ session: { bearer } }) => json({
        status: 'ok',
        master: facts.name,
        peerId: facts.peerId,
        mesh: facts.meshId,
        version: facts.version,
        coordinates: facts.coordinates(),
        role: bearer.role,
        access: bearer.access,
        uploads: { fileBytes: facts.uploads.fileBytes, tokenBytes: facts.uploads.tokenBytes, files: facts.uploads.files }
      })
    })
  ]
}
