import { afterAll, afterEach, beforeAll, expect } from 'vitest'
import { TestBrowser } from '../browser.ts'
import { freePort, TestMesh } from '../mesh.ts'
import { eventually } from '../processes.ts'
import type { TestPage } from '../browser.ts'
import type { NodeProcess } from '../mesh.ts'

/** A mesh of two workers, its page in a browser, and a reader who has signed in with the token of an administrator. */
export class Lab {
  reader!: TestPage
  readonly #pages: TestPage[] = []

  /** @param boss - serves the page to the reader */
  private constructor (readonly mesh: TestMesh, readonly browser: TestBrowser, public boss: NodeProcess, private readonly bossArgs: string[], readonly url: string, readonly admin: string) {}

  /** @param masters - that serve a page; the first one is `boss`, and coordinates */
  static async start (masters: 1 | 2): Promise<Lab> {
    const starting = TestBrowser.open()
    const mesh = await TestMesh.create()

    try {
      const bossArgs = [`--http=127.0.0.1:${await freePort()}`]
      const boss = await mesh.master(bossArgs)
      const second = masters === 2 ? await mesh.master('second', ['--http=127.0.0.1:0']) : undefined

      await Promise.all(['lab-1', 'lab-2'].map(async name => mesh.worker(name)))

      const lab = new Lab(mesh, await starting, boss, bossArgs, (await boss.ready).http!, await makeToken(mesh, 'admin'))

      await second?.ready
      await eventually('each master knows where the others answer', async () => (await lab.ask('/v1/masters')).masters.filter(({ urls }: { urls: string[] }) => urls.length > 0).length === masters)
      lab.reader = await lab.open({ colorScheme: 'light' })
      await lab.reader.signIn(lab.url, lab.admin)

      return lab
    } catch (err) {
      await starting.then(async browser => browser.close())
      await mesh.close()
      throw err
    }
  }

  async open (options?: Parameters<TestBrowser['page']>[0]): Promise<TestPage> {
    const page = await this.browser.page(options)

    this.#pages.push(page)

    return page
  }

  async makeToken (role: string, ...more: string[]): Promise<string> {
    return makeToken(this.mesh, role, ...more)
  }

  async ask (path: string, method = 'GET', body?: unknown): Promise<any> {
    const response = await fetch(`${this.url}${path}`, { method, headers: { authorization: `Bearer ${this.admin}`, 'content-type': 'application/json' }, ...(body == null ? {} : { body: JSON.stringify(body) }) })

    return response.json()
  }

  /** The place of a job that has just been submitted. */
  async submit (job: object): Promise<string> {
    const { id, ...rest } = await this.ask('/v1/jobs', 'POST', job)

    expect(id, JSON.stringify(rest)).toBeTypeOf('string')

    return `#/jobs/${id}`
  }

  /** The same again, where it was. */
  async startBoss (): Promise<void> {
    this.boss = await this.mesh.master(this.bossArgs)
    await this.boss.ready
  }

  /** Of all pages since they were asked last. */
  complaints (): string[] {
    return this.#pages.flatMap(page => page.complaints())
  }

  async close (): Promise<void> {
    await this.browser.close()
    await this.mesh.close()
  }
}

/** For the tests of one file, of which none may leave a complaint behind. */
export function withLab (masters: 1 | 2): () => Lab {
  let lab: Lab | undefined

  beforeAll(async () => { lab = await Lab.start(masters) })
  afterAll(async () => { await lab?.close() })
  afterEach(() => { expect(lab?.complaints() ?? []).toEqual([]) })

  return () => lab!
}

async function makeToken (mesh: TestMesh, role: string, ...more: string[]): Promise<string> {
  const { code, stdout, stderr } = await mesh.run(['token', 'create', role, '--http', ...more])

  expect({ code, stderr }).toMatchObject({ code: 0 })

  return stdout.trim()
}
