import '../../src/node/polyfill.ts'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { serve } from '@hono/node-server'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { contentDigest } from '../../src/http/exchange/content-digest.ts'
import { SESSION_LIMITS } from '../../src/http/exchange/sessions.ts'
import { UPLOAD_LIMITS, type UploadLimits } from '../../src/http/exchange/upload-room.ts'
import { appOf } from './fake-client.ts'
import type { AddressInfo } from 'node:net'
import type { Upload } from '../../src/http/exchange/uploads.ts'
import type { JobDraft } from '../../src/roles/client/types.ts'

let dir: string
let app: ReturnType<typeof appOf>
/** What a job that was submitted had with it. */
let submitted: Array<[string, string]> = []
/** What submitting waits for before it reads them. */
let gate: Promise<unknown> = Promise.resolve()

const CLIENT = {
  submit: async ({ files }: JobDraft) => {
    await gate
    submitted = await Promise.all(files.map(async ({ path, source }): Promise<[string, string]> => [path, await readFile(source as string, 'utf8')]))

    return { id: '01JQZ3N8T5A9B0CDEFGHJKMNPQ', masters: [], existing: false }
  }
}

function open (limits: Partial<UploadLimits> = {}): void {
  app = appOf(CLIENT as never, { uploadDir: dir, uploadLimits: { ...UPLOAD_LIMITS, ...limits }, sessionLimits: { ...SESSION_LIMITS, requests: 100, lasting: 100, rate: { perSecond: 1e6, burst: 1e6 } } })
}

/** The same master, started anew. */
async function reopen (limits?: Partial<UploadLimits>): Promise<void> {
  await app.close()
  open(limits)
}

async function begin (size: number, more: object = {}, as = 'x'): Promise<Response> {
  return app.ask('/v1/files', { method: 'POST', headers: { 'content-type': 'application/json', authorization: `Bearer ${as}` }, body: JSON.stringify({ size, ...more }) })
}

async function begun (size: number, more: object = {}): Promise<string> {
  const response = await begin(size, more)

  expect(response.status).toBe(201)

  return (await response.json() as Upload).id
}

async function send (id: string, offset: number | string, body: BodyInit | null, headers: Record<string, string> = {}): Promise<{ status: number, answer: any }> {
  const response = await app.ask(`/v1/files/${id}?offset=${offset}`, { method: 'PATCH', body, headers, duplex: 'half' } as RequestInit)

  return { status: response.status, answer: await response.json() }
}

async function show (id: string, as = 'x'): Promise<{ status: number, answer: any }> {
  const response = await app.ask(`/v1/files/${id}`, { headers: { authorization: `Bearer ${as}` } })

  return { status: response.status, answer: await response.json() }
}

async function submit (upload: string, as = 'x'): Promise<{ status: number, answer: any }> {
  const response = await app.ask('/v1/jobs', { method: 'POST', headers: { 'content-type': 'application/json', authorization: `Bearer ${as}` }, body: JSON.stringify({ kind: 'exec', command: 'cat x', files: [{ name: 'x', upload }] }) })

  return { status: response.status, answer: await response.json() }
}

/** Its answer taken to the end, so that its request counts no more. */
async function status (asked: Promise<Response>): Promise<number> {
  const response = await asked

  await response.text()

  return response.status
}

function digestOf (text: string): string {
  return `sha-256=:${createHash('sha256').update(text).digest('base64')}:`
}

function hex (text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

/** The interface behind a real port, while it is used. */
async function overSocket (use: (socket: Socket) => Promise<void>): Promise<void> {
  const server = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1', overrideGlobalObjects: false })

  await once(server, 'listening')

  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')

  socket.on('error', () => {})

  try {
    await use(socket)
  } finally {
    socket.destroy()
    server.close()
  }
}

function patch (id: string, offset: number, length: number): string {
  return `PATCH /v1/files/${id}?offset=${offset} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer x\r\ncontent-length: ${length}\r\n\r\n`
}

/** A body whose end one has in one's hand. */
function slowly (): { body: ReadableStream<Uint8Array>, isRead: Promise<void>, say: (text: string) => void, end: () => void, cut: () => void } {
  let controller: ReadableStreamDefaultController<Uint8Array>
  const { promise: isRead, resolve } = Promise.withResolvers<void>()
  const body = new ReadableStream<Uint8Array>({ start: given => { controller = given }, pull: () => { resolve() } }, { highWaterMark: 0 })

  return { body, isRead, say: text => { controller.enqueue(Buffer.from(text)) }, end: () => { controller.close() }, cut: () => { controller.error(new Error('gone')) } }
}

describe('a file in pieces', () => {
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'meshmark-test-'))
    submitted = []
    gate = Promise.resolve()
    open()
  })

  afterEach(async () => {
    await app.close()
    expect(app.logged).toEqual([])
    await rm(dir, { recursive: true })
  })

  it('is what it was when it has come, piece by piece, over several lives of the master', async () => {
    const id = await begun(10, { sha256: hex('0123456789') })

    expect(await send(id, 0, '0123', { 'content-digest': digestOf('0123') })).toMatchObject({ status: 200, answer: { id, size: 10, received: 4, complete: false } })
    expect((await submit(id)).answer.detail).toMatch(/of upload .* 4 of 10 bytes are here: send the rest with PATCH/)
    await reopen()
    expect(await show(id)).toMatchObject({ status: 200, answer: { received: 4, complete: false } })
    expect(await send(id, 4, '456')).toMatchObject({ status: 200, answer: { received: 7 } })
    await reopen()
    expect(await send(id, 7, '789', { 'content-digest': digestOf('789') })).toMatchObject({ status: 200, answer: { received: 10, complete: true, sha256: hex('0123456789') } })
    await reopen()
    expect((await show(id)).answer).toMatchObject({ complete: true, sha256: hex('0123456789') })
    expect((await submit(id)).status).toBe(201)
    expect(submitted).toEqual([['x', '0123456789']])
  })

  it('goes on behind what came of a body that broke off', async () => {
    const id = await begun(6)
    const { body, say, cut } = slowly()
    const broken = send(id, 0, body)

    say('abc')
    await expect.poll(async () => (await show(id)).answer.received).toBe(3)
    cut()
    expect((await broken).answer.detail).toBe('the body broke off before its end')
    await reopen()
    expect((await show(id)).answer.received).toBe(3)
    expect((await send(id, 3, 'def')).answer).toMatchObject({ complete: true, sha256: hex('abcdef') })
  })

  it('of which nothing counts that a digest was for and did not come whole, or is another', async () => {
    const id = await begun(6)
    const { body, say, cut } = slowly()
    const broken = send(id, 0, body, { 'content-digest': digestOf('abcd') })

    say('abc')
    cut()
    expect((await broken).status).toBe(400)
    expect((await show(id)).answer.received).toBe(0)
    expect(await send(id, 0, 'abcx', { 'content-digest': digestOf('abcd') })).toMatchObject({ status: 400, answer: { detail: expect.stringMatching(/not what its Content-Digest says/) } })
    expect(await send(id, 0, 'abcd', { 'content-digest': 'md5=:x:' })).toMatchObject({ status: 400 })
    expect((await show(id)).answer.received).toBe(0)
    expect((await readFile(join(dir, id))).byteLength).toBe(0)
    expect((await send(id, 0, 'abcdef', { 'content-digest': digestOf('abcdef') })).answer).toMatchObject({ complete: true, sha256: hex('abcdef') })
  })

  it('is removed when it is not what was declared', async () => {
    const id = await begun(3, { sha256: hex('abc') })

    expect(await send(id, 0, 'abd')).toMatchObject({ status: 400, answer: { detail: expect.stringMatching(/not what its declared sha256 says/) } })
    expect((await show(id)).status).toBe(404)
    expect(await readdir(dir)).toEqual([])
    expect((await begin(0, { sha256: hex('abc') })).status).toBe(400)
    expect((await begin(0, { sha256: hex('') })).status).toBe(201)
  })

  it('is whole, and for a job, once it is known to be what was declared', async () => {
    const id = await begun(3, { sha256: hex('abc') })
    const { body, say, end } = slowly()
    const sending = send(id, 0, body)

    say('abd')
    await expect.poll(async () => (await show(id)).answer.received).toBe(3)
    expect((await show(id)).answer.complete).toBe(false)
    expect((await submit(id)).status).toBe(400)
    end()
    expect((await sending).status).toBe(400)
    expect(submitted).toEqual([])
  })

  it('stays while a job is submitted with it, whatever else is wanted of it', async () => {
    const id = await begun(3)
    const { promise, resolve } = Promise.withResolvers<void>()

    await send(id, 0, 'abc')

    // its turn is somebody's, which takes a while to end
    const { body, isRead } = slowly()
    const empty = send(id, 3, body)

    gate = promise
    await isRead

    const submitting = submit(id)
    const dropped = await app.ask(`/v1/files/${id}`, { method: 'DELETE' })

    resolve()
    expect([[409, 201], [200, 400]]).toContainEqual([dropped.status, (await submitting).status])
    await empty
  })

  it('begins where it is said to, and ends where it was declared to', async () => {
    const id = await begun(4)

    expect((await send(id, 0, 'ab')).status).toBe(200)

    for (const offset of [0, 1, 3, 4]) {
      expect(await send(id, offset, 'cd')).toMatchObject({ status: 409, answer: { code: 'conflict', detail: `2 of 4 bytes are here, and the piece begins at ${offset}: go on at 2` } })
    }

    for (const offset of ['-1', '1.5', 'x', '', '1e99', '99999999999999999999']) {
      expect((await send(id, offset, 'cd')).status, offset).toBe(400)
    }

    expect((await app.ask(`/v1/files/${id}`, { method: 'PATCH', body: 'cd' })).status).toBe(400)
    expect((await send(id, 2, 'cde')).status).toBe(413)
    expect((await send(id, 2, 'cde', { 'content-length': '3' })).status).toBe(413)

    const { body, say } = slowly()
    const endless = send(id, 2, body)

    say('c')
    await expect.poll(async () => (await show(id)).answer.received).toBe(3)
    say('de')
    expect((await endless).status).toBe(413)
    // nothing of it counts
    expect((await show(id)).answer.received).toBe(2)
    expect((await send(id, 2, 'cd')).answer).toMatchObject({ complete: true, sha256: hex('abcd') })
    expect((await send(id, 4, 'e')).status).toBe(413)
    expect((await send(id, 4, '')).answer).toMatchObject({ complete: true, sha256: hex('abcd') })
  })

  it('belongs to who sends it last, and to nobody else', async () => {
    const id = await begun(6)
    const [first, second] = [slowly(), slowly()]
    const early = send(id, 0, first.body)

    first.say('abc')
    await expect.poll(async () => (await show(id)).answer.received).toBe(3)

    const late = send(id, 3, second.body)

    expect(await early).toMatchObject({ status: 409, answer: { detail: 'another request goes on with this file' } })
    second.say('def')
    await expect.poll(async () => (await show(id)).answer.received).toBe(6)

    const crowd = await Promise.all(Array.from({ length: 6 }, async () => send(id, 6, null)))

    expect([...new Set(crowd.map(({ status }) => status))].sort()).toEqual([200, 409])
    expect((await late).status).toBe(409)
    expect((await show(id)).answer.sha256).toBe(hex('abcdef'))

    // to another token it is none, whatever it wants of it
    const none = (await show('0'.repeat(24))).answer.detail.replace('0'.repeat(24), id)

    expect((await show(id, 'another')).answer.detail).toBe(none)
    expect(await submit(id, 'another')).toMatchObject({ status: 400, answer: { detail: none } })
    expect((await app.ask(`/v1/files/${id}?offset=6`, { method: 'PATCH', headers: { authorization: 'Bearer another' } })).status).toBe(404)
    expect((await app.ask(`/v1/files/${id}`, { method: 'DELETE', headers: { authorization: 'Bearer another' } })).status).toBe(404)
    expect((await app.ask('/v1/files/..%2f..%2fetc', { method: 'DELETE' })).status).toBe(404)
  })

  it('is gone from the disk when it is removed, also while it is being sent', async () => {
    const [id, done] = [await begun(6), await begun(0)]
    const { body, say } = slowly()
    const sending = send(id, 0, body)

    say('abc')
    await expect.poll(async () => (await show(id)).answer.received).toBe(3)
    expect((await app.ask(`/v1/files/${id}`, { method: 'DELETE' })).status).toBe(200)
    expect((await sending).status).toBe(409)
    expect((await show(id)).status).toBe(404)
    expect((await app.ask(`/v1/files/${done}`, { method: 'DELETE' })).status).toBe(200)
    expect(await readdir(dir)).toEqual([])
  })

  it('is cut off by a master that stops, which says so, and says nothing against the token', async () => {
    const id = await begun(6)
    const [piece, whole] = [slowly(), slowly()]
    const sending = send(id, 0, piece.body)
    const putting = app.ask('/v1/files', { method: 'PUT', body: whole.body, duplex: 'half' } as RequestInit)

    piece.say('abc')
    whole.say('abc')
    await expect.poll(async () => [(await show(id)).answer.received, (await readdir(dir)).length]).toEqual([3, 4])
    await app.close()
    // nobody can go on with the other one
    expect((await readdir(dir)).sort()).toEqual([id, `${id}.json`])
    expect(await sending).toMatchObject({ status: 503, answer: { code: 'unreachable', detail: 'this master is stopping: ask another one' } })
    expect((await putting).status).toBe(503)
    open()
    expect((await show(id)).answer.received).toBe(3)
  })

  it('is removed when nobody goes on with it, by this master or by the next one', async () => {
    await reopen({ keepMs: 200 })

    const id = await begun(6)

    await send(id, 0, 'abc')
    expect((await readdir(dir)).sort()).toEqual([id, `${id}.json`])
    await expect.poll(async () => readdir(dir)).toEqual([])
    expect((await show(id)).status).toBe(404)

    const second = await begun(6)

    await send(second, 0, 'abc')
    await app.close()
    // what a crash has left, and what is none of these
    await writeFile(join(dir, 'f'.repeat(24)), 'no record')
    await writeFile(join(dir, `${'e'.repeat(24)}.json`), '{"version":1}')
    await writeFile(join(dir, `.${'e'.repeat(24)}.json.123`), '')
    await expect.poll(async () => JSON.parse(await readFile(join(dir, `${second}.json`), 'utf8')).expiresAt < Date.now()).toBe(true)
    open()
    await expect.poll(async () => readdir(dir)).toEqual([])
  })

  it('is taken up only where its record fits', async () => {
    const id = await begun(6)

    await send(id, 0, 'abc')
    await app.close()

    const record = JSON.parse(await readFile(join(dir, `${id}.json`), 'utf8'))

    for (const wrong of [{ received: 7 }, { received: 4 }, { received: -1 }, { received: '3' }, { size: 1e99 }, { version: 2 }, { owner: 1 }]) {
      await writeFile(join(dir, `${id}.json`), JSON.stringify({ ...record, ...wrong }))
      await writeFile(join(dir, id), 'abc')
      open()
      await expect.poll(async () => readdir(dir), { message: JSON.stringify(wrong) }).toEqual([])
      expect((await show(id)).status).toBe(404)
      await app.close()
    }

    // more than the record says was never confirmed
    await writeFile(join(dir, `${id}.json`), JSON.stringify(record))
    await writeFile(join(dir, id), 'abcXX')
    open()
    expect((await send(id, 3, 'def')).answer.sha256).toBe(hex('abcdef'))
  })

  it('stays within bounds: many that were begun, what one may have, and all', async () => {
    await reopen({ files: 60 })

    const statuses = await Promise.all(Array.from({ length: 80 }, async () => status(begin(10))))

    expect(statuses.filter(status => status === 201)).toHaveLength(60)
    expect(statuses.filter(status => status === 429)).toHaveLength(20)
    expect((await begin(10, {}, 'another')).status).toBe(201)
    expect((await readdir(dir))).toHaveLength(2 * 61)
    await app.close()
    await rm(dir, { recursive: true })
    open({ fileBytes: 10, tokenBytes: 15, allBytes: 12 })

    // what was declared is one's own from the beginning
    expect((await begin(11)).status).toBe(413)

    const id = await begun(10)

    expect((await begin(10)).status).toBe(429)
    expect((await Promise.all(Array.from({ length: 5 }, async () => status(begin(10, {}, 'hasty'))))).sort()).toEqual([201, 429, 429, 429, 429])
    expect((await app.ask('/v1/files', { method: 'PUT', body: '123456' })).status).toBe(429)

    for (const size of [-1, 1.5, '5', null, 2 ** 60]) {
      expect((await begin(size as number)).status, String(size)).toBe(400)
    }

    expect((await begin(5, { sha256: 'x' })).status).toBe(400)

    // and takes room only as it comes: another one's is none of its business
    const other = await (await begin(10, {}, 'another')).json() as Upload

    await send(id, 0, '0123456789')
    expect((await app.ask(`/v1/files/${other.id}?offset=0`, { method: 'PATCH', body: '012', headers: { authorization: 'Bearer another' } })).status).toBe(429)
    expect((await app.ask(`/v1/files/${id}`, { method: 'DELETE' })).status).toBe(200)
    expect((await app.ask(`/v1/files/${other.id}?offset=0`, { method: 'PATCH', body: '012', headers: { authorization: 'Bearer another' } })).status).toBe(200)
    expect((await begin(10)).status).toBe(201)
  })

  it('is refused before it is read where its length is wrong, over a real connection', async () => {
    for (const request of [patch(await begun(4), 0, 1e9), patch('', 0, 1e12).replace(/^PATCH \S+/, 'PUT /v1/files')]) {
      await overSocket(async socket => {
        socket.write(`${request}abc`)
        expect(String(await once(socket, 'data'))).toMatch(/^HTTP\/1\.1 413 /)
      })
    }
  })

  it('leaves the connection of a piece that is refused to the next request', async () => {
    const bytes = Buffer.alloc(4 * 1024 * 1024)
    const id = await begun(bytes.byteLength)
    const said: string[] = []

    await overSocket(async socket => {
      socket.on('data', data => { said.push(String(data)) })
      socket.write(patch(id, 1, bytes.byteLength))
      socket.write(bytes)
      socket.write(`GET /v1/files/${id} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer x\r\nconnection: close\r\n\r\n`)
      await once(socket, 'close')
    })

    expect(said.join('').match(/^HTTP\/1\.1 \d+/gm)).toEqual(['HTTP/1.1 409', 'HTTP/1.1 200'])
  })

  it('is no failure of the master, which would be logged, when whoever sends it is gone', async () => {
    const id = await begun(6)
    const { body, say } = slowly()
    const gone = new AbortController()
    const sending = app.ask(`/v1/files/${id}?offset=0`, { method: 'PATCH', body, signal: gone.signal, duplex: 'half' } as RequestInit)

    say('abc')
    await expect.poll(async () => (await show(id)).answer.received).toBe(3)
    gone.abort('as the server says it')
    expect((await sending).status).toBe(400)
    expect((await send(id, 3, 'def')).answer).toMatchObject({ complete: true, sha256: hex('abcdef') })
  })
})

describe('the digest of a body', () => {
  it('is found among others, and its header has one or is refused', () => {
    expect(contentDigest(null)).toBeUndefined()
    expect(contentDigest(digestOf('x'))?.toString('hex')).toBe(hex('x'))
    expect(contentDigest(`md5=:AAAA:, ${digestOf('x')}, crc32c=:AAA=:`)?.toString('hex')).toBe(hex('x'))

    for (const header of ['', 'sha-256=x', 'sha-256=:AAAA:', 'sha-512=:AAAA:', `sha-256=${'A'.repeat(5_000)}`]) {
      expect(() => contentDigest(header), header).toThrow(/has no SHA-256 of the body/)
    }
  })
})
