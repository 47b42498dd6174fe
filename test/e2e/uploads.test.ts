import { createHash, randomBytes } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { signIn, type App } from '../../src/dashboard/live/app.ts'
import { deskOf } from '../../src/dashboard/live/submission.ts'
import { EMPTY_FORM, type Form } from '../../src/dashboard/submit/form.ts'
import { Xhr } from '../dashboard/xhr.ts'
import { TestMesh } from './mesh.ts'
import type { NodeProcess } from './mesh.ts'

const HTTP = '--http=127.0.0.1:0'
const MIB = 1024 ** 2

interface Outcome { code: number, tasks: Array<{ stdout: { text: string } }> }

/** What the page does when it submits, without a browser around it: only what a browser gives it is ours here. */
describe('a job that is submitted from the page, of two masters', () => {
  let mesh: TestMesh
  let boss: NodeProcess
  let second: NodeProcess
  let token: string
  let app: App

  beforeAll(async () => {
    mesh = await TestMesh.create()
    boss = await mesh.master([HTTP])
    second = await mesh.master('second', [HTTP])
    await mesh.worker('lab-1')

    const { code, stdout, stderr } = await mesh.run(['token', 'create', 'client', '--http'])

    expect(code, stderr).toBe(0)
    token = stdout.trim()
    vi.stubGlobal('XMLHttpRequest', Xhr)
    vi.stubGlobal('window', new EventTarget())
    vi.stubGlobal('document', { hidden: false })
    vi.stubGlobal('requestAnimationFrame', setImmediate)
  })

  afterEach(() => { app.close() })

  afterAll(async () => {
    vi.unstubAllGlobals()
    await mesh.close()
  })

  /** The page as that master serves it, once it has heard of the other one. */
  async function open (home: NodeProcess, other: NodeProcess): Promise<[string, string]> {
    const [here, there] = await Promise.all([home, other].map(async node => (await node.ready).http!)) as [string, string]

    Xhr.reset()
    vi.stubGlobal('location', new URL(here))
    app = await signIn(token)
    await expect.poll(() => app.link.state.bases, { timeout: 30_000 }).toEqual([here, there])
    // it has all that the other one has, and can take its place
    await expect.poll(async () => (await app.link.get<{ masters: Array<{ state: string }> }>('/v1/masters')).masters.map(({ state }) => state).sort(), { timeout: 30_000 }).toEqual(['coordinator', 'standby'])

    return [here, there]
  }

  function formOf (name: string, content: Buffer): Form {
    return { ...EMPTY_FORM, kind: 'exec', on: 'any', commands: ['sha256sum blob'], name, files: [{ name: 'blob', size: content.byteLength, blob: new Blob([new Uint8Array(content)]) }] }
  }

  async function outcome (id: string): Promise<Outcome> {
    return app.link.get(`/v1/jobs/${id}/outcome?wait=60s`)
  }

  /** Of the master with this folder. */
  async function uploads (data: string): Promise<string[]> {
    return (await readdir(data, { recursive: true })).filter(file => /http-uploads\/./.test(file))
  }

  it('is sent anew to the other one when the first is gone for good', async () => {
    const [gone, next] = await open(boss, second)
    const { submission } = deskOf(app.link)
    const content = randomBytes(6 * MIB)
    const told: string[] = []
    let dying: Promise<unknown> | undefined

    submission.state.subscribe(() => { told.push(JSON.stringify(submission.state.value)) })
    Xhr.pace = async sent => {
      if (sent >= 2 * MIB) {
        await (dying ??= boss.stop('SIGKILL'))
      }
    }

    const id = await submission.submit(formOf('anew', content))

    expect(told.filter(state => state.includes(JSON.stringify({ kind: 'master', base: gone, next: true })))).not.toEqual([])
    expect(told.filter(state => state.includes(JSON.stringify({ lost: [gone] }).slice(1, -1)))).not.toEqual([])
    expect(app.link.state.base).toBe(next)
    expect(await outcome(id!)).toMatchObject({ code: 0, tasks: [{ stdout: { text: `${createHash('sha256').update(content).digest('hex')}  blob\n` } }] })
    await expect.poll(async () => uploads(mesh.dataOf('second'))).toEqual([])
  })

  it('is the one that was accepted, when the master dies with the answer', async () => {
    const real = fetch
    const gone = (await second.ready).http!
    const asked: string[] = []

    vi.stubGlobal('fetch', async (url: string, init: RequestInit) => {
      const response = await real(url, init)

      asked.push(`${init.method} ${url}`)

      if (init.method === 'POST' && url === `${gone}/v1/jobs`) {
        await second.stop('SIGKILL')
        throw new TypeError('terminated')
      }

      return response
    })
    boss = await mesh.master([HTTP])

    const [, next] = await open(second, boss)
    const before = await uploads(mesh.env.MESHMARK_DATA!)
    const id = await deskOf(app.link).submission.submit({ ...formOf('once', randomBytes(MIB)), replicas: '2' })

    expect(asked).toContain(`POST ${gone}/v1/jobs`)
    expect(await outcome(id!)).toMatchObject({ code: 0 })
    expect(await app.link.get('/v1/jobs?name=once')).toMatchObject({ jobs: [{ id }] })
    // it was there: nothing of it was sent to the other one
    expect(asked.filter(request => request === `POST ${next}/v1/files` || request === `POST ${next}/v1/jobs`)).toEqual([])
    expect(await uploads(mesh.env.MESHMARK_DATA!)).toEqual(before)
  })
})
