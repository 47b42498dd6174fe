import { join } from 'node:path'
import { build } from 'esbuild'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { CHROMIUM, NO_CHROMIUM, TestBrowser } from '../browser.ts'
import type { TestPage } from '../browser.ts'
import type { Stage } from './stage.tsx'
import type { JobMessage } from '../../../src/dashboard/state/job.ts'
import type { JobRow } from '../../../src/node/protocol/submit/messages.ts'

/** A box that scrolls, and what is said without being seen. */
const STYLE = '.output { height: 100px; overflow: auto } .table { height: 300px; overflow: auto; position: relative }'

const WORKER = 'QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnPbdG'

describe.skipIf(CHROMIUM == null)(`parts of the page in Chromium${NO_CHROMIUM}`, () => {
  let browser: TestBrowser
  let seen: TestPage
  let page: TestPage['page']

  beforeAll(async () => {
    const [opened, { outputFiles }] = await Promise.all([TestBrowser.open(), build({
      entryPoints: [join(import.meta.dirname, 'stage.tsx')],
      bundle: true,
      write: false,
      format: 'iife',
      jsx: 'automatic',
      jsxImportSource: 'preact',
      define: { 'import.meta.url': '"http://page.test/"' },
      logLevel: 'error'
    })])

    browser = opened
    seen = await browser.page()
    page = seen.page
    page.context().setDefaultTimeout(5_000)
    await page.setContent(`<!doctype html><style>${STYLE}</style><body></body>`)
    await page.addScriptTag({ content: outputFiles[0]!.text })
  })

  afterAll(async () => { await browser?.close() })
  afterEach(() => { expect(seen.complaints()).toEqual([]) })

  async function call<K extends 'show' | 'set' | 'tellMesh' | 'tellJob' | 'answer'> (name: K, ...args: Parameters<Stage[K]>): Promise<void> {
    await page.evaluate(([name, args]) => { (globalThis.stage[name] as (...args: unknown[]) => void)(...args) }, [name, args] as const)
  }

  /** What has changed is told at the next frame, and there at the one after it. */
  async function drawn (): Promise<void> {
    await page.evaluate('new Promise(resolve => requestAnimationFrame(() => requestAnimationFrame(() => requestAnimationFrame(resolve))))')
  }

  /** What stands in an element, each time that it is changed. */
  async function recorded (selector: string): Promise<() => Promise<string[]>> {
    await page.evaluate(selector => {
      const element = document.querySelector(selector)!
      const words: string[] = []

      Object.assign(globalThis, { words })
      new MutationObserver(() => { words.push(element.textContent) }).observe(element, { childList: true, subtree: true, characterData: true })
    }, selector)

    return async () => page.evaluate(() => (globalThis as unknown as { words: string[] }).words.filter(word => word !== ''))
  }

  describe('the keyboard', () => {
    it('is at the heading when the part goes away that has it', async () => {
      await call('show', 'a part that goes away')
      await page.getByRole('button').focus()
      await call('set', false)
      await page.locator('h2:focus').waitFor()
    })

    it('moves nobody who has pressed elsewhere when the part goes away that had it', async () => {
      await call('show', 'a part that goes away')
      await page.getByRole('button').click()
      await page.getByText('What is read meanwhile').click()
      await call('set', false)
      await page.getByRole('button').waitFor({ state: 'detached' })
      expect(await page.evaluate('document.activeElement.localName')).toBe('body')
    })

    it('stays where it is when a question has become needless, which is not asked again by itself', async () => {
      await call('show', 'a question')
      await page.getByRole('button', { name: 'Drain' }).click()
      await page.locator('button:focus', { hasText: 'Leave it' }).waitFor()
      await page.getByLabel('Find').focus()
      await call('set', false)
      await page.getByRole('button', { name: 'Drain', exact: true }).waitFor()
      expect(await page.evaluate('document.activeElement.localName')).toBe('input')
      await call('set', true)
      await drawn()
      expect(await page.getByRole('button').allTextContents()).toEqual(['Drain'])
    })

    it('stays in the question to sign in again, and goes back to where it was', async () => {
      await call('show', 'signed out')
      await page.getByLabel('Name').focus()
      await call('set', false)
      await page.getByLabel('Token', { exact: true }).and(page.locator(':focus')).waitFor()

      for (let time = 0; time < 3; time++) {
        await page.keyboard.press('Escape')
        await page.locator('dialog[open]').waitFor()
      }

      await call('set', true)
      await page.locator('dialog').waitFor({ state: 'detached' })
      await page.getByLabel('Name').and(page.locator(':focus')).waitFor()
    })

    it('stays in a part of the form whose last word is deleted', async () => {
      await call('show', 'more of the form')
      await page.getByText('More').click()
      await page.getByLabel('Environment').fill('A=1')
      await drawn()
      await page.getByLabel('Environment').fill('')
      await drawn()
      expect(await page.locator('details[open] input:focus').count()).toBe(1)
    })
  })

  describe('what is said aloud', () => {
    it('is said again when it has happened again', async () => {
      await call('show', 'copy')

      const words = await recorded('[role=status] + button, .copy [role=status]')

      for (const count of [1, 2]) {
        await page.getByRole('button').click()
        await expect.poll(async () => (await words()).filter(word => /opied/.test(word)).length).toBe(count)
      }
    })

    it('is who has joined, and not again when one of them is gone', async () => {
      const node = (name: string): never => ({ role: 'worker', peerId: name, name, state: 'waiting', draining: false, sinceAt: 0, heardAt: 0, version: '0', addresses: [] }) as never
      const nodes = async (names: string[], gone: string[] = []): Promise<void> => call('tellMesh', { kind: 'nodes', nowMs: 0, all: false, nodes: names.map(node), changed: {}, gone, heard: {} })

      await call('answer', '/v1/tokens', JSON.stringify({ text: 'T', addresses: [], token: { expiresAt: 60_000 } }))
      await nodes(['old'])
      await call('show', 'add a worker')
      await page.getByRole('button').click()
      await page.getByText('Nobody has joined yet.').waitFor()

      const words = await recorded('.only-said')

      await nodes(['a'])
      await expect.poll(words).toEqual(['a has joined'])
      await nodes(['b'])
      await expect.poll(async () => (await words()).length).toBe(2)
      await nodes([], ['b'])
      await page.getByRole('link', { name: 'b' }).waitFor({ state: 'detached' })
      await nodes(['c'])
      await expect.poll(async () => (await words()).at(-1)).toBe('c has joined, 2 in all')
      expect(await words()).toEqual(['a has joined', 'b has joined, 2 in all', 'c has joined, 2 in all'])
    })
  })

  describe('what a program prints', () => {
    const view = (state: string, tasks: string[], map?: object): never => ({ job: { id: 'JOB', kind: 'exec', commands: [{ title: 'one' }, { title: 'two' }], map }, state, acceptedAt: 0, tasks: tasks.map(task => ({ task, workerName: 'lab', state: 'running', attempt: 0 })) }) as never
    const line = (task: string, text: string): JobMessage => ({ kind: 'output', execution: task, task, stream: 'stdout', offset: 0, text })

    it('is followed to its last line, also when that comes with the end', async () => {
      await call('show', 'output')
      await call('tellJob', { kind: 'job', view: view('running', ['t']) }, ...Array.from({ length: 50 }, (_, at) => line('t', `line ${at}\n`)))
      await page.getByText('line 49').waitFor()
      // as when the page is so busy that it is told of its own scrolling late
      await page.locator('.output').evaluate(box => { new MutationObserver(() => { box.dispatchEvent(new Event('scroll')) }).observe(box, { childList: true, subtree: true, characterData: true }) })
      await call('tellJob', ...Array.from({ length: 50 }, (_, at) => line('t', `late ${at}\n`)), { kind: 'end', view: view('finished', ['t']) })
      await page.getByText('late 49').waitFor()
      await expect.poll(async () => page.locator('.output').evaluate(({ scrollHeight, scrollTop, clientHeight }) => scrollHeight - scrollTop - clientHeight)).toBeLessThan(2)
    })

    it('is read from its beginning when the job has ended before', async () => {
      await call('show', 'output')
      await call('tellJob', { kind: 'job', view: view('finished', ['t']) }, line('t', 'line\n'.repeat(100)), { kind: 'end', view: view('finished', ['t']) })
      await page.locator('.output', { hasText: 'line' }).waitFor()
      expect(await page.locator('.output').evaluate(({ scrollTop }) => scrollTop)).toBe(0)
    })

    it('is saved of one command of a map, and not of all that its worker did', async () => {
      const tasks = [`${WORKER}.0.0`, `${WORKER}.0.1`, `${WORKER}.1.0`]

      await call('answer', '/v1/jobs/JOB/output', 'two\n')
      await call('show', 'output')
      await call('tellJob', { kind: 'job', view: view('finished', tasks, {}) }, line(tasks[2]!, 'two\n'), { kind: 'end', view: view('finished', tasks, {}) })

      const download = page.waitForEvent('download')

      await page.getByRole('button', { name: 'Save stdout' }).click()
      expect((await download).suggestedFilename()).toBe('JOB-lab-3-stdout.txt')
      expect(await page.evaluate(() => globalThis.stage.asked)).toEqual(['GET /v1/jobs/JOB/output?stream=stdout&worker=lab&command=3'])
    })
  })

  describe('the jobs', () => {
    const row = (id: string, more: Partial<JobRow> = {}): JobRow => ({ id: id.padStart(26, '0'), title: `./${id}`, kind: 'run', state: 'finished', acceptedAt: 1, finishedAt: 2, tasks: 1, ended: 1, failed: 0, mine: true, ...more })
    const told = async (rows: JobRow[]): Promise<void> => call('tellMesh', { kind: 'jobs', nowMs: 0, all: true, jobs: rows, changed: {}, gone: [], more: false })

    it('are looked for among the older ones too, which the page was not told of', async () => {
      await told(Array.from({ length: 200 }, (_, at) => row(`new-${at}`)))
      await call('answer', '/v1/jobs?limit', '{"detail":"too many at once"}', { status: 503 })
      await call('show', 'jobs')
      await page.getByText('200 jobs').first().waitFor()
      expect(await page.evaluate(() => globalThis.stage.asked)).toEqual([])
      await page.getByLabel('Find').fill('ancient')
      await page.getByRole('alert').filter({ hasText: 'Older jobs did not come' }).waitFor()
      await call('answer', '/v1/jobs?limit', JSON.stringify({ jobs: [row('new-19', { state: 'running' }), row('ancient', { acceptedAt: 0 })] }))
      await page.getByRole('button', { name: 'Try again' }).click()
      await page.getByRole('row').filter({ hasText: './ancient' }).waitFor()
      await page.locator('.tools-count', { hasText: /^1 of 201 jobs$/ }).waitFor()
      // what was told is newer
      await page.getByLabel('Find').fill('new-19')
      await page.locator('.tools-count', { hasText: /^11 of 201 jobs$/ }).waitFor()
      expect(new Set(await page.getByRole('row').locator('.mark').allTextContents())).toEqual(new Set(['finished']))
      await page.getByLabel('Find').fill('')
      await page.getByLabel('State').selectOption('cancelled')
      await expect.poll(async () => page.evaluate(() => globalThis.stage.asked.at(-1))).toBe('GET /v1/jobs?limit=10000&state=cancelled')
      await page.getByLabel('State').selectOption('')
      await page.locator('.tools-count', { hasText: /^200 jobs$/ }).waitFor()
    })

    it('are to be compared, and have a history, when they are older than those that the page was told of', async () => {
      await told(Array.from({ length: 200 }, (_, at) => row(`new-${at}`, { kind: 'exec' })))
      await call('answer', '/v1/jobs?limit', JSON.stringify({ jobs: [row('ancient', { name: 'monthly' })] }))
      await call('show', 'compare')
      await page.getByLabel('This').locator('option', { hasText: 'monthly' }).waitFor({ state: 'attached' })
      expect(await page.evaluate(() => globalThis.stage.asked)).toEqual(['GET /v1/jobs?limit=1000&kind=run'])
      await call('show', 'history')
      await page.getByRole('link', { name: 'monthly' }).waitFor()
    })

    it('are asked for by a line that is safe to paste, whatever name stands in the address', async () => {
      await call('answer', '/v1/history', JSON.stringify({ name: "'; rm -rf ~ #", jobs: [], lines: [] }))
      await call('show', 'a history of nothing')
      await page.getByText(String.raw`meshmark run --name ''\''; rm -rf ~ #' --runs 20 ./program`, { exact: true }).waitFor()
    })

    it('are asked for no more where all of them were told, and counted as people do', async () => {
      await told([row('only')])
      await call('show', 'jobs')
      await page.getByLabel('Find').fill('only')
      await page.locator('.tools-count', { hasText: /^1 job$/ }).waitFor()
      expect(await page.evaluate(() => globalThis.stage.asked)).toEqual([])
    })
  })

  it('says rates without an exponent, and the time of day below what was when', async () => {
    const nowMs = Date.now()
    const changes = Array.from({ length: 800 }, (_, at) => ({ kind: 'task', at: new Date(nowMs - at * 100).toISOString(), peer_id: 'p', worker: 'lab', outcome: 'done', started_at: new Date(nowMs - at * 100 - 50).toISOString(), ended_at: new Date(nowMs - at * 100).toISOString() })).reverse()

    await call('answer', '/v1/profile/events', `data: ${JSON.stringify({ nowMs, changes })}\n\n`, { type: 'text/event-stream' })
    await call('show', 'activity')

    const throughput = page.locator('figure').last()
    const download = page.waitForEvent('download')

    await throughput.getByRole('button', { name: 'Save SVG' }).click()

    const svg = await (await download).createReadStream().then(async stream => (await stream.toArray()).join(''))
    const times = [...svg.matchAll(/>(\d\d:\d\d:\d\d)</g)].map(([, time]) => time)

    expect(times.length).toBeGreaterThan(2)
    expect(svg).toContain('time passed, min, and the clock')
    await throughput.getByRole('button', { name: 'As a table' }).click()
    await throughput.getByRole('cell', { name: '160', exact: true }).waitFor()
  })
})
