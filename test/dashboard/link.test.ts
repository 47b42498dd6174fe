import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import { afterEach, describe, expect, it } from 'vitest'
import { ApiError, Link } from '../../src/dashboard/api/link.ts'
import type { LinkState } from '../../src/dashboard/api/link-state.ts'
import type { AddressInfo } from 'node:net'

const servers: Server[] = []

/** A real server on loopback. Returns its origin. */
async function serve (listener: RequestListener): Promise<string> {
  const server = createServer(listener)

  servers.push(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')

  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

afterEach(() => {
  servers.splice(0).forEach(server => {
    server.closeAllConnections()
    server.close()
  })
})

function linkTo (origin: string): { link: Link, states: LinkState[] } {
  const states: LinkState[] = []

  return { link: new Link({ origin, token: 'mmh1-secret-token', onState: state => { states.push(state) } }), states }
}

describe('the link', () => {
  it('sends the token in the header alone', async () => {
    const seen: Array<[string | undefined, string | undefined]> = []
    const origin = await serve((request, response) => {
      seen.push([request.url, request.headers.authorization])
      response.end('{"status":"ok"}')
    })

    expect(await linkTo(origin).link.get('/v1/health')).toEqual({ status: 'ok' })
    expect(seen).toEqual([['/v1/health', 'Bearer mmh1-secret-token']])
  })

  it('goes on with a stream at another master, behind the last event that came', async () => {
    const asked: Array<string | undefined> = []
    const second = await serve((request, response) => {
      asked.push(request.url === '/v1/health' ? 'there?' : request.headers['last-event-id'] as string)
      response.writeHead(200, { 'content-type': 'text/event-stream' }).end('data: 2\n\n')
    })
    const first = await serve((_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write('id: p1\ndata: 1\n\n', () => { response.destroy() })
    })
    const { link, states } = linkTo(first)
    const data: string[] = []

    link.learn([first, second])
    await link.follow('/v1/jobs/x/events', {
      signal: new AbortController().signal,
      quietMs: 10_000,
      onMessage: message => {
        data.push(message.data)

        return message.data === '2'
      }
    })

    expect(data).toEqual(['1', '2'])
    expect(asked).toEqual(['there?', 'p1'])
    expect(states.map(({ phase }) => phase)).toEqual(['connecting', 'live', 'moving', 'live'])
  })

  it('leaves a master that has become silent', async () => {
    const second = await serve((_, response) => { response.end('data: there\n\n') })
    const first = await serve((_, response) => { response.writeHead(200).write(': hello\n\n') })
    const { link } = linkTo(first)
    const data: string[] = []

    link.learn([first, second])
    await link.follow('/v1/events', {
      signal: new AbortController().signal,
      quietMs: 500,
      onMessage: message => {
        data.push(message.data)

        return true
      }
    })

    expect(data).toEqual(['there'])
  })

  it('asks another master when one does not answer', async () => {
    const second = await serve((_, response) => { response.end('{"from":2}') })
    const first = await serve((request) => { request.socket.destroy() })
    const { link } = linkTo(first)

    link.learn([first, second])

    expect(await link.get('/v1/masters')).toEqual({ from: 2 })
  })

  it('stays with a master that is asked too often, and asks again when that says so', async () => {
    let asked = 0
    const second = await serve((_, response) => { response.end('{"from":2}') })
    const first = await serve((_, response) => {
      asked++
      response.writeHead(asked === 1 ? 429 : 200, { 'retry-after': '1' }).end('{"from":1}')
    })
    const { link, states } = linkTo(first)

    link.learn([first, second])

    expect(await link.get('/v1/masters')).toEqual({ from: 1 })
    expect(states.at(-1)).toMatchObject({ base: first, phase: 'live' })
  })

  it('does not wait for an address that leads nowhere, and comes back to its own', async () => {
    const nowhere = await serve(() => {})
    let asked = 0
    const first = await serve((request, response) => {
      asked++

      if (asked === 1) {
        request.socket.destroy()
      } else {
        response.end('data: back\n\n')
      }
    })
    const states: LinkState[] = []
    const link = new Link({ origin: first, token: 'mmh1-secret-token', knockMs: 100, onState: state => { states.push(state) } })

    link.learn([first, nowhere])

    await link.follow('/v1/events', { signal: new AbortController().signal, quietMs: 10 * 60_000, onMessage: () => true })
    expect(states.map(({ phase, base }) => [phase, base])).toEqual([['connecting', first], ['moving', nowhere], ['waiting', first], ['live', first]])
  })

  it('says what the master says when it refuses, and does not ask another one', async () => {
    let others = 0
    const second = await serve((_, response) => {
      others++
      response.end('{}')
    })
    const first = await serve((_, response) => { response.writeHead(403).end('{"code":"refused","detail":"this token is to read only"}') })
    const { link } = linkTo(first)

    link.learn([first, second])

    await expect(link.send('DELETE', '/v1/jobs/x')).rejects.toEqual(new ApiError(403, 'refused', 'this token is to read only'))
    expect(others).toBe(0)
  })

  it('is refused when the token counts no more, and goes on behind the last event with the next one', async () => {
    const asked: Array<[string | undefined, string | string[] | undefined]> = []
    const origin = await serve((request, response) => {
      const { authorization, 'last-event-id': last } = request.headers

      asked.push([authorization, last])

      if (asked.length === 1) {
        response.writeHead(200, { 'content-type': 'text/event-stream' }).end('id: p1\ndata: 1\n\n')
      } else if (authorization === 'Bearer mmh1-secret-token') {
        response.writeHead(401).end('{"code":"refused","detail":"this token has expired"}')
      } else {
        response.writeHead(200, { 'content-type': 'text/event-stream' }).end('id: p2\ndata: 2\n\n')
      }
    })
    const { link, states } = linkTo(origin)
    const data: string[] = []
    const following = link.follow('/v1/events', { signal: new AbortController().signal, quietMs: 1_000, onMessage: message => data.push(message.data) === 2 })

    await expect.poll(() => link.state.phase, { timeout: 5_000 }).toBe('refused')
    expect(link.state.detail).toBe('this token has expired')
    await expect(link.get('/v1/health')).rejects.toEqual(new ApiError(401, 'refused', 'this token has expired'))
    link.renew('mmh1-next')
    await following
    expect(data).toEqual(['1', '2'])
    expect(asked.at(-1)).toEqual(['Bearer mmh1-next', 'p1'])
    expect(states.at(-1)?.phase).toBe('live')
  })

  it('waits for another token no longer than it is wanted', async () => {
    const origin = await serve((_, response) => { response.writeHead(401).end('{}') })
    const { link } = linkTo(origin)
    const stop = new AbortController()
    const following = link.follow('/v1/events', { signal: stop.signal, quietMs: 1_000, onMessage: () => {} })

    await expect.poll(() => link.state.phase, { timeout: 5_000 }).toBe('refused')
    stop.abort()
    await following
  })
})
