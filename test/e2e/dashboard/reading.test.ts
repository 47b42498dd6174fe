import { once } from 'node:events'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { CHROMIUM, NO_CHROMIUM } from '../browser.ts'
import { memoryOf, MemoryWatch } from '../memory.ts'
import { CountingProxy } from '../proxy.ts'
import { withLab } from './lab.ts'

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
  const labOf = withLab(2)

  it('lets nobody in with a wrong token or one that has expired, says why, and lets in with a good one', async () => {
    const lab = labOf()
    const [expired, good] = await Promise.all([lab.makeToken('client', '--ttl', '1ms'), lab.makeToken('reader')])
    const stranger = await lab.open()
    const { page } = stranger

    // a browser says of each refusal that it was one
    stranger.tolerated = /status of 401/
    await page.goto(lab.url)

    for (const [token, words] of [['hello', /begins with mmh1-/], [good.replace(/.$/, end => end === 'a' ? 'b' : 'a'), /token/i], [expired, /expired|no longer/i]] as const) {
      await page.getByLabel('Token', { exact: true }).fill(token)
      await page.getByRole('button', { name: 'Sign in' }).click()
      await page.getByRole('alert').filter({ hasText: words }).waitFor()
    }

    expect(await stranger.axe()).toEqual([])

    await stranger.signIn(lab.url, good)
    await page.getByText('read only').waitFor()
    expect(await page.getByRole('button', { name: /Add a worker|Drain/ }).count()).toBe(0)
    expect(page.url()).not.toContain('mmh1-')
    expect(await page.getByRole('link', { name: 'Submit' }).count()).toBe(0)
    await stranger.goTo('#/submit')
    await page.getByText('This token is to read only').waitFor()
    await stranger.close()
  })

  it('is opened with a link that no other user of the machine can read', async () => {
    const lab = labOf()
    const opener = join(lab.mesh.dir, 'opener')
    const seen = join(lab.mesh.dir, 'seen')

    // what ps shows to everybody, then the file that was named
    await writeFile(opener, `#!/bin/sh\ncat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' '\\n' > ${seen}.all\nstat -c '%a %F' "$2" > ${seen}.mode\ncp "$2" ${seen}.part\nmv ${seen}.part ${seen}\n`, { mode: 0o755 })

    const opening = lab.mesh.start(['dashboard', '--open', '--read-only', '--ttl', '2m'], { env: { BROWSER: `none:${opener} --new` } })

    await expect.poll(async () => readFile(seen, 'utf8').catch(() => ''), { timeout: 30_000 }).toMatch(/#token=mmh1-/)
    opening.kill('SIGINT')
    await opening.closed

    const [, link] = /url=(http[^"]+)"/.exec(await readFile(seen, 'utf8')) ?? []
    const words = await readFile(`${seen}.all`, 'utf8')

    expect(words).toMatch(/\/open-[0-9a-f]{32}\.html/)
    expect(words).not.toContain('mmh1-')
    expect(await readFile(`${seen}.mode`, 'utf8')).toBe('600 regular file\n')
    expect((await readdir(join(lab.mesh.dir, 'run/meshmark'))).filter(name => name.startsWith('open-'))).toEqual([])

    const opened = await lab.open()

    await opened.page.goto(link!)
    await opened.page.getByText('read only').waitFor()
    expect(opened.page.url()).not.toContain('mmh1-')
    await opened.close()
  })

  it('shows a job as it goes on', async () => {
    const lab = labOf()
    const { page } = lab.reader

    await lab.reader.goTo(await lab.submit({ kind: 'exec', name: 'slowly', command: ['sh', '-c', 'for n in 1 2 3 4 5 6; do echo step $n; sleep 0.3; done'] }))
    await page.getByText('step 2').waitFor()
    await page.locator('h1', { hasText: 'slowly' }).waitFor()
    await page.getByText('step 6').waitFor()
    await page.locator('.job-head .mark', { hasText: 'finished' }).waitFor()
    expect(await page.locator('.output').textContent()).toBe('step 1\nstep 2\nstep 3\nstep 4\nstep 5\nstep 6\n')
  })

  it('shows what a hostile program prints as text, and the end of what is large', async () => {
    const lab = labOf()
    const { page } = lab.reader

    await lab.reader.goTo(await lab.submit({ kind: 'exec', name: 'hostile', command: ['sh', '-c', 'cat hostile', '<b id="injected">'], files: [{ name: 'hostile', content: HOSTILE }] }))
    await page.getByText('right to left').waitFor()

    const shown = await page.locator('.output').textContent() ?? ''

    expect(shown).toContain('<script>document.title = "owned"</script>')
    // eslint-disable-next-line no-control-regex
    expect(shown).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202e]/)
    expect(await page.locator('.output img, .output script, .output a, .output b, #injected').count()).toBe(0)
    expect(await page.locator('.output .fg-1').textContent()).toBe('red')
    expect(await page.title()).not.toContain('owned')

    await lab.reader.goTo(await lab.submit({ kind: 'exec', name: 'large', command: ['sh', '-c', `i=0; while [ $i -lt ${LARGE_LINES} ]; do i=$((i + 1)); echo "line $i of what is much more than is kept"; done`] }))
    await page.getByText(`line ${LARGE_LINES} of`).waitFor()
    expect((await page.locator('.output').textContent())!.length).toBeLessThan(200_000)
    await page.getByText(/Only the end/).waitFor()
  })

  it('stays usable, and as small as before, whatever floods it', async () => {
    const lab = labOf()
    const { page } = lab.reader
    const cdp = await page.context().newCDPSession(page)

    await cdp.send('Performance.enable')

    for (const [name, flood] of Object.entries(FLOODS).slice(0, IS_LONG ? undefined : 3)) {
      // a shell prints some ten thousand lines a second
      const isSlow = name === 'both streams by turns'
      const bytes = isSlow ? FLOOD_BYTES / 100 : FLOOD_BYTES
      const command = isSlow ? flood.replace(':;', `[ $((n = n + 4)) -lt ${bytes} ];`) : `${flood} | head -c ${bytes}`
      const place = await lab.submit({ kind: 'exec', name: 'flood', command: ['sh', '-c', `${command}; sleep 0.3; echo; echo the end`], outputLimit: '128M' })

      await lab.reader.goTo(place)
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
    const lab = labOf()
    const before = memoryOf(lab.boss.pid)!.now
    const place = await lab.submit({ kind: 'exec', name: 'flood', command: ['sh', '-c', `yes '"<>' | head -c ${FLOOD_BYTES}`], outputLimit: '128M' })
    const path = `/v1/jobs/${place.split('/').at(-1)}/events`
    const watch = new MemoryWatch({ boss: lab.boss.pid })
    // eight at once are what one token may have, and the page has one
    const deaf = await Promise.all(Array.from({ length: 6 }, async () => {
      const socket = connect(Number(new URL(lab.url).port), '127.0.0.1').pause()

      await once(socket, 'connect')
      socket.write(`GET ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer ${lab.admin}\r\naccept: text/event-stream\r\n\r\n`)

      return socket
    }))

    await lab.ask(`${path.replace('events', 'results')}?wait=100s`)

    const response = await fetch(`${lab.url}${path}`, { headers: { authorization: `Bearer ${lab.admin}`, accept: 'text/event-stream' } })
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

  it('goes on at another master when its own, which coordinates, is killed, and misses no line', async () => {
    const lab = labOf()
    const { page } = lab.reader
    const lines = Array.from({ length: 60 }, (_, at) => `line ${at + 1}`)

    await lab.reader.goTo(await lab.submit({ kind: 'exec', name: 'survivor', replicas: 2, command: ['sh', '-c', 'i=0; while [ $i -lt 60 ]; do i=$((i + 1)); echo line $i; sleep 0.1; done'] }))
    await page.getByText('line 10').waitFor()

    // as through a tunnel: the other master's address means something else where this page is
    const tunnel = await CountingProxy.start(Number(new URL(lab.url).port))
    const distant = await lab.open()

    await distant.signIn(`http://127.0.0.1:${tunnel.port}`, lab.admin)
    await distant.page.getByText('live from boss').waitFor()
    // the master is gone, which a browser says at every attempt
    lab.reader.tolerated = distant.tolerated = /net::ERR_/
    await lab.boss.stop('SIGKILL')
    await page.getByText('live from second').waitFor()
    await page.getByText('line 60').waitFor()
    expect(await page.locator('.output').textContent()).toBe(`${lines.join('\n')}\n`)
    await page.locator('.job-head .mark', { hasText: 'finished' }).waitFor()
    // nobody else was ever asked
    expect([...lab.reader.hosts].every(host => host.startsWith('127.0.0.1:'))).toBe(true)
    await distant.page.getByText(/Not asked: 127\.0\.0\.1:\d+/).waitFor()
    expect([...distant.hosts]).toEqual([`127.0.0.1:${tunnel.port}`])
    await distant.close()
    await tunnel.stop()
  })
})
