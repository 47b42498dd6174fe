import '../../src/node/polyfill.ts'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises'
import { createServer, type RequestListener, type ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { serve } from '@hono/node-server'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { Link } from '../../src/dashboard/api/link.ts'
import { Desk } from '../../src/dashboard/live/submission.ts'
import { EMPTY_FORM, type Form } from '../../src/dashboard/submit/form.ts'
import { SESSION_LIMITS } from '../../src/http/exchange/sessions.ts'
import { MeshmarkError } from '../../src/model/errors.ts'
import { appOf } from '../http/fake-client.ts'
import { Xhr } from './xhr.ts'
import type { AddressInfo, Server } from 'node:net'
import type { SessionLimits } from '../../src/http/exchange/sessions.ts'
import type { JobDraft } from '../../src/roles/client/types.ts'

/** A master's interface on a real port; of the mesh behind it there is only this. */
interface Master {
  origin: string
  /** What it keeps for jobs to come. */
  uploads: () => Promise<string[]>
  /** On its disk. */
  bytes: () => Promise<number>
  close: () => Promise<void>
}

let dir: string
/** By id, the jobs that were accepted, with the sizes of their files. */
let jobs: Map<string, number[]>
let refusal: Error | undefined
const closing: Array<() => Promise<void>> = []

const CLIENT = {
  submit: async ({ id = '', files }: JobDraft) => {
    if (refusal != null) {
      throw refusal
    }

    jobs.set(id, await Promise.all(files.map(async ({ source }) => (await readFile(source as string)).byteLength)))

    return { id, masters: [], existing: false }
  },
  show: async (id: string) => { throw new MeshmarkError('usage', `no job ${id}`) }
}

async function master (name: string, limits: Partial<SessionLimits> = {}): Promise<Master> {
  const uploadDir = join(dir, name)
  const uploads = async (): Promise<string[]> => readdir(uploadDir)
  const app = appOf(CLIENT as never, { uploadDir, sessionLimits: { ...SESSION_LIMITS, ...limits } })
  const server = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1', overrideGlobalObjects: false })
  const close = async (): Promise<void> => {
    server.close()
    await app.close()
  }

  await once(server, 'listening')
  closing.push(close)

  return { origin: originOf(server as Server), uploads, bytes: async () => (await Promise.all((await uploads()).map(async file => (await stat(join(uploadDir, file))).size))).reduce((sum, size) => sum + size, 0), close }
}

/** One that answers only as it is told. */
async function silent (listener: RequestListener): Promise<string> {
  const server = createServer(listener)

  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  closing.push(async () => {
    server.closeAllConnections()
    server.close()
  })

  return originOf(server)
}

function originOf (server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

function linkTo (...origins: string[]): Link {
  const link = new Link({ origin: origins[0]!, token: 'x', onState: () => {} })

  link.learn(origins)

  return link
}

/** As whoever has signed in at the first of these has it. */
function deskAt (...origins: string[]): Desk {
  return new Desk(linkTo(...origins))
}

function formWith (...sizes: number[]): Form {
  return { ...EMPTY_FORM, kind: 'exec', commands: ['ls'], files: sizes.map((size, at) => ({ name: `f${at}`, size, blob: new Blob([new Uint8Array(size)]) })) }
}

describe('a job that is submitted from the page', () => {
  beforeAll(() => {
    vi.stubGlobal('XMLHttpRequest', Xhr)
    vi.stubGlobal('window', new EventTarget())
    vi.stubGlobal('requestAnimationFrame', setImmediate)
    vi.stubGlobal('document', { hidden: false })
  })

  afterAll(() => { vi.unstubAllGlobals() })

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'meshmark-test-'))
    jobs = new Map()
    refusal = undefined
    Xhr.reset()
  })

  afterEach(async () => {
    await Promise.all(closing.splice(0).map(async close => close()))
    await rm(dir, { recursive: true })
  })

  it('has many small files, sent and removed no faster than a master takes requests', async () => {
    const { origin, uploads } = await master('one', { rate: { perSecond: 50, burst: 8 } })
    const sizes = Array.from({ length: 12 }, (_, at) => at)
    const id = await deskAt(origin).submission.submit(formWith(...sizes))

    expect([...jobs]).toEqual([[id, sizes]])
    await expect.poll(uploads, { timeout: 10_000 }).toEqual([])
  })

  it('is one, however often it is asked for until then', async () => {
    const { origin } = await master('one')
    const { submission } = deskAt(origin)
    const form = formWith(3)
    const ids = await Promise.all([submission.submit(form), submission.submit(form)])

    expect([...jobs.keys()]).toEqual([ids[0]])
    expect(ids[1]).toBeUndefined()
  })

  it('is refused in the words of the master, where waiting does not help', async () => {
    const [one, two] = [await master('one'), await master('two')]
    const desk = deskAt(one.origin, two.origin)

    refusal = new MeshmarkError('quota', '100 of your jobs are not finished')
    await expect(desk.submission.submit(formWith(3))).rejects.toThrow('100 of your jobs are not finished')
    // nor is it sent to another one, which would say the same
    expect([(await one.uploads()).length, await two.uploads()]).toEqual([2, []])
  })

  it('is given up in the words of the master, where it goes on refusing for now', async () => {
    vi.useFakeTimers({ toFake: ['performance'] })

    try {
      const { origin } = await master('one')
      const { submission } = deskAt(origin)

      refusal = new MeshmarkError('unreachable', 'no master coordinates now')

      const refused = expect(submission.submit(formWith(3))).rejects.toThrow(/^no master coordinates now; what was filled in is still here/)

      await expect.poll(() => submission.state.value).toMatchObject({ waiting: { kind: 'master', base: origin, next: false } })
      vi.advanceTimersByTime(120_000)
      await refused
    } finally {
      vi.useRealTimers()
    }
  })

  it('goes on at another master, with the same token, when one stops in the middle', async () => {
    const [one, two] = [await master('one'), await master('two')]
    const { submission } = deskAt(one.origin, two.origin)
    const waited: unknown[] = []
    let stopping: Promise<void> | undefined

    submission.state.subscribe(() => { waited.push((submission.state.value as { waiting?: unknown }).waiting) })
    Xhr.pace = async sent => {
      if (sent > 500_000 && stopping == null) {
        // it has some of this piece
        await expect.poll(async () => (await one.bytes())).toBeGreaterThan(300_000)
        stopping = one.close()
      }
    }

    const id = await submission.submit(formWith(2_000_000, 5))

    expect([...jobs]).toEqual([[id, [2_000_000, 5]]])
    expect(waited).toContainEqual({ kind: 'master', base: one.origin, next: true })
    expect(waited).not.toContainEqual({ kind: 'token' })
    await expect.poll(two.uploads).toEqual([])
    await stopping
  })

  it('is stopped at once where the master hangs, and what that makes later is removed', async () => {
    const asked: string[] = []
    let late: ServerResponse | undefined
    const origin = await silent((request, response) => {
      asked.push(`${request.method} ${request.url}`)

      if (request.method === 'POST') {
        late = response
      } else {
        response.end('{}')
      }
    })
    const { submission } = deskAt(origin)
    const submitting = submission.submit(formWith(3))

    await expect.poll(() => late).toBeDefined()
    submission.cancel()
    expect(await submitting).toBeUndefined()
    late!.writeHead(201).end('{"id":"abc","size":3,"received":0,"complete":false}')
    await expect.poll(() => asked).toEqual(['POST /v1/files', 'DELETE /v1/files/abc'])
  })

  it('leaves nothing of a file at a master that was taken out of its form', async () => {
    const { origin, uploads } = await master('one')
    const desk = deskAt(origin)
    const [before, other] = [desk.keep('', formWith(3)), desk.keep('x', formWith(4))]

    refusal = new MeshmarkError('no-worker', 'none fits')
    await expect(desk.submission.submit(before.value)).rejects.toThrow('none fits')
    await expect(desk.submission.submit(other.value)).rejects.toThrow('none fits')
    expect(await uploads()).toHaveLength(4)
    refusal = undefined
    before.set(formWith(5))
    await desk.submission.submit(before.value)
    // what another form still has is not sent again
    await expect.poll(async () => (await uploads()).length).toBe(2)
    Xhr.pace = () => { throw new Error('nothing is sent') }
    await desk.submission.submit(other.value)
    expect([...jobs.values()]).toEqual([[5], [4]])
  })

  it('leaves nothing of its files when whoever fills it in signs out', async () => {
    const { origin, uploads } = await master('one')
    const link = linkTo(origin)
    const desk = new Desk(link)

    refusal = new MeshmarkError('no-worker', 'none fits')
    await expect(desk.submission.submit(desk.keep('', formWith(3, 4)).value)).rejects.toThrow('none fits')
    expect(await uploads()).toHaveLength(4)
    link.close()
    await expect.poll(uploads).toEqual([])
  })
})
