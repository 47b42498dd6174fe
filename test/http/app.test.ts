import '../../src/node/polyfill.ts'
import { gunzipSync } from 'node:zlib'
import { afterEach, describe, expect, it } from 'vitest'
import { MeshmarkError } from '../../src/model/errors.ts'
import { createApp } from '../../src/http/app.ts'
import { SESSION_LIMITS } from '../../src/http/exchange/sessions.ts'
import type { App } from '../../src/http/app.ts'
import type { SessionLimits } from '../../src/http/exchange/sessions.ts'
import type { UploadLimits } from '../../src/http/exchange/upload-room.ts'
import type { Client } from '../../src/roles/client/types.ts'
import type { Bearer } from '../../src/roles/master/bearers.ts'

/** A client that is asked for nodes, and knows when it is closed. */
class Nodes {
  closed = 0
  asked = 0
  /** What an answer waits for. */
  gate: Promise<void> = Promise.resolve()
  jobs: (limit: number, state?: string) => Promise<unknown[]> = async () => []

  client (): Client {
    return {
      nodes: async () => {
        this.asked++
        await this.gate

        return []
      },
      jobs: async (limit: number, { state }: { state?: string }) => this.jobs(limit, state),
      close: async () => { this.closed++ }
    } as unknown as Client
  }
}

const FIGURES = { coordinates: true, term: 3, workers: { waiting: 2 }, jobs: { queued: 1, running: 0 }, tasks: { queued: 4 }, payloadBytes: 10, payloadLimitBytes: 20 }

let app: App

afterEach(async () => { await app.close() })

function open ({ limits, uploads, nodes = new Nodes(), logged = [] }: { limits?: Partial<SessionLimits>, uploads?: UploadLimits, nodes?: Nodes, logged?: string[] } = {}): { revoke: (id: string) => void, nodes: Nodes, logged: string[] } {
  let revoke = (_: string): void => {}

  app = createApp({
    bearers: {
      check: (text): Bearer => {
        const [role, id] = text.split('-')

        if (id == null) {
          throw new MeshmarkError('refused', 'this token is not known here')
        }

        return { id, role: role === 'admin' ? 'admin' : 'client', access: role === 'reader' ? 'read' : 'full', expiresAt: Date.now() + 60_000 }
      },
      connect: async () => nodes.client(),
      onRevoked: listener => { revoke = listener }
    },
    facts: { name: 'boss', peerId: 'P', meshId: 'M', version: '1', urlsOf: () => [] },
    figures: () => FIGURES,
    openPayload: async () => { throw new MeshmarkError('not-found', 'there is none') },
    hosts: ['lab.example'],
    origins: ['https://page.example'],
    fellows: () => ['http://10.0.0.2:4748'],
    log: line => { logged.push(line) },
    sessionLimits: { ...SESSION_LIMITS, ...limits },
    uploadLimits: uploads
  })

  return { revoke: id => { revoke(id) }, nodes, logged }
}

async function ask (path: string, { token = 'client-1', headers = {}, ...init }: RequestInit & { token?: string, headers?: Record<string, string> } = {}): Promise<Response> {
  return app.hono.request(`http://127.0.0.1${path}`, { ...init, headers: { host: '127.0.0.1:4748', authorization: `Bearer ${token}`, ...headers } })
}

describe('the HTTP interface', () => {
  it('says to whom it speaks, and asks for nothing else', async () => {
    open()

    const response = await ask('/v1/health')

    expect(await response.json()).toMatchObject({ status: 'ok', master: 'boss', coordinates: true, role: 'client' })
    expect(response.headers.get('cache-control')).toBe('no-store')
    expect(response.headers.get('access-control-allow-origin')).toBeNull()
  })

  it.each([
    ['no token', { authorization: '' }, 401],
    ['another scheme', { authorization: 'Basic Y2xpZW50LTE=' }, 401],
    ['an unknown token', { authorization: 'Bearer nobody' }, 401],
    ['a name that was pointed here', { host: 'evil.example' }, 421],
    ['no name', { host: '' }, 421],
    ['a page of another origin', { origin: 'https://evil.example' }, 403],
    ['a page without an origin', { origin: 'null' }, 403],
    ['a link on another site', { 'sec-fetch-site': 'cross-site' }, 403],
    ['a name of the proxy', { host: 'LAB.example' }, 200],
    ['its own page through the proxy', { host: 'lab.example', origin: 'https://lab.example' }, 200],
    ['an address', { host: '[::1]:4748' }, 200],
    ['a page that is allowed', { origin: 'https://page.example' }, 200],
    ['the page that another master served', { origin: 'http://10.0.0.2:4748' }, 200]
  ])('with %s', async (_, headers, status) => {
    open()

    const response = await ask('/v1/health', { headers })

    expect(response.status).toBe(status)
    expect(response.headers.get('content-type')).toBe(status === 200 ? 'application/json' : 'application/problem+json')
  })

  it('answers a browser that asks for a page that is allowed, and no other', async () => {
    open()

    const allowed = await ask('/v1/jobs', { method: 'OPTIONS', token: '', headers: { origin: 'https://page.example' } })

    expect([allowed.status, allowed.headers.get('access-control-allow-origin')]).toEqual([204, 'https://page.example'])
    expect((await ask('/v1/jobs', { method: 'OPTIONS', headers: { origin: 'https://evil.example' } })).status).toBe(403)
  })

  it('tells of the mesh who is there, and goes on until nobody reads', async () => {
    const { nodes } = open()
    const response = await ask('/v1/events?jobs=0', { headers: { accept: 'text/event-stream' } })
    const reader = response.body!.getReader()
    const first = new TextDecoder().decode((await reader.read()).value)
    const second = new TextDecoder().decode((await reader.read()).value)

    expect(response.headers.get('content-type')).toBe('text/event-stream')
    expect(first).toMatch(/^event: mesh\ndata: \{"kind":"mesh".*"master":"boss"/)
    expect(second).toMatch(/^event: nodes\ndata: \{.*"all":true,"nodes":\[\]/)
    expect(nodes.asked).toBe(1)
    await reader.cancel()
  })

  it('compresses what is long, for those who take that, and nothing in which a secret is told', async () => {
    open()

    const headers = { 'accept-encoding': 'gzip, br', 'content-type': 'application/json' }
    const nodes = await ask('/v1/nodes', { headers })

    expect([nodes.headers.get('content-encoding'), nodes.headers.get('vary')]).toEqual(['gzip', 'Accept-Encoding'])
    expect(JSON.parse(String(gunzipSync(Buffer.from(await nodes.arrayBuffer()))))).toEqual({ nodes: [] })
    expect((await ask('/v1/nodes')).headers.get('content-encoding')).toBeNull()
    expect((await ask('/v1/health', { headers })).headers.get('content-encoding')).toBeNull()
    expect((await ask('/v1/tokens', { method: 'POST', token: 'admin-1', headers, body: '{"role":"worker"}' })).headers.get('content-encoding')).toBeNull()
  })

  it('tells so many of the jobs that have not ended, and that there are more', async () => {
    const { nodes } = open()
    const rows = Array.from({ length: 9 }, (_, at) => ({ id: `J${at}`, state: at < 5 ? 'queued' : 'running' }))

    nodes.jobs = async (limit, state) => rows.filter(row => state == null || row.state === state).slice(0, limit)

    const firstOf = async (query: string): Promise<any> => {
      const response = await ask(`/v1/events?${query}`, { headers: { accept: 'application/x-ndjson' } })
      const reader = response.body!.getReader()

      for (;;) {
        const event = JSON.parse(new TextDecoder().decode((await reader.read()).value))

        if (event.kind === 'jobs') {
          await reader.cancel()

          return { ids: event.jobs.map(({ id }: { id: string }) => id), more: event.more }
        }
      }
    }

    expect(await firstOf('jobs=2&open=3')).toEqual({ ids: ['J0', 'J1', 'J5', 'J6', 'J7', 'J2'], more: true })
    expect(await firstOf('jobs=2&open=5')).toEqual({ ids: ['J0', 'J1', 'J5', 'J6', 'J7', 'J8', 'J2', 'J3', 'J4'], more: false })
    expect(await firstOf('jobs=20&open=1')).toMatchObject({ more: false })
  })

  it('tells whoever has no token nothing of what there is', async () => {
    open()

    expect((await ask('/v1/nothing', { token: '' })).status).toBe(401)
    expect((await ask('/v1/nothing')).status).toBe(404)
  })

  it('lets readers read and administrators administer', async () => {
    open()

    const body = { method: 'POST', body: '{"kind":"exec","command":"true"}', headers: { 'content-type': 'application/json' } }

    expect((await ask('/v1/nodes', { token: 'reader-1' })).status).toBe(200)
    expect((await ask('/v1/jobs', { token: 'reader-1', ...body })).status).toBe(403)
    expect((await ask('/v1/tokens')).status).toBe(403)
  })

  it.each([
    ['{"kind":"exec","command":"true","memroy":1}', /memroy/],
    ['{"kind":"exec"}', /command/],
    ['{"kind":"run","commands":[]}', /commands/],
    ['{"kind":"each","command":"true","items":[7]}', /'items\[0\]'/],
    ['{"kind":"exec","command":"true","timeout":"soon"}', /--timeout 'soon' is not a duration/],
    ['{"kind":"exec","command":"./solve"}', /none of the job's files/],
    ['{"kind":"walk"}', /kind/],
    ['[', /no JSON/]
  ])('names what is wrong with %s', async (body, detail) => {
    open()

    const response = await ask('/v1/jobs', { method: 'POST', body, headers: { 'content-type': 'application/json' } })

    expect(response.status).toBe(400)
    expect((await response.json() as { detail: string }).detail).toMatch(detail)
  })

  it('bounds how often and how much at once a token asks, and not those of others', async () => {
    const nodes = new Nodes()
    const { promise, resolve } = Promise.withResolvers<void>()

    open({ limits: { requests: 2, rate: { perSecond: 1, burst: 3 } }, nodes })
    nodes.gate = promise

    const held = [ask('/v1/nodes'), ask('/v1/nodes')]
    const refused = await ask('/v1/nodes')

    expect([refused.status, Number(refused.headers.get('retry-after')) >= 1]).toEqual([429, true])
    resolve()
    expect((await Promise.all(held)).map(({ status }) => status)).toEqual([200, 200])
    expect((await ask('/v1/nodes')).status).toBe(429)
    expect((await ask('/v1/nodes', { token: 'client-2' })).status).toBe(200)
  })

  it('bounds how often a wrong token is tried', async () => {
    open()

    const statuses = await Promise.all(Array.from({ length: 40 }, async () => (await ask('/v1/health', { token: 'wrong' })).status))

    expect(statuses.filter(status => status === 401).length).toBeLessThan(30)
    expect(new Set(statuses)).toEqual(new Set([401, 429]))
  })

  it('closes the client of a token that is revoked, and makes room by closing idle ones', async () => {
    const { revoke, nodes } = open({ limits: { sessions: 2 } })

    for (const token of ['client-1', 'client-2', 'client-3']) {
      expect((await (await ask('/v1/nodes', { token })).text())).toBe('{"nodes":[]}\n')
    }

    expect(nodes.closed).toBe(1)
    revoke('3')
    await app.close()
    expect(nodes.closed).toBe(3)
  })

  it('keeps uploads within bounds, each for its own token', async () => {
    open({ uploads: { fileBytes: 10, tokenBytes: 15, allBytes: 100, files: 5, keepMs: 60_000 } })

    const put = async (body: string, token?: string): Promise<Response> => ask('/v1/files', { method: 'PUT', body, token })
    const { id } = await (await put('0123456789')).json() as { id: string }

    expect((await put('01234567890')).status).toBe(413)
    expect((await put('0123456789')).status).toBe(429)
    expect((await put('0123456789', 'client-2')).status).toBe(201)

    const foreign = await ask('/v1/jobs', { token: 'client-2', method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ kind: 'exec', command: 'true', files: [{ name: 'x', upload: id }] }) })

    expect((await foreign.json() as { detail: string }).detail).toMatch(/no upload/)
  })

  it('counts requests by pattern and tells the numbers of the master', async () => {
    open()
    await ask('/v1/nothing-secret')
    await ask('/v1/nodes')

    const text = await (await ask('/v1/metrics')).text()

    expect(text).toContain('meshmark_http_requests_total{route="/v1/nodes",method="get",status="200"} 1')
    expect(text).toContain('meshmark_workers{state="waiting"} 2')
    expect(text).toContain('meshmark_queued_tasks 4')
    expect(text).not.toContain('secret')
  })

  it('says nothing of its inside when it fails, but logs it', async () => {
    const nodes = new Nodes()

    nodes.gate = Promise.reject(new Error('ENOENT /var/lib/secret'))
    nodes.gate.catch(() => {})

    const { logged } = open({ nodes })
    const response = await ask('/v1/nodes')

    expect([response.status, (await response.text()).includes('secret')]).toEqual([500, false])
    expect(logged).toEqual(['http: ENOENT /var/lib/secret'])
  })
})
