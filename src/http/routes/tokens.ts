import { z } from 'zod'
import { ROLES } from '../../model/roles.ts'
import { parseDuration } from '../../model/units.ts'
import { HTTP_ACCESS } from '../../node/protocol/admin/messages.ts'
import { json, route, type Route } from '../exchange/route.ts'
import { tokenRow } from '../schema/views.ts'
import { usage } from '../exchange/problem.ts'

const HOUR_MS = 3_600_000

export function tokenRoutes (): Route[] {
  return [
    route({
      method: 'get',
      path: '/v1/tokens',
      id: 'listTokens',
      summary: 'Tokens that were made, without their secrets',
      access: 'admin',
      answers: { 200: { description: 'The tokens', content: { 'application/json': z.object({ tokens: z.array(tokenRow) }) } } },
      handle: async ({ session, signal }) => json({ tokens: await (await session.client()).listTokens({ signal }) })
    }),
    route({
      method: 'post',
      path: '/v1/tokens',
      id: 'createToken',
      summary: 'Make a token, to join with or for this interface',
      description: 'Its text is told this once.',
      access: 'admin',
      body: z.strictObject({
        role: z.enum(ROLES),
        ttl: z.union([z.string().max(40), z.number()]).optional().describe("How long it is good for: '24h'. Default: 24h, of a master 1h, for this interface 30d"),
        uses: z.int().min(1).optional(),
        name: z.string().max(48).regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/).optional(),
        http: z.enum(HTTP_ACCESS).optional().describe('For this interface: with all that the role may, or to read only')
      }),
      answers: { 201: { description: 'Made', content: { 'application/json': z.object({ text: z.string(), token: tokenRow, addresses: z.array(z.string()) }) } } },
      handle: async ({ body: { role, ttl, uses = role === 'master' ? 1 : undefined, name, http }, session, signal }) => {
        checkHttpToken(role, http, uses)

        const ttlMs = ttl != null ? Math.round(parseDuration(String(ttl), 'ttl')) : http != null ? 30 * 24 * HOUR_MS : role === 'master' ? HOUR_MS : 24 * HOUR_MS
        const { text, row, addresses } = await (await session.client()).createToken(role, { ttlMs, uses, name, http, signal })

        return json({ text, token: row, addresses }, 201)
      }
    }),
    route({
      method: 'delete',
      path: '/v1/tokens/{id}',
      id: 'revokeToken',
      summary: 'Let nobody in with a token any more',
      access: 'admin',
      params: { id: 'Id of the token, as the list shows it' },
      answers: { 200: { description: 'Revoked', content: { 'application/json': z.object({ detail: z.string() }) } } },
      handle: async ({ params: { id = '' }, session, signal }) => json({ detail: await (await session.client()).revokeToken(id, { signal }) })
    })
  ]
}

function checkHttpToken (role: string, http: string | undefined, uses: number | undefined): void {
  if (http != null && role !== 'client' && role !== 'admin') {
    throw usage(`a token for this interface is for the role client or admin, not ${role}`)
  }

  if (http != null && uses != null) {
    throw usage('a token for this interface is good for any number of requests: leave uses out')
  }
}
