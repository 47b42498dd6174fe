import '../../src/node/polyfill.ts'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { MeshmarkError } from '../../src/model/errors.ts'
import { serveHttp, type HttpOptions, type RunningHttp } from '../../src/http/server.ts'
import type { Client } from '../../src/roles/client/types.ts'

const TOKEN = `mmh1-${'a'.repeat(61)}-${'b'.repeat(8)}`
const SHORT = `mmh1-${'c'.repeat(61)}-${'d'.repeat(8)}`

const logged: string[] = []
let revoke: (id: string) => void = () => {}
let announced: string[] = []
let http: RunningHttp
const sockets: Socket[] = []

/** The real server on a real port; only what the mesh answers is made up. */
async function serve (options: Partial<HttpOptions> = {}, fellows: string[] = []): Promise<void> {
  const client = { nodes: async () => [], jobs: async () => [], close: async () => {} } as unknown as Client
  const master = {
    name: 'boss',
    peerId: 'P',
    meshId: 'M',
    http: {
      bearers: {
        check: (text: string) => {
          if (text !== TOKEN && text !== SHORT) {
            throw new MeshmarkError('refused', 'this token is not known here')
          }

          return { id: text === TOKEN ? 'long' : 'short', role: 'admin', access: 'full', expiresAt: Date.now() + (text === TOKEN ? 60_000 : 200) }
        },
        connect: async () => client,
        onRevoked: (listener: (id: string) => void) => { revoke = listener }
      },
      addresses: { of: () => [], all: () => fellows, announce: async (urls: string[]) => { announced = urls } },
      figures: () => ({ coordinates: true, term: 1, workers: {}, jobs: {}, tasks: {}, payloadBytes: 0, payloadLimitBytes: 1 })
    }
  }

  http = await serveHttp(master as never, { listen: '127.0.0.1:0', hosts: [], origins: [], log: line => { logged.push(line) }, ...options })
}

afterEach(async () => {
  sockets.splice(0).forEach(socket => { socket.destroy() })
  await http.close()
  expect(logged.join('\n')).not.toContain('mmh1-')
})

function open (): Socket {
  const socket = connect(Number(new URL(http.url).port), '127.0.0.1')

  socket.on('error', () => {})
  sockets.push(socket)

  return socket
}

/** Says this word for word; resolves with all that comes until the end. */
async function say (text: string): Promise<string> {
  const socket = open()
  const pieces: Buffer[] = []

  socket.on('data', piece => { pieces.push(piece) })
  socket.write(text)
  await once(socket, 'close')

  return Buffer.concat(pieces).toString()
}

function request (headers: Record<string, string> = {}, path = '/v1/health', method = 'GET'): string {
  const all = { host: new URL(http.url).host, connection: 'close', authorization: `Bearer ${TOKEN}`, ...headers }

  return `${method} ${path} HTTP/1.1\r\n${Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`
}

function statusOf (answer: string): number {
  return Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1])
}

describe('the HTTP interface, asked by somebody who means no good', () => {
  it('takes a token from the header alone', async () => {
    await serve()

    for (const path of [`/v1/health?token=${TOKEN}`, `/v1/health?access_token=${encodeURIComponent(TOKEN)}`, `/v1/jobs/${TOKEN}`, '/v1/health?x=%6dmh1-abc']) {
      const answer = await say(request({ authorization: '' }, path))

      expect([400, 401], path).toContain(statusOf(answer))
      // also beside one that counts: whoever sends it so is told
      expect(statusOf(await say(request({}, path))), path).toBe(400)
      expect(answer).not.toContain(TOKEN)
    }

    expect(statusOf(await say(request({ authorization: '', cookie: `token=${TOKEN}` })))).toBe(401)
    expect(statusOf(await say(request()))).toBe(200)
  })

  it('answers to no name that can be pointed here, and to no page of elsewhere', async () => {
    const fellow = 'http://127.0.0.1:4999'

    await serve({}, [fellow])

    const { port } = new URL(http.url)

    for (const path of ['/v1/health', '/v1/events', '/v1/nothing']) {
      expect(statusOf(await say(request({ host: 'rebound.example' }, path))), path).toBe(421)
      expect(statusOf(await say(request({ host: '127.0.0.1.rebound.example' }, path))), path).toBe(421)

      for (const origin of ['https://evil.example', 'null', 'file://', 'http://127.0.0.1:8080', `http://localhost:${Number(port) + 1}`, `https://127.0.0.1:${port}`, `http://127.0.0.1:${port}.evil.example`, 'http://127.0.0.1:49990']) {
        const answer = await say(request({ origin }, path))

        expect(statusOf(answer), `${origin} ${path}`).toBe(403)
        expect(answer, origin).not.toMatch(/access-control-allow-origin/i)
        expect(statusOf(await say(request({ origin, 'access-control-request-method': 'GET', 'access-control-request-headers': 'authorization' }, path, 'OPTIONS'))), origin).toBe(403)
      }

      expect(statusOf(await say(request({ 'sec-fetch-site': 'cross-site' }, path))), path).toBe(403)
    }

    // a master of this mesh, by both names that a browser has for this machine
    for (const origin of [fellow, 'http://localhost:4999']) {
      expect(await say(request({ origin }))).toMatch(new RegExp(`^HTTP/1.1 200[\\s\\S]*access-control-allow-origin: ${origin}\\r\\n`, 'i'))
      expect(statusOf(await say(request({ origin, authorization: '' }))), origin).toBe(401)
    }
  })

  it('says with every answer that it is no page, refusals too', async () => {
    await serve()

    for (const answer of [await say(request()), await say(request({}, '/v1/nothing')), await say(request({ authorization: '' })), await say(request({ origin: 'null' }))]) {
      expect(answer).toMatch(/^content-security-policy: default-src 'none'; frame-ancestors 'none'; sandbox\r$/m)
      expect(answer).toMatch(/^x-content-type-options: nosniff\r$/m)
      expect(answer).toMatch(/^cache-control: no-store\r$/m)
      expect(answer).toMatch(/^referrer-policy: no-referrer\r$/m)
      expect(answer).toMatch(/^cross-origin-resource-policy: same-origin\r$/m)
      expect(answer).not.toMatch(/set-cookie|access-control-allow-credentials/i)
    }
  })

  it('hangs up on headers that are too long, or never end', async () => {
    await serve({ headersMs: 300 })

    expect(statusOf(await say(request({ 'x-much': 'x'.repeat(70_000) })))).toBe(431)
    // it begins, and says nothing more
    expect(statusOf(await say('GET /v1/health HTTP/1.1\r\nhost: 127.0.0.1\r\nx: '))).toBe(408)
    expect(statusOf(await say(request()))).toBe(200)
  })

  it('reads no body that is too long, and two lengths are none', async () => {
    await serve()

    expect(statusOf(await say(request({ 'content-type': 'application/json', 'content-length': String(100 * 1024 ** 2) }, '/v1/jobs', 'POST')))).toBe(413)
    expect(statusOf(await say(`${request({ 'content-type': 'application/json', 'content-length': '5', 'transfer-encoding': 'chunked' }, '/v1/jobs', 'POST')}0\r\n\r\nGET / HTTP/1.1\r\n\r\n`))).toBe(400)
  })

  it('keeps a few streams open for a token, and a place is free again when one has gone', async () => {
    await serve()

    const stream = async (): Promise<[Socket, string]> => {
      const socket = open()

      socket.write(request({ accept: 'text/event-stream' }, '/v1/events'))

      return [socket, String((await once(socket, 'data'))[0])]
    }
    const streams: Array<[Socket, string]> = []

    for (let number = 0; number < 8; number++) {
      streams.push(await stream())
    }

    expect(streams.map(([, answer]) => statusOf(answer))).toEqual(Array.from({ length: 8 }, () => 200))

    const [, refused] = await stream()

    expect(statusOf(refused)).toBe(429)
    expect(refused).toMatch(/more than 8 lasting requests of one token at once/)
    streams[0]![0].destroy()
    await expect.poll(async () => statusOf((await stream())[1]), { timeout: 5_000 }).toBe(200)
  })

  it('ends the streams of a token that is revoked, and of one that has expired', async () => {
    await serve()

    for (const [token, end] of [[TOKEN, () => { revoke('long') }], [SHORT, () => {}]] as const) {
      const socket = open()

      socket.write(request({ authorization: `Bearer ${token}`, accept: 'text/event-stream', connection: 'keep-alive' }, '/v1/events'))
      expect(statusOf(String((await once(socket, 'data'))[0]))).toBe(200)

      let rest = ''

      socket.on('data', data => { rest += String(data) })
      end()
      // the last piece of a chunked answer: ended, not cut off
      await expect.poll(() => rest.endsWith('0\r\n\r\n'), { timeout: 8_000 }).toBe(true)
    }
  }, 20_000)
})

describe('where a master says that it answers', () => {
  it('is never an address that means whoever reads it', async () => {
    await serve({ listen: '0.0.0.0:0', insecure: true })
    expect(announced.length).toBeGreaterThan(0)
    expect(announced.filter(url => url.includes('0.0.0.0'))).toEqual([])
    expect(new Set(announced.map(url => new URL(url).port)).size).toBe(1)
  })

  it('is not where others reach it unencrypted, unless that is said', async () => {
    await expect(serve({ listen: '0.0.0.0:0' })).rejects.toThrow(/other machines would reach it unencrypted/)
    await serve()
  })
})
