import { z } from 'zod'
import { contentDigest } from '../exchange/content-digest.ts'
import { json, route, type Route } from '../exchange/route.ts'
import { uploaded } from '../schema/views.ts'
import type { Bearer } from '../../roles/master/bearers.ts'
import type { Piece, Uploads } from '../exchange/uploads.ts'

const DIGEST_HEADER = { 'Content-Digest': 'SHA-256 of the body, sha-256=:BASE64: (RFC 9530)' }
const FILE_PARAMS = { id: 'What POST /v1/files answered as `id`' }

/** Of the pages of one client all are its own: a token that has ended is followed by another one. */
export function ownerOf ({ id, owner }: Bearer): string {
  return owner ?? id
}

function bodyOf (body: Piece['body'], headers: Headers): Omit<Piece, 'offset'> {
  const length = headers.get('content-length')

  return { body, digest: contentDigest(headers.get('content-digest')), ...(length == null ? {} : { length: Number(length) }) }
}

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
      headers: DIGEST_HEADER,
      handle: async ({ session, stream, headers, signal }) => json(await uploads.put(ownerOf(session.bearer), bodyOf(stream, headers), signal), 201)
    }),
    route({
      method: 'post',
      path: '/v1/files',
      id: 'beginFile',
      summary: 'Begin a file that is sent in pieces',
      description: 'For large files and bad connections: PATCH /v1/files/{id} sends the pieces, and after a failure goes on where GET says. What has come outlives this master\'s process, and is removed an hour after the last of it.',
      access: 'write',
      body: z.strictObject({
        size: z.int().min(0).describe('Bytes of the whole file'),
        sha256: z.string().regex(/^[0-9a-f]{64}$/i, 'it is no SHA-256 in hex').optional().describe('Of the whole file: it is compared at the end, and a file that differs is removed')
      }),
      answers: { 201: { description: 'It can be sent', content: { 'application/json': uploaded }, headers: { Location: 'The file' } } },
      handle: async ({ session, body }) => {
        const upload = await uploads.begin(ownerOf(session.bearer), body)

        return json(upload, 201, { location: `/v1/files/${upload.id}` })
      }
    }),
    route({
      method: 'patch',
      path: '/v1/files/{id}',
      id: 'sendPiece',
      summary: 'Send the next piece of a file',
      description: 'The body is the file from `offset` on, as much of it as one likes; `offset` must be how many bytes are there, else 409 says how many. Where it breaks off, what has come counts; with Content-Digest only the whole piece does, and only if it is what that says. A request that still sends an earlier piece is ended with 409.',
      access: 'write',
      raw: true,
      lasting: true,
      params: FILE_PARAMS,
      query: z.strictObject({ offset: z.string().regex(/^\d{1,15}$/, 'it is no number of bytes').transform(Number).describe('Where the body begins in the file') }),
      headers: DIGEST_HEADER,
      answers: { 200: { description: 'It is on the disk', content: { 'application/json': uploaded } } },
      handle: async ({ params: { id = '' }, query: { offset }, headers, session, stream, signal }) => json(await uploads.append(ownerOf(session.bearer), id, { offset, ...bodyOf(stream, headers) }, signal))
    }),
    route({
      method: 'get',
      path: '/v1/files/{id}',
      id: 'showFile',
      summary: 'How much of a file is there',
      access: 'read',
      params: FILE_PARAMS,
      answers: { 200: { description: 'The file', content: { 'application/json': uploaded } } },
      handle: async ({ params: { id = '' }, session }) => json(await uploads.show(ownerOf(session.bearer), id))
    }),
    route({
      method: 'delete',
      path: '/v1/files/{id}',
      id: 'removeFile',
      summary: 'Remove a file that is for no job any more',
      description: 'Also one that is being sent: that request is ended with 409.',
      access: 'write',
      params: FILE_PARAMS,
      answers: { 200: { description: 'Removed', content: { 'application/json': z.object({ id: z.string() }) } } },
      handle: async ({ params: { id = '' }, session }) => {
        await uploads.drop(ownerOf(session.bearer), id)

        return json({ id })
      }
    })
  ]
}
