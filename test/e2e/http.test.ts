import { createRequire } from 'node:module'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readFile } from 'node:fs/promises'
import { connect as connectSocket } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { MAIN, TestMesh } from './mesh.ts'
import { eventually } from './processes.ts'
import type { NodeProcess } from './mesh.ts'
import type { OpenAPIBackend as Backend } from 'openapi-backend'

// its module for import names no types
const { OpenAPIBackend } = createRequire(import.meta.url)('openapi-backend') as typeof import('openapi-backend')

const JSON_TYPE = { 'content-type': 'application/json' }

interface Line {
  kind: string
  id?: string
  text?: string
  items?: Array<{ stdout?: { text: string } }>
}

describe('the HTTP interface', () => {
  let mesh: TestMesh
  let master: NodeProcess
  let url: string
  let token: string
  let other: string
  let admin: string
  let reader: string
  let openapi: Backend
  const asked = new Set<string>()

  beforeAll(async () => {
    mesh = await TestMesh.create()
    master = await mesh.master(['--http=127.0.0.1:0'])
    await mesh.worker('lab-1', ['--slots', '2'])
    url = (await master.ready as { http?: string }).http!
    ;[token, other, admin, reader] = await Promise.all([makeToken('client'), makeToken('client'), makeToken('admin'), makeToken('reader')]) as [string, string, string, string]
    openapi = new OpenAPIBackend({ definition: await (await ask('/v1/openapi.json')).json() as never, quick: true })
    await openapi.init()
  })

  afterAll(async () => { await mesh.close() })

  async function makeToken (role: string, ...more: string[]): Promise<string> {
    const { code, stdout, stderr } = await mesh.run(['token', 'create', role, '--http', ...more])

    expect(code, stderr).toBe(0)

    return stdout.trim()
  }

  async function ask (path: string, { as = token, headers = {}, ...init }: RequestInit & { as?: string, headers?: Record<string, string> } = {}): Promise<Response> {
    return fetch(`${url}${path}`, { ...init, headers: { authorization: `Bearer ${as}`, ...headers } })
  }

  async function post (path: string, body: unknown, as = token): Promise<Response> {
    return ask(path, { as, method: 'POST', body: JSON.stringify(body), headers: JSON_TYPE })
  }

  /** Asks, and holds the answer against the document. */
  async function conforming (operation: string, path: string, init: Parameters<typeof ask>[1] = {}): Promise<{ status: number, body: any }> {
    asked.add(operation)

    const response = await ask(path, init)
    const text = await response.text()
    const type = response.headers.get('content-type') ?? ''
    const body: unknown = /json/.test(type) && !/ndjson/.test(type) ? JSON.parse(text) : text
    const declared = openapi.getOperation(operation)?.responses as Record<string, { content?: Record<string, unknown> }>

    expect(Object.keys(declared[response.status]?.content ?? {}), `${operation}: ${response.status} ${type}`).toContain(type.split(';')[0])

    if (typeof body === 'object') {
      expect(openapi.validateResponse(body, operation, response.status).errors, `${operation}: ${text.slice(0, 500)}`).toBeFalsy()
    }

    return { status: response.status, body }
  }

  it('does what the lines of its page say', async () => {
    const page = await readFile(join(import.meta.dirname, '../../docs/http.md'), 'utf8')
    const script = [...page.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, lines]) => lines).join('\n')
    const shell = spawn('bash', ['-euo', 'pipefail', '-c', `meshmark() { "${process.execPath}" "${MAIN}" "$@"; }\ncurl() { command curl --fail-with-body "$@"; echo; }\n${script}`], { env: { ...mesh.env, MESHMARK: url }, cwd: join(mesh.dir, 'work') })
    const stdout: Buffer[] = []
    const stderr: Buffer[] = []

    shell.stdout.on('data', data => { stdout.push(data) })
    shell.stderr.on('data', data => { stderr.push(data) })

    const [code] = await once(shell, 'close')
    const said = Buffer.concat(stdout).toString()

    expect(code, `${said.slice(-500)}\n${Buffer.concat(stderr).toString()}`).toBe(0)
    expect(said).toContain('"stdout":{"text":"hello, world\\n"}')
    expect(said).toMatch(/^hello, world$/m)
    expect(said).toMatch(/^100000 numbers$/m)
    expect(said).toMatch(/^sleep 0\.01 · 1 of 1 worker/m)
    expect(said).toMatch(/^event: end$/m)
    expect(said).toContain('"format":"meshmark-results"')
    expect(said).toContain('"number":2,"title":"solve","state":"failed","code":3,')
    expect(said).toMatch(/^prepared$/m)
    expect(said).toMatch(/"path":"lab-1\/1\.1\/out\/lines\.txt","worker":"lab-1",.*"size":2,/)
    expect(said).toMatch(/^2\n\n/m)
    expect(said).toContain('{"format":"meshmark profile","version":1,')
    expect(said).toMatch(/^at,kind,worker,peer_id,.*\n.*Z,task,lab-1,.*,done,/m)
    expect(said).toMatch(/^meshmark_workers\{state="waiting"\} 1$/m)
    // of a token, only the answer to its making says more than its id
    expect(master.lines.join('\n')).not.toMatch(/mmh1-|mmk1-\w+-\w{40,}-\w+$(?<!join.*)/)
  })

  it('answers as its own OpenAPI document says', async () => {
    const { Validator } = await import('@seriousme/openapi-schema-validator')
    const document = openapi.definition

    expect(await new Validator().validate(structuredClone(document) as never)).toMatchObject({ valid: true })

    const submitted = await conforming('submitJob', '/v1/jobs', { method: 'POST', headers: JSON_TYPE, body: JSON.stringify({ kind: 'exec', command: 'echo hi', name: 'conform' }) })

    expect(submitted.status).toBe(201)
    expect((await post('/v1/jobs', { kind: 'map', name: 'conform-map', map: { yaml: 'lists: [{ on: lab-1, commands: [{ run: "echo 1 > \'a \\"b\\"é.html\'", shell: true }, echo two] }]' }, collect: ['*.html'] })).status).toBe(201)

    const measured = await conforming('submitJob', '/v1/jobs', { method: 'POST', headers: JSON_TYPE, body: JSON.stringify({ kind: 'compare', commands: ['true', 'true'], runs: 6, name: 'pairs' }) })

    expect(measured.status, JSON.stringify(measured.body)).toBe(201)

    const begun = await conforming('beginFile', '/v1/files', { method: 'POST', headers: JSON_TYPE, body: '{"size":2}' })

    for (const [operation, path, init] of [
      ['jobResults', '/v1/jobs/pairs/results?wait=60s'],
      ['jobOutcome', '/v1/jobs/conform/outcome?wait=30s'],
      ['planJob', '/v1/plan', { method: 'POST', headers: JSON_TYPE, body: '{"kind":"run","commands":["true"],"memory":"64M"}' }],
      ['planJob', '/v1/plan', { method: 'POST', headers: JSON_TYPE, body: '{"kind":"map","map":{"lists":[{"on":"all","commands":["true"]}]}}' }],
      ['planJob', '/v1/plan', { method: 'POST', headers: JSON_TYPE, body: '{"kind":"exec","command":"true","on":["nobody"]}' }],
      ['jobOutcome', '/v1/jobs/conform-map/outcome?wait=30s'],
      ['jobOutput', '/v1/jobs/conform-map/output?worker=lab-1&command=2'],
      ['jobOutput', '/v1/jobs/conform/output?command=2'],
      ['listCollected', '/v1/jobs/conform-map/collected'],
      ['listCollected', '/v1/jobs/conform/collected'],
      ['getCollected', `/v1/jobs/conform-map/collected/file?path=${encodeURIComponent('lab-1/1.1/a "b"\u00e9.html')}`],
      ['getCollected', '/v1/jobs/conform-map/collected/file?path=lab-1/../../etc/passwd'],
      ['listJobs', '/v1/jobs'],
      ['listJobs', '/v1/jobs?limit=0'],
      ['showJob', '/v1/jobs/conform'],
      ['showJob', '/v1/jobs/nothing'],
      ['followJob', '/v1/jobs/conform/events'],
      ['followJob', '/v1/jobs/conform/events', { headers: { accept: 'application/x-ndjson' } }],
      ['followJob', '/v1/jobs/conform/events', { headers: { accept: 'image/png' } }],
      ['jobResults', '/v1/jobs/conform/results'],
      ['jobResults', '/v1/jobs/conform/results?format=csv'],
      ['jobResults', '/v1/jobs/conform/results?format=ndjson'],
      ['jobResults', '/v1/jobs/conform/results?format=markdown'],
      ['jobResults', '/v1/jobs/conform/results?format=full'],
      ['jobOutput', '/v1/jobs/conform/output'],
      ['cancelJob', '/v1/jobs/conform', { method: 'DELETE' }],
      ['uploadFile', '/v1/files', { method: 'PUT', body: 'x' }],
      ['beginFile', '/v1/files', { method: 'POST', headers: JSON_TYPE, body: '{"size":-1}' }],
      ['sendPiece', `/v1/files/${begun.body.id}?offset=0`, { method: 'PATCH', body: 'x' }],
      ['sendPiece', `/v1/files/${begun.body.id}?offset=0`, { method: 'PATCH', body: 'x' }],
      ['sendPiece', `/v1/files/${begun.body.id}?offset=1`, { method: 'PATCH', body: 'y' }],
      ['showFile', `/v1/files/${begun.body.id}`],
      ['showFile', '/v1/files/none'],
      ['removeFile', `/v1/files/${begun.body.id}`, { method: 'DELETE' }],
      ['listNodes', '/v1/nodes'],
      ['listMasters', '/v1/masters'],
      ['health', '/v1/health'],
      ['profile', '/v1/profile?job=conform'],
      ['profile', '/v1/profile?since=1h&limit=2'],
      ['profile', '/v1/profile?format=csv'],
      ['profile', '/v1/profile?format=ndjson'],
      ['profile', '/v1/profile?job=nothing'],
      ['profile', '/v1/profile?limit=0'],
      ['compareJobs', '/v1/compare?base=conform'],
      ['compareJobs', '/v1/compare?base=pairs'],
      ['compareJobs', '/v1/compare?base=pairs&with=nothing'],
      ['compareJobs', '/v1/compare?base=pairs&base_command=7'],
      ['history', '/v1/history?name=pairs'],
      ['history', '/v1/history?name=none&metric=memory'],
      ['metrics', '/v1/metrics'],
      ['openapi', '/v1/openapi.json'],
      ['listTokens', '/v1/tokens'],
      ['listTokens', '/v1/tokens', { as: admin }],
      ['createToken', '/v1/tokens', { as: admin, method: 'POST', headers: JSON_TYPE, body: '{"role":"client","http":"full"}' }],
      ['revokeToken', '/v1/tokens/none', { as: admin, method: 'DELETE' }],
      ['drainNode', '/v1/nodes/nobody/drain', { as: admin, method: 'POST', headers: JSON_TYPE, body: '{}' }]
    ] as Array<[string, string, Parameters<typeof ask>[1]?]>) {
      await conforming(operation, path, init)
    }

    for (const [operation, path, begins] of [['followMesh', '/v1/events', /^event: mesh\n/], ['followProfile', '/v1/profile/events?since=1h', /^event: changes\ndata: \{"kind":"changes"/]] as const) {
      const following = await ask(path)
      const pieces = following.body!.getReader()

      asked.add(operation)
      expect(following.headers.get('content-type')).toBe('text/event-stream')
      expect(new TextDecoder().decode((await pieces.read()).value)).toMatch(begins)
      await pieces.cancel()
    }

    expect([...asked].sort()).toEqual(openapi.router.getOperations().map(({ operationId }) => operationId).sort())
  })

  it('shows each token its own jobs alone, and does not tell another one\'s from none', async () => {
    const { id } = await (await post('/v1/jobs', { kind: 'exec', command: ['sh', '-c', 'echo mine >x'], name: 'mine', collect: ['x'] })).json() as { id: string }

    for (const path of [`/v1/jobs/${id}`, `/v1/jobs/${id}/collected`, `/v1/jobs/${id}/collected/file?path=lab-1/x`, `/v1/jobs/${id}/events`, `/v1/jobs/${id}/results`, `/v1/jobs/${id}/output`, `/v1/jobs/${id}/outcome`]) {
      const none = path.replace(id, '01ARZ3NDEKTSV4RRFFQ69G5FAV')
      const [foreign, absent] = await Promise.all([ask(path, { as: other }), ask(none, { as: other })])

      expect([foreign.status, absent.status]).toEqual([404, 404])
      expect((await foreign.text()).replace(id, 'ID')).toBe((await absent.text()).replace('01ARZ3NDEKTSV4RRFFQ69G5FAV', 'ID'))
    }

    expect((await ask(`/v1/jobs/${id}`, { as: other, method: 'DELETE' })).status).toBe(404)
    expect(await (await ask('/v1/jobs', { as: other })).json()).toEqual({ jobs: [] })
    expect((await ask(`/v1/profile?job=${id}`, { as: other })).status).toBe(404)
    expect(await (await ask('/v1/profile', { as: other })).text()).not.toContain(id)
    expect((await ask(`/v1/jobs/${id}`, { as: reader })).status).toBe(200)
    await (await ask(`/v1/jobs/${id}/outcome?wait=30s`, { as: reader })).text()

    const file = await ask(`/v1/jobs/${id}/collected/file?path=lab-1/x`, { as: reader })

    expect([file.status, await file.text()]).toEqual([200, 'mine\n'])
    expect(Object.fromEntries(file.headers)).toMatchObject({ 'content-length': '5', 'content-type': 'application/octet-stream', 'x-content-type-options': 'nosniff', 'content-disposition': 'attachment; filename="x"; filename*=UTF-8\'\'x' })
    expect((await ask(`/v1/jobs/${id}`, { as: reader, method: 'DELETE' })).status).toBe(403)
    expect((await post('/v1/jobs', { kind: 'exec', command: 'true' }, reader)).status).toBe(403)
    expect((await ask('/v1/tokens')).status).toBe(403)
  })

  it('goes on behind the last event that came', async () => {
    await post('/v1/jobs', { kind: 'exec', name: 'lines', command: ['sh', '-c', 'for n in 1 2 3 4 5 6; do echo $n; sleep 0.05; done'] })

    const first = await ask('/v1/jobs/lines/events', { headers: { accept: 'application/x-ndjson' } })
    const seen: Line[] = []

    for await (const line of linesOf(first)) {
      seen.push(line)

      if (line.kind === 'output') {
        break
      }
    }

    const rest = await ask('/v1/jobs/lines/events', { headers: { accept: 'application/x-ndjson', 'last-event-id': seen.at(-1)!.id! } })

    for await (const line of linesOf(rest)) {
      seen.push(line)
    }

    expect(seen.map(({ text = '' }) => text).join('')).toBe('1\n2\n3\n4\n5\n6\n')
    expect(seen.at(-1)?.kind).toBe('end')
    expect((await ask('/v1/jobs/lines/events', { headers: { 'last-event-id': 'nonsense' } })).status).toBe(400)
  })

  it('goes on behind the last event of a map, with every byte of every run once', async () => {
    await post('/v1/jobs', {
      kind: 'map',
      name: 'again',
      map: { restart: { when: 'on-failure', max: 2, backoff: '10ms' }, lists: [{ on: 'lab-1', commands: [['sh', '-c', 'for n in 1 2 3; do echo $n; sleep 0.05; done; exit 1']] }, { on: 'lab-1', commands: ['echo last'] }] }
    })

    const seen: Array<Line & { execution?: string }> = []
    let last: string | undefined

    for (let rounds = 0; seen.at(-1)?.kind !== 'end' && rounds < 30; rounds++) {
      const response = await ask('/v1/jobs/again/events', { headers: { accept: 'application/x-ndjson', ...(last == null ? {} : { 'last-event-id': last }) } })

      for await (const line of linesOf(response)) {
        seen.push(line)

        if (line.id != null) {
          last = line.id
          break
        }
      }
    }

    const printed = new Map<string, string>()

    seen.filter(({ kind }) => kind === 'output').forEach(({ execution = '', text = '' }) => { printed.set(execution, (printed.get(execution) ?? '') + text) })

    expect([...printed.values()].sort()).toEqual(['1\n2\n3\n', '1\n2\n3\n', '1\n2\n3\n', 'last\n'])
    expect(await (await ask('/v1/jobs/again/outcome')).json()).toMatchObject({ code: 1, tasks: [{ number: 1, restarts: 2, state: 'failed', code: 1, stdout: { text: '1\n2\n3\n'.repeat(3) } }, { number: 2, state: 'done', code: 0, stdout: { text: 'last\n' } }] })
  })

  it('never reads a file of the master\'s machine', async () => {
    for (const body of [
      { kind: 'exec', command: '/bin/sh' },
      { kind: 'exec', command: './package.json' },
      { kind: 'exec', command: 'cat', files: ['/etc/passwd'] },
      { kind: 'exec', command: 'cat', files: [{ path: '/etc/passwd' }] },
      { kind: 'exec', command: 'cat', stdin: '/etc/passwd' },
      { kind: 'exec', command: 'cat', files: [{ name: '../../x', content: '' }] },
      { kind: 'exec', command: 'cat', files: [{ name: 'x', upload: '../../etc/passwd' }] },
      { kind: 'exec', command: 'cat', data: { x: '/etc/passwd' } },
      { kind: 'map', map: { file: '/etc/passwd' } },
      { kind: 'map', map: { with: '/etc/passwd', lists: [{ on: 'all', commands: ['cat'] }] } },
      { kind: 'map', map: { yaml: 'lists: [{ on: all, commands: [{ run: cat, stdin: /etc/passwd }] }]' } }
    ]) {
      const response = await post('/v1/jobs', body)

      expect(response.status, JSON.stringify(body)).toBe(400)
      expect(response.headers.get('content-type')).toBe('application/problem+json')
    }
  })

  it('turns strangers away', async () => {
    const hostile = async (headers: Record<string, string>): Promise<number | undefined> => rawStatus(url, headers)

    expect(await hostile({})).toBe(401)
    expect(await hostile({ authorization: 'Bearer x' })).toBe(401)
    expect(await hostile({ authorization: `Bearer ${token.replace(/.$/, end => end === 'a' ? 'b' : 'a')}` })).toBe(401)
    expect(await hostile({ authorization: `Bearer ${token}`, host: 'evil.example' })).toBe(421)
    expect(await hostile({ authorization: `Bearer ${token}`, origin: 'https://evil.example' })).toBe(403)
    expect(await hostile({ authorization: `Bearer ${token}`, origin: 'null' })).toBe(403)
    expect(await hostile({ authorization: `Bearer ${token}`, 'sec-fetch-site': 'cross-site' })).toBe(403)
    expect(await hostile({ authorization: `Bearer ${token}` })).toBe(200)
    expect((await fetch(`${url}/v1/health?token=${token}`)).status).toBe(400)
    expect((await fetch(`${url}/nowhere`)).status).toBe(401)
    expect((await ask('/v1/jobs', { method: 'POST', headers: JSON_TYPE, body: ' '.repeat(25 * 1024 * 1024) })).status).toBe(413)
    expect((await ask('/v1/jobs', { method: 'POST', body: '{}' })).status).toBe(415)

    // no join token opens it, and none of its own lets anybody join
    const joining = (await mesh.run(['token', 'create', 'client'])).stdout.split(' ')[2]!.split('@')[0]!

    expect((await ask('/v1/health', { as: joining })).status).toBe(401)
    expect((await mesh.run(['join', `${token}@127.0.0.1:${mesh.port}`])).code).not.toBe(0)
  })

  it('ends a token that is revoked, with what is open of it, and one that has expired', async () => {
    const doomed = await makeToken('client', '--name', 'doomed')
    const brief = await makeToken('client', '--ttl', '1ms')

    expect((await ask('/v1/health', { as: brief })).status).toBe(401)
    await post('/v1/jobs', { kind: 'exec', command: 'sleep 60', name: 'long' }, doomed)

    const stream = await ask('/v1/jobs/long/events', { as: doomed })
    const { tokens } = await (await ask('/v1/tokens', { as: admin })).json() as { tokens: Array<{ id: string, name?: string }> }
    const { id } = tokens.find(({ name }) => name === 'doomed')!

    expect((await ask(`/v1/tokens/${id}`, { as: admin, method: 'DELETE' })).status).toBe(200)
    await stream.text().catch(() => {})
    expect((await ask('/v1/health', { as: doomed })).status).toBe(401)
    expect((await ask('/v1/jobs/long', { as: admin, method: 'DELETE' })).status).toBe(200)
  })

  it('is opened by a client with a link for its own jobs, and by an administrator for all', async () => {
    const own = { MESHMARK_DATA: join(mesh.dir, 'elsewhere'), XDG_RUNTIME_DIR: join(mesh.dir, 'nothing') }
    const joining = (await mesh.run(['token', 'create', 'client'])).stdout.trim().split(' ').at(-1)!
    const tokenOf = async (...args: string[]): Promise<{ link: string, role: string, access: string, token: string }> => {
      const { code, stdout, stderr } = await mesh.run(['dashboard', '--json', ...args])

      expect({ code, stderr }).toMatchObject({ code: 0 })

      return JSON.parse(stdout)
    }

    await mkdir(own.XDG_RUNTIME_DIR, { mode: 0o700 })
    expect((await mesh.run(['join', joining], { env: own })).code).toBe(0)
    expect((await mesh.run(['exec', '--name', 'typed', 'echo', 'hi'], { env: own })).stdout).toBe('hi\n')

    const { code, stdout, stderr } = await mesh.run(['dashboard', '--ttl', '10m'], { env: own })
    const [, base, page] = /^(http:\/\/[^/]+)\/#token=(mmh1-\S+)\n$/.exec(stdout) ?? []

    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringMatching(/^good for 10 min, as a client: your jobs; ends with .* token revoke/) })
    expect(base).toBe(url)
    expect(await (await ask('/v1/jobs', { as: page })).json()).toMatchObject({ jobs: [{ name: 'typed', mine: true }] })
    expect((await ask('/v1/tokens', { as: page })).status).toBe(403)

    // what the page submits is the client's own in the terminal
    expect((await post('/v1/jobs', { kind: 'exec', command: 'echo clicked', name: 'clicked' }, page)).status).toBe(201)
    expect(await (await ask('/v1/jobs/clicked/outcome?wait=30s', { as: page })).json()).toMatchObject({ code: 0 })
    expect((await mesh.run(['show', 'clicked'], { env: own })).code).toBe(0)
    expect((await ask('/v1/jobs/clicked')).status).toBe(404)

    const reading = await tokenOf('--read-only')

    expect(reading).toMatchObject({ role: 'admin', access: 'read', link: expect.stringContaining(`${url}/#token=mmh1-`) })
    expect((await ask('/v1/jobs/clicked', { as: reading.link.split('=')[1] })).status).toBe(200)
    expect((await ask('/v1/jobs/clicked', { as: reading.link.split('=')[1], method: 'DELETE' })).status).toBe(403)
    expect((await mesh.run(['token', 'revoke', reading.token])).code).toBe(0)
    expect((await ask('/v1/health', { as: reading.link.split('=')[1] })).status).toBe(401)
  })

  it('keeps a token\'s jobs its own at another master, once the first is gone', async () => {
    const second = await mesh.master('second', ['--http=127.0.0.1:0'])
    const secondUrl = (await second.ready as { http?: string }).http!

    await eventually('the second master is there, with its address', async () => {
      const { masters } = await (await ask('/v1/masters')).json() as { masters: Array<{ name: string, state: string, urls: string[] }> }

      return masters.some(({ name, state, urls }) => name === 'second' && state === 'standby' && urls.join() === secondUrl)
    })

    expect((await post('/v1/jobs', { kind: 'exec', command: 'echo kept', name: 'kept', replicas: 2 })).status).toBe(201)
    await (await ask('/v1/jobs/kept/outcome?wait=30s')).text()

    // streams that are open do not keep it from stopping
    expect((await post('/v1/jobs', { kind: 'exec', command: 'sleep 60', name: 'open', replicas: 2 })).status).toBe(201)
    const stream = await ask('/v1/jobs/open/events')

    expect((await master.stop()).code).toBe(0)
    await stream.text().catch(() => {})

    url = secondUrl

    expect(await (await ask('/v1/jobs/kept/outcome?wait=30s')).json()).toMatchObject({ code: 0, tasks: [{ stdout: { text: 'kept\n' } }] })
    expect((await ask('/v1/jobs/kept', { as: other })).status).toBe(404)
    expect((await ask('/v1/jobs/open', { method: 'DELETE' })).status).toBe(200)
  })
})

async function * linesOf (response: Response): AsyncGenerator<Line> {
  let rest = ''

  for await (const piece of response.body!.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + piece).split('\n')

    rest = lines.pop()!
    yield * lines.filter(line => line !== '').map(line => JSON.parse(line) as Line)
  }
}

/** Status of a request with headers that `fetch` would not send. */
async function rawStatus (url: string, headers: Record<string, string>): Promise<number | undefined> {
  const { hostname, port, host } = new URL(url)
  const socket = connectSocket(Number(port), hostname)

  socket.end(`GET /v1/health HTTP/1.1\r\n${Object.entries({ host, connection: 'close', ...headers }).map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`)

  const [data] = await once(socket, 'data') as [Buffer]

  socket.destroy()

  return Number(/^HTTP\/1\.1 (\d+)/.exec(data.toString())?.[1])
}
