import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { CHROMIUM, NO_CHROMIUM, PHONE, TestBrowser } from './browser.ts'
import { Keyboard } from './keyboard.ts'
import { memoryOf, MemoryWatch } from './memory.ts'
import { freePort, TestMesh } from './mesh.ts'
import { eventually } from './processes.ts'
import { CountingProxy } from './proxy.ts'
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

/** With HOSTILE=all as in test/hostile: 100 MB each, and a reader that takes nothing. */
const IS_LONG = process.env.HOSTILE === 'all'
const FLOOD_BYTES = IS_LONG ? 100_000_000 : 3_000_000

/** What prints without end, as a line for sh; the first three always, all with HOSTILE=all. */
const FLOODS = {
  'terminal escapes': 'yes "$(printf \'\\033[31mr\\033[42mg\\033[1m\\033[0m\\033]0;title\\007\\033[2J\\033[9;9H\\033P\\033c\')"',
  'a line without an end': "cat /dev/zero | tr '\\0' x",
  'invalid UTF-8': 'cat /dev/urandom',
  'marks that turn the direction': 'yes "$(printf \'\\342\\200\\256 abc \\342\\201\\247 \\330\\247\\330\\250\\330\\252\')"',
  'script tags': 'yes \'<script>document.title = "owned"</script><img src=x onerror="alert(1)"><b id="injected">\'',
  'short lines': 'yes',
  'both streams by turns': 'while :; do echo a; echo b >&2; done'
}

describe.skipIf(CHROMIUM == null)(`the dashboard in Chromium${NO_CHROMIUM}`, () => {
  let mesh: TestMesh
  let browser: TestBrowser
  let boss: NodeProcess
  let second: NodeProcess
  let secondArgs: string[]
  let url: string
  let admin: string
  let reader: TestPage
  const pages: TestPage[] = []

  beforeAll(async () => {
    const starting = TestBrowser.open()

    mesh = await TestMesh.create()
    boss = await mesh.master(['--http=127.0.0.1:0'])

    secondArgs = [`--http=127.0.0.1:${await freePort()}`]
    second = await mesh.master('second', secondArgs)

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
      await page.getByLabel('Token', { exact: true }).fill(token)
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

  it('is opened with a link that no other user of the machine can read', async () => {
    const opener = join(mesh.dir, 'opener')
    const seen = join(mesh.dir, 'seen')

    // what ps shows to everybody, then the file that was named
    await writeFile(opener, `#!/bin/sh\ncat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' '\\n' > ${seen}.all\nstat -c '%a %F' "$2" > ${seen}.mode\ncp "$2" ${seen}.part\nmv ${seen}.part ${seen}\n`, { mode: 0o755 })

    const opening = mesh.start(['dashboard', '--open', '--read-only', '--ttl', '2m'], { env: { BROWSER: `none:${opener} --new` } })

    await expect.poll(async () => readFile(seen, 'utf8').catch(() => ''), { timeout: 30_000 }).toMatch(/#token=mmh1-/)
    opening.kill('SIGINT')
    await opening.closed

    const [, link] = /url=(http[^"]+)"/.exec(await readFile(seen, 'utf8')) ?? []
    const words = await readFile(`${seen}.all`, 'utf8')

    expect(words).toMatch(/\/open-[0-9a-f]{32}\.html/)
    expect(words).not.toContain('mmh1-')
    expect(await readFile(`${seen}.mode`, 'utf8')).toBe('600 regular file\n')
    expect((await readdir(join(mesh.dir, 'run/meshmark'))).filter(name => name.startsWith('open-'))).toEqual([])

    const opened = await open()

    await opened.page.goto(link!)
    await opened.page.getByText('read only').waitFor()
    expect(opened.page.url()).not.toContain('mmh1-')
    await opened.close()
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

  it('is all there for the keyboard alone: signing in, finding, opening, draining, adding, copying', async () => {
    const seen = await open()
    const keys = new Keyboard(seen.page)
    const { page } = seen

    await page.goto(url)
    await keys.isAt('input', '')
    await keys.type(admin)
    await keys.press('Enter')
    await keys.isAt('h1', 'Mesh')

    // who opens the page begins at its beginning, and may pass by what is the same everywhere
    await page.reload()
    await page.getByRole('navigation').waitFor()
    await keys.tabTo('Skip to the content')
    await keys.press('Enter')
    await keys.isAt('main', '')

    await keys.tabTo('Find')
    await keys.type('lab')
    await keys.hears('2 workers')
    await keys.tabTo('Group by')
    await keys.press('s')
    await page.locator('.row-line', { hasText: 'waiting' }).waitFor()
    // the list is one stop, however long it is
    await keys.tabTo(/^waiting/)
    await keys.press('ArrowDown')
    await keys.isAt('.row', 'lab-1')
    await keys.press('Enter')
    await keys.isAt('h2', 'lab-1')
    await keys.tabTo('Drain')
    await keys.press('Enter')
    // the careful answer is at hand, and Escape gives it and closes nothing else
    await keys.isAt('button', 'Leave it')
    await keys.press('Escape')
    await keys.isAt('button', /^Drain$/)
    await keys.press('Enter')
    await keys.isAt('button', 'Leave it')
    await keys.press('Shift+Tab', 'Enter')
    await page.locator('.table-workers .mark', { hasText: 'draining' }).waitFor()
    await keys.isAt('button', 'Let it work again')
    await keys.press('Enter')
    await page.locator('.table-workers .mark', { hasText: 'draining' }).waitFor({ state: 'detached' })
    await keys.isAt('button', /^Drain$/)
    // what was open gives the keyboard back
    await keys.press('Escape')
    await keys.isAt('.row', 'lab-1')

    await keys.tabTo('Add a worker', 'Shift+Tab')
    await keys.press('Enter')
    await keys.isAt('h3', 'One more worker')
    await keys.tabTo(/^Copy: meshmark join/)
    await keys.press('Enter')
    await page.getByText(/^Copied|^Not copied/).waitFor()
    await keys.press('Escape')
    await keys.isAt('button', 'Add a worker')
    expect(keys.unseen).toEqual([])
    await seen.close()
  })

  it('is all there for the keyboard alone: jobs, one of them, comparing, history, activity, submitting', async () => {
    const { page } = reader
    const keys = new Keyboard(page)
    const choose = async (title: string): Promise<void> => {
      await keys.tabTo(title, 'Shift+Tab')
      await keys.press('Enter')
      await keys.isAt('h1', title)
    }

    for (const runs of [2, 3]) {
      await ask(`/v1/jobs/${(await submit({ kind: 'run', name: 'again', commands: ['true'], runs })).split('/').at(-1)}/outcome?wait=60s`)
    }

    const endless = await submit({ kind: 'exec', name: 'endless', command: ['sh', '-c', 'echo begun; sleep 600'] })

    await choose('Jobs')
    await page.locator('.table-jobs', { hasText: 'endless' }).waitFor()
    await keys.tabTo('Find')
    await keys.type('again')
    await keys.hears(/^2 of/)
    await keys.tabTo('State')
    await keys.tabTo(/again true/)
    await keys.press('End')
    await keys.isAt('.row[aria-rowindex="3"]', 'again')
    // a row stays where the keyboard is when another one comes above it
    await submit({ kind: 'run', name: 'again', commands: ['true'], runs: 2 })
    await keys.isAt('.row[aria-rowindex="4"]', 'again')
    await keys.press('Home', 'Enter')
    await keys.isAt('h1', 'again')

    await reader.goTo(endless)
    await keys.isAt('h1', 'endless')
    await page.locator('.output', { hasText: 'begun' }).waitFor()
    await keys.tabTo('Cancel')
    await keys.press('Enter')
    await keys.isAt('button', 'Let it go on')
    await keys.press('Shift+Tab', 'Enter')
    await keys.hears('endless: cancelled')
    // its button is gone, and the keyboard is not
    await keys.isAt('h1', 'endless')
    await keys.tabTo(/^\d\d:\d\d:\d\d$/)
    await keys.press('Enter')
    await page.getByText(/CET \(\d{4}-.*Z\)/).waitFor()

    await choose('Compare')
    await keys.tabTo('This')
    await keys.press('ArrowDown')
    // the choice is an address first, and then a view
    await page.locator('.compare-place').nth(1).waitFor()
    await keys.tabTo('with')
    await keys.press('End')
    await page.getByText('no verdict').first().waitFor()
    // what comes below moves nobody
    expect(await keys.stop()).toMatchObject({ name: 'with' })
    await choose('History')
    await keys.tabTo('again')
    await keys.press('Enter')
    await page.locator('.chart canvas').waitFor()
    await keys.tabTo('As a table')
    await keys.press('Enter')
    await page.locator('.chart-table').waitFor()
    await choose('Activity')
    await page.locator('.chart canvas').first().waitFor()
    await keys.tabTo('Of')
    await keys.press('ArrowDown')
    await page.getByText('meshmark profile --since 1h').waitFor()

    await keys.tabTo('Submit', 'Shift+Tab')
    await keys.press('Enter')
    await keys.isAt('h1', 'Submit a job')

    // asked for some round trips before the key is pressed, which is sooner there than a click
    const choosing = page.waitForEvent('filechooser')

    await keys.tabTo(/^Choose files/)
    await keys.press('Enter')
    await (await choosing).setFiles({ name: 'by-hand', mimeType: 'application/octet-stream', buffer: Buffer.from('#!/bin/sh\necho "by $1"\n') })
    await page.getByRole('button', { name: 'Remove by-hand' }).waitFor()
    await keys.tabTo('Command')
    await keys.press('End')
    await keys.type(' hand')
    await keys.tabTo('until it is known well')
    await keys.press('ArrowRight')
    await keys.tabTo('Measured runs')
    await keys.type('2')
    await keys.tabTo(/^Submit$/)
    await keys.press('Enter')
    await keys.isAt('h1', /^Job/)
    await page.getByRole('heading', { name: 'Results' }).waitFor()
    await page.locator('.output', { hasText: 'by hand' }).first().waitFor()
    expect(keys.unseen).toEqual([])
  })

  it('sends a file, measures it, and runs it again with something changed', async () => {
    const { page } = reader
    const line = page.locator('.submit-end .command-line code')

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

  it('submits a map with data that comes back, and again from its record', async () => {
    const { page } = reader
    const map = page.getByLabel('Map', { exact: true })

    await writeFile(join(mesh.dir, 'work', 'words.txt'), 'one\ntwo\n')
    await reader.goTo('#/submit')
    await page.getByLabel('A map', { exact: true }).check()
    await map.fill('name: mapped\nlists:\n  - on: lab-1\n    comands: [ls]\n')
    await page.getByRole('button', { name: 'Submit' }).click()
    // a complaint leads to its place
    await page.getByRole('button', { name: /^line 4, column 5: a list has no 'comands'/ }).click()
    expect(await map.evaluate('document.activeElement.selectionStart')).toBe(38)
    await map.fill('name: mapped\nlists:\n  - on: lab-1\n    commands: [{ run: "wc -l < data/words | tee lines", shell: true }]\n')
    await page.getByText('Data sets and files to bring back').click()

    const choosing = page.waitForEvent('filechooser')

    await page.getByRole('button', { name: 'Add a data file…' }).click()
    await (await choosing).setFiles(join(mesh.dir, 'work', 'words.txt'))
    await page.getByLabel('Name of data set 1').fill('words')
    await page.getByLabel('Files to bring back').fill('lines')
    await expect.poll(async () => page.locator('.submit-end .command-line code').innerText()).toBe('meshmark map --collect lines --data words=words.txt map.yaml')

    const ids = new Set<string>()

    while (ids.size < 2) {
      await page.getByRole('button', { name: 'Submit' }).click()
      await page.locator('.job-head .mark', { hasText: 'finished' }).waitFor()

      const id = page.url().split('/').at(-1)!

      ids.add(id)
      expect(await ask(`/v1/jobs/${id}/outcome`)).toMatchObject({ code: 0, tasks: [{ stdout: { text: '2\n' } }] })
      expect((await ask(`/v1/jobs/${id}/collected`)).files).toMatchObject([{ worker: 'lab-1', size: 2 }])
      await page.getByRole('link', { name: 'Run again' }).click()
      await page.getByText('8 B, of the job before').waitFor()
    }
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

  it('stays usable, and as small as before, whatever floods it', async () => {
    const { page } = reader
    const cdp = await page.context().newCDPSession(page)

    await cdp.send('Performance.enable')

    for (const [name, flood] of Object.entries(FLOODS).slice(0, IS_LONG ? undefined : 3)) {
      // a shell prints some ten thousand lines a second
      const isSlow = name === 'both streams by turns'
      const bytes = isSlow ? FLOOD_BYTES / 100 : FLOOD_BYTES
      const command = isSlow ? flood.replace(':;', `[ $((n = n + 4)) -lt ${bytes} ];`) : `${flood} | head -c ${bytes}`
      const place = await submit({ kind: 'exec', name: 'flood', command: ['sh', '-c', `${command}; sleep 0.3; echo; echo the end`], outputLimit: '128M' })

      await reader.goTo(place)
      await page.locator('.output').waitFor()
      // it answers while that comes
      await page.getByRole('link', { name: 'Mesh', exact: true }).click()
      await page.locator('.table-workers').waitFor()
      await page.goBack()
      await page.locator('.output', { hasText: 'the end' }).waitFor({ timeout: 100_000 })
      await page.locator('.job-head .mark', { hasText: 'finished' }).waitFor()

      const shown = await page.locator('.output').textContent() ?? ''
      const elements = await page.locator('.output *').count()

      await cdp.send('HeapProfiler.collectGarbage')

      const { metrics } = await cdp.send('Performance.getMetrics')
      const heap = metrics.find(({ name }) => name === 'JSHeapUsedSize')!.value

      if (IS_LONG) {
        console.log(`${name}: ${bytes / 1e6} MB, ${shown.length} characters in ${elements} elements, heap ${(heap / 1e6).toFixed(1)} MB`)
      }

      expect(shown.length, name).toBeLessThanOrEqual(140_000)
      expect(elements, name).toBeLessThan(20_000)
      expect(heap, name).toBeLessThan(60_000_000)
      // eslint-disable-next-line no-control-regex
      expect(shown, name).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202e\u2067]/)
      expect(await page.locator('.output img, .output script, .output b, #injected').count(), name).toBe(0)
      expect(await page.title(), name).not.toContain('owned')
    }

    await cdp.detach()
  }, IS_LONG ? 600_000 : 60_000)

  it.runIf(IS_LONG)('is served by a master that holds little of 100 MB for those who do not take it', async () => {
    const before = memoryOf(boss.pid)!.now
    const place = await submit({ kind: 'exec', name: 'flood', command: ['sh', '-c', `yes '"<>' | head -c ${FLOOD_BYTES}`], outputLimit: '128M' })
    const path = `/v1/jobs/${place.split('/').at(-1)}/events`
    const watch = new MemoryWatch({ boss: boss.pid })
    // eight at once are what one token may have, and the page has one
    const deaf = await Promise.all(Array.from({ length: 6 }, async () => {
      const socket = connect(Number(new URL(url).port), '127.0.0.1').pause()

      await once(socket, 'connect')
      socket.write(`GET ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer ${admin}\r\naccept: text/event-stream\r\n\r\n`)

      return socket
    }))

    await ask(`${path.replace('events', 'results')}?wait=100s`)

    const response = await fetch(`${url}${path}`, { headers: { authorization: `Bearer ${admin}`, accept: 'text/event-stream' } })
    let bytes = 0

    for await (const piece of response.body!) {
      bytes += piece.byteLength
    }

    expect(deaf.every(socket => !socket.destroyed && socket.readableLength < 1_000_000)).toBe(true)
    deaf.forEach(socket => { socket.destroy() })

    const peak = (await watch.stop()).get('boss')!

    console.log(`six readers that take nothing and one that takes ${(bytes / 1e6).toFixed(0)} MB: the master had ${(before / 1e6).toFixed(0)} MB before, ${(peak / 1e6).toFixed(0)} MB at most`)
    expect(bytes).toBeGreaterThan(FLOOD_BYTES)
    expect(peak - before).toBeLessThan(200_000_000)
  }, 300_000)

  it('has nothing that axe complains of, in light, dark and with more contrast, on a desk and on a phone', async () => {
    const measured = await submit({ kind: 'run', name: 'measured', commands: ['true'], runs: 5 })
    const compared = await submit({ kind: 'compare', name: 'compared', commands: ['true', 'sh -c :'], runs: 6 })
    const failing = await submit({ kind: 'each', name: 'failing', command: ['sh', '-c', 'echo {} >&2; exit 3'], items: ['1', '2'] })
    const places = ['#/mesh', `#/mesh/${(await ask('/v1/nodes')).nodes.find(({ name }: { name: string }) => name === 'lab-1').peerId}`, '#/jobs', measured, compared, failing, '#/compare', '#/history/measured', '#/activity', '#/submit', '#/nowhere', '#/jobs/none']
    const phone = await open({ viewport: PHONE, hasTouch: true })

    // a job that is none is refused, which a browser says too
    reader.tolerated = phone.tolerated = /status of 40[04]/

    await phone.signIn(url, admin)
    await Promise.all([measured, compared, failing].map(async job => ask(`/v1/jobs/${job.split('/').at(-1)}/outcome?wait=60s`)))

    const look = async (seen: TestPage, size: string, place: string): Promise<string[]> => {
      const found: string[] = []

      await seen.page.emulateMedia({ colorScheme: 'light', contrast: 'no-preference' })
      await seen.goTo(place)
      await seen.page.locator('h1').first().waitFor()
      await seen.page.locator('.notice-loading').first().waitFor({ state: 'detached' })
      found.push(...(await seen.axe()).map(line => `${place} (${size}): ${line}`))

      // colours are all that differs, and those of more contrast are the same on every screen
      for (const [colorScheme, contrast] of [['dark', 'no-preference'], ...size === 'phone' ? [] : [['dark', 'more'], ['light', 'more']] as const] as const) {
        await seen.page.emulateMedia({ colorScheme, contrast })
        found.push(...(await seen.axe(['color-contrast'])).map(line => `${place} (${size}, ${colorScheme}, contrast ${contrast}): ${line}`))
      }

      // nothing is wider than the screen but what scrolls in a box of its own
      return await seen.page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth') === 0 ? found : [...found, `${place} (${size}): wider than the screen`]
    }

    for (const place of places) {
      expect((await Promise.all([look(reader, 'desk', place), look(phone, 'phone', place)])).flat()).toEqual([])
    }

    await reader.page.emulateMedia({ colorScheme: 'light', contrast: 'no-preference' })
    await phone.close()
  })

  it('goes on at another master when its own, which coordinates, is killed, and misses no line', async () => {
    const { page } = reader
    const lines = Array.from({ length: 60 }, (_, at) => `line ${at + 1}`)

    await reader.goTo(await submit({ kind: 'exec', name: 'survivor', replicas: 2, command: ['sh', '-c', 'i=0; while [ $i -lt 60 ]; do i=$((i + 1)); echo line $i; sleep 0.1; done'] }))
    await page.getByText('line 10').waitFor()

    // as through a tunnel: the other master's address means something else where this page is
    const tunnel = await CountingProxy.start(Number(new URL(url).port))
    const distant = await open()

    await distant.signIn(`http://127.0.0.1:${tunnel.port}`, admin)
    await distant.page.getByText('live from boss').waitFor()
    // the master is gone, which a browser says at every attempt
    reader.tolerated = distant.tolerated = /net::ERR_/
    await boss.stop('SIGKILL')
    await page.getByText('live from second').waitFor()
    await page.getByText('line 60').waitFor()
    expect(await page.locator('.output').textContent()).toBe(`${lines.join('\n')}\n`)
    await page.locator('.job-head .mark', { hasText: 'finished' }).waitFor()
    // nobody else was ever asked
    expect([...reader.hosts].every(host => host.startsWith('127.0.0.1:'))).toBe(true)
    await distant.page.getByText(/Not asked: 127\.0\.0\.1:\d+/).waitFor()
    expect([...distant.hosts]).toEqual([`127.0.0.1:${tunnel.port}`])
    await distant.close()
    await tunnel.stop()
  })

  it('goes on with a file from where it broke off, at a master that was killed, and leaves nothing of it when it is stopped', async () => {
    const { page } = reader
    const content = randomBytes(6 * 1024 * 1024)
    const path = join(mesh.dir, 'work', 'blob')
    const sent: string[] = []
    const uploads = async (name: string): Promise<string[]> => (await readdir(mesh.dataOf(name), { recursive: true })).filter(file => /http-uploads\/./.test(file))
    const network = await page.context().newCDPSession(page)
    const throttle = async (bytesPerSecond: number): Promise<void> => { await network.send('Network.emulateNetworkConditions', { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput: bytesPerSecond }) }
    const isBehind = async (bytes: number): Promise<void> => expect.poll(async () => Number(await page.locator('.submit-progress progress').getAttribute('value').catch(() => 0)), { timeout: 20_000 }).toBeGreaterThan(bytes)

    await writeFile(path, content)
    page.on('request', request => { if (request.method() === 'PATCH') { sent.push(request.url()) } })
    await network.send('Network.enable')
    await throttle(700 * 1024)
    await reader.goTo('#/submit')
    await page.getByLabel('Hand out', { exact: true }).check()

    const choosing = page.waitForEvent('filechooser')

    await page.getByRole('button', { name: 'Choose files…' }).click()
    await (await choosing).setFiles(path)
    await page.getByLabel('Command', { exact: true }).fill('sha256sum blob')
    await page.getByRole('button', { name: 'Submit' }).click()
    await isBehind(500 * 1024)
    expect(await uploads('second')).toHaveLength(2)
    await page.getByText(/MB of 6\.0 MB, .*\/s, .* left/).waitFor()
    await page.getByRole('button', { name: 'Stop' }).click()
    await page.getByRole('button', { name: 'Submit' }).waitFor()
    await expect.poll(async () => uploads('second')).toEqual([])

    // killed, and started again
    await page.getByRole('button', { name: 'Submit' }).click()
    await isBehind(1024 * 1024)
    await second.stop('SIGKILL')
    await page.getByText(/does not answer: it goes on there when it is back/).waitFor()
    sent.length = 0
    second = await mesh.master('second', secondArgs)
    await second.ready
    await isBehind(2 * 1024 * 1024)
    expect(sent.filter(url => url.endsWith('offset=0'))).toEqual([])
    expect(new Set(sent.map(url => new URL(url).port))).toEqual(new Set([new URL((await second.ready).http!).port]))
    await throttle(-1)
    await page.locator('.output', { hasText: createHash('sha256').update(content).digest('hex') }).waitFor()
    await expect.poll(async () => uploads('second')).toEqual([])
  })
})
