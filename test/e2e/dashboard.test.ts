import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { CHROMIUM, NO_CHROMIUM, PHONE, TestBrowser } from './browser.ts'
import { TestMesh } from './mesh.ts'
import { eventually } from './processes.ts'
import type { NodeProcess } from './mesh.ts'
import type { TestPage } from './browser.ts'

/** What a program may print to harm whoever looks at it. */
const HOSTILE = [
  '<script>document.title = "owned"</script><img src=x onerror="document.title = \'owned\'"><b id="injected">bold</b>',
  '\u001b[31mred\u001b[0m \u001b]0;title\u0007\u001b]8;;javascript:alert(1)\u0007link\u001b]8;;\u0007 \u001b[2J\u001b[999;999Hmoved \u001bc reset',
  '\u202eright to left',
  ''
].join('\n')

/** More than is kept of one task. */
const LARGE_LINES = 40_000

describe.skipIf(CHROMIUM == null)(`the dashboard in Chromium${NO_CHROMIUM}`, () => {
  let mesh: TestMesh
  let browser: TestBrowser
  let boss: NodeProcess
  let url: string
  let admin: string
  let reader: TestPage
  const pages: TestPage[] = []

  beforeAll(async () => {
    const starting = TestBrowser.open()

    mesh = await TestMesh.create()
    boss = await mesh.master(['--http=127.0.0.1:0'])

    const second = await mesh.master('second', ['--http=127.0.0.1:0'])

    await Promise.all(['lab-1', 'lab-2'].map(async name => mesh.worker(name)))
    // what the page is served by lives on when the coordinator dies only in the test of that
    url = (await boss.ready).http!
    admin = await makeToken('admin')
    await eventually('each master knows where the other answers', async () => (await ask('/v1/masters')).masters.filter(({ urls }: { urls: string[] }) => urls.length > 0).length === 2)
    await second.ready
    browser = await starting
    reader = await open({ colorScheme: 'light' })
    await reader.signIn(url, admin)
  })

  afterAll(async () => {
    await browser?.close()
    await mesh?.close()
  })

  afterEach(() => { expect(pages.flatMap(page => page.complaints())).toEqual([]) })

  async function open (options?: Parameters<TestBrowser['page']>[0]): Promise<TestPage> {
    const page = await browser.page(options)

    pages.push(page)

    return page
  }

  async function makeToken (role: string, ...more: string[]): Promise<string> {
    const { code, stdout, stderr } = await mesh.run(['token', 'create', role, '--http', ...more])

    expect({ code, stderr }).toMatchObject({ code: 0 })

    return stdout.trim()
  }

  async function ask (path: string, method = 'GET', body?: unknown): Promise<any> {
    const response = await fetch(`${url}${path}`, { method, headers: { authorization: `Bearer ${admin}`, 'content-type': 'application/json' }, ...(body == null ? {} : { body: JSON.stringify(body) }) })

    return response.json()
  }

  /** The place of a job that has just been submitted. */
  async function submit (job: object): Promise<string> {
    const { id, ...rest } = await ask('/v1/jobs', 'POST', job)

    expect(id, JSON.stringify(rest)).toBeTypeOf('string')

    return `#/jobs/${id}`
  }

  it('lets nobody in with a wrong token or one that has expired, says why, and lets in with a good one', async () => {
    const [expired, good] = await Promise.all([makeToken('client', '--ttl', '1ms'), makeToken('reader')])
    const stranger = await open()
    const { page } = stranger

    // a browser says of each refusal that it was one
    stranger.tolerated = /status of 401/
    await page.goto(url)

    for (const [token, words] of [['hello', /begins with mmh1-/], [good.replace(/.$/, end => end === 'a' ? 'b' : 'a'), /token/i], [expired, /expired|no longer/i]] as const) {
      await page.getByLabel('Token').fill(token)
      await page.getByRole('button', { name: 'Sign in' }).click()
      await page.getByRole('alert').filter({ hasText: words }).waitFor()
    }

    expect(await stranger.axe()).toEqual([])

    await stranger.signIn(url, good)
    await page.getByText('read only').waitFor()
    expect(await page.getByRole('button', { name: /Add a worker|Drain/ }).count()).toBe(0)
    expect(page.url()).not.toContain('mmh1-')
    expect(await page.getByRole('link', { name: 'Submit' }).count()).toBe(0)
    await stranger.goTo('#/submit')
    await page.getByText('This token is to read only').waitFor()
    await stranger.close()
  })

  it('shows a job as it goes on', async () => {
    const { page } = reader

    await reader.goTo(await submit({ kind: 'exec', name: 'slowly', command: ['sh', '-c', 'for n in 1 2 3 4 5 6; do echo step $n; sleep 0.3; done'] }))
    await page.getByText('step 2').waitFor()
    await page.locator('h1', { hasText: 'slowly' }).waitFor()
    await page.getByText('step 6').waitFor()
    await page.locator('.job-head .mark', { hasText: 'finished' }).waitFor()
    expect(await page.locator('.output').textContent()).toBe('step 1\nstep 2\nstep 3\nstep 4\nstep 5\nstep 6\n')
  })

  it('drains a worker and lets it work again, by keyboard alone', async () => {
    const { page } = reader

    await reader.goTo('#/mesh')
    await page.getByRole('link', { name: 'lab-1' }).focus()
    await page.keyboard.press('Enter')
    await page.getByRole('button', { name: 'Drain' }).focus()
    await page.keyboard.press('Enter')
    // the careful answer is at hand, and Escape gives it too
    await page.locator(':focus', { hasText: 'Leave it' }).waitFor()
    await page.keyboard.press('Escape')
    await page.locator('button:focus', { hasText: /^Drain$/ }).waitFor()
    await page.keyboard.press('Enter')
    await page.locator(':focus', { hasText: 'Leave it' }).waitFor()
    await page.keyboard.press('Shift+Tab')
    await page.keyboard.press('Enter')
    await page.locator('.table-workers .mark', { hasText: 'draining' }).waitFor()
    await page.getByRole('button', { name: 'Let it work again' }).click()
    await page.locator('.table-workers .mark', { hasText: 'draining' }).waitFor({ state: 'detached' })
  })

  it('cancels a job when it has been asked twice', async () => {
    const { page } = reader

    await reader.goTo(await submit({ kind: 'exec', name: 'endless', command: ['sh', '-c', 'echo begun; sleep 600'] }))
    await page.locator('.output', { hasText: 'begun' }).waitFor()
    await page.getByRole('button', { name: 'Cancel', exact: true }).click()
    await page.getByRole('button', { name: 'Cancel the job' }).click()
    await page.locator('.job-head .mark', { hasText: 'cancelled' }).waitFor()
  })

  it('sends a file, measures it, and runs it again with something changed', async () => {
    const { page } = reader
    const line = page.locator('.submit-end .command-line')

    await page.getByRole('link', { name: 'Submit' }).click()
    await page.getByRole('button', { name: 'Submit' }).click()
    // what is missing is said where it is missing, and is where the keyboard is
    await page.locator('[aria-invalid=true]:focus').waitFor()
    await page.getByRole('alert').filter({ hasText: 'One field needs a correction' }).waitFor()

    const choosing = page.waitForEvent('filechooser')

    await page.getByRole('button', { name: 'Choose files…' }).click()
    await (await choosing).setFiles({ name: 'hello', mimeType: 'application/octet-stream', buffer: Buffer.from('#!/bin/sh\necho "hello, $1"\n') })
    await expect.poll(async () => page.getByLabel('Command', { exact: true }).inputValue()).toBe('./hello')
    await page.getByLabel('Command', { exact: true }).fill("./hello 'two words'")
    await page.getByRole('group', { name: 'Runs', exact: true }).getByLabel('so many').check()
    await page.getByLabel('Measured runs').fill('3')
    await expect.poll(async () => line.innerText()).toBe("meshmark run --runs 3 ./hello 'two words'")
    await page.getByText('2 at once:').waitFor()

    // leaving the view loses nothing
    await page.getByRole('link', { name: 'Mesh' }).click()
    await page.getByRole('link', { name: 'Submit' }).click()
    expect(await page.getByLabel('Measured runs').inputValue()).toBe('3')
    await page.getByRole('button', { name: 'Submit' }).click()
    await page.getByRole('heading', { name: 'Results' }).waitFor()
    await page.locator('.output', { hasText: 'hello, two words' }).first().waitFor()
    await page.getByText("meshmark run --runs 3 ./hello 'two words'").waitFor()

    const first = page.url()

    await page.getByRole('link', { name: 'Run again' }).click()
    await expect.poll(async () => page.getByLabel('Measured runs').inputValue()).toBe('3')
    await page.getByLabel('Measured runs').fill('2')
    await page.getByLabel('Command', { exact: true }).fill('./hello again')
    await page.getByRole('button', { name: 'Submit' }).click()
    await expect.poll(() => page.url()).toMatch(/#\/jobs\//)
    await page.getByRole('heading', { name: 'Results' }).waitFor()
    expect(page.url()).not.toBe(first)
    await page.locator('.output', { hasText: 'hello, again' }).first().waitFor()

    // how quiet each machine was is known now
    await reader.goTo('#/mesh')
    await expect.poll(async () => page.locator('.table-workers .grade').count()).toBe(2)
  })

  it('shows what a hostile program prints as text, and the end of what is large', async () => {
    const { page } = reader

    await reader.goTo(await submit({ kind: 'exec', name: 'hostile', command: ['sh', '-c', 'cat hostile', '<b id="injected">'], files: [{ name: 'hostile', content: HOSTILE }] }))
    await page.getByText('right to left').waitFor()

    const shown = await page.locator('.output').textContent() ?? ''

    expect(shown).toContain('<script>document.title = "owned"</script>')
    // eslint-disable-next-line no-control-regex
    expect(shown).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202e]/)
    expect(await page.locator('.output img, .output script, .output a, .output b, #injected').count()).toBe(0)
    expect(await page.locator('.output .fg-1').textContent()).toBe('red')
    expect(await page.title()).not.toContain('owned')

    await reader.goTo(await submit({ kind: 'exec', name: 'large', command: ['sh', '-c', `i=0; while [ $i -lt ${LARGE_LINES} ]; do i=$((i + 1)); echo "line $i of what is much more than is kept"; done`] }))
    await page.getByText(`line ${LARGE_LINES} of`).waitFor()
    expect((await page.locator('.output').textContent())!.length).toBeLessThan(200_000)
    await page.getByText(/Only the end/).waitFor()
  })

  it('has nothing that axe complains of, in light and in dark, on a desk and on a phone', async () => {
    const measured = await submit({ kind: 'run', name: 'measured', commands: ['true'], runs: 5 })
    const compared = await submit({ kind: 'compare', name: 'compared', commands: ['true', 'sh -c :'], runs: 6 })
    const failing = await submit({ kind: 'each', name: 'failing', command: ['sh', '-c', 'echo {} >&2; exit 3'], items: ['1', '2'] })
    const places = ['#/mesh', `#/mesh/${(await ask('/v1/nodes')).nodes.find(({ name }: { name: string }) => name === 'lab-1').peerId}`, '#/jobs', measured, compared, failing, '#/compare', '#/history/measured', '#/activity', '#/submit', '#/nowhere', '#/jobs/none']
    const dark = await open({ colorScheme: 'dark', viewport: PHONE })
    const found: string[] = []

    // a job that is none is refused, which a browser says too
    reader.tolerated = dark.tolerated = /status of 40[04]/

    await dark.signIn(url, admin)
    await Promise.all([measured, compared, failing].map(async job => ask(`/v1/jobs/${job.split('/').at(-1)}/outcome?wait=60s`)))

    for (const place of places) {
      for (const [look, seen] of [['light', reader], ['dark, phone', dark]] as const) {
        await seen.goTo(place)
        await seen.page.locator('h1').first().waitFor()
        await seen.page.locator('.notice-loading').first().waitFor({ state: 'detached' })
        found.push(...(await seen.axe()).map(line => `${place} (${look}): ${line}`))
        // nothing is wider than the screen but what scrolls in a box of its own
        expect(await seen.page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth'), `${place} (${look})`).toBe(0)
      }
    }

    expect(found).toEqual([])
    await dark.close()
  })

  it('goes on at another master when its own, which coordinates, is killed, and misses no line', async () => {
    const { page } = reader
    const lines = Array.from({ length: 60 }, (_, at) => `line ${at + 1}`)

    await reader.goTo(await submit({ kind: 'exec', name: 'survivor', replicas: 2, command: ['sh', '-c', 'i=0; while [ $i -lt 60 ]; do i=$((i + 1)); echo line $i; sleep 0.1; done'] }))
    await page.getByText('line 10').waitFor()
    // the master is gone, which a browser says at every attempt
    reader.tolerated = /ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED|ERR_CONNECTION_RESET|ERR_EMPTY_RESPONSE/
    await boss.stop('SIGKILL')
    await page.getByText('live from second').waitFor()
    await page.getByText('line 60').waitFor()
    expect(await page.locator('.output').textContent()).toBe(`${lines.join('\n')}\n`)
    await page.locator('.job-head .mark', { hasText: 'finished' }).waitFor()
    // nobody else was ever asked
    expect([...reader.hosts].every(host => host.startsWith('127.0.0.1:'))).toBe(true)
  })
})
