import { chmod, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { once } from 'node:events'
import { join } from 'node:path'
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { findPage, readUrl, signInLink } from '../../src/cli/dashboard-link.ts'
import { leadingTo, openersFor, openSecretly } from '../../src/cli/open-link.ts'
import { temporaryFolder, type } from './helpers.ts'
import type { AddressInfo } from 'node:net'

const PLACE = 'here'

afterEach(() => { vi.unstubAllEnvs() })

async function listening (body: string): Promise<string> {
  const server = createServer((_, response) => { response.end(body) }).listen(0, '127.0.0.1')

  onTestFinished(() => { server.close() })
  await once(server, 'listening')

  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

describe('where a page is opened', () => {
  it('is where one answers, at the master that was asked if there', async () => {
    const [first, second, other] = await Promise.all([listening('<title>Meshmark</title>'), listening('<title>Meshmark</title>'), listening('hello')])
    const masters = [
      { peerId: 'a', name: 'alpha', urls: [first], place: PLACE },
      { peerId: 'b', name: 'beta', urls: [second], place: PLACE }
    ]

    expect(await findPage(masters, 'b', undefined, PLACE)).toEqual({ url: second, master: 'beta' })
    expect(await findPage([{ ...masters[1]!, urls: [other, 'http://127.0.0.1:1', 'nonsense'] }, masters[0]!], 'b', undefined, PLACE)).toEqual({ url: first, master: 'alpha' })
    await expect(findPage([{ ...masters[1]!, urls: [other, 'http://127.0.0.1:1'] }], 'b', undefined, PLACE)).rejects.toThrow(/beta at http.*: that is something else; beta at http:\/\/127.0.0.1:1: no answer\): start a master with --http, or say with --url/)
  })

  it('is never a loopback address that another machine has told', async () => {
    const asked: string[] = []
    const probe = async (url: string): Promise<undefined> => { asked.push(url) }

    for (const url of ['http://127.0.0.1:4748', 'http://127.1.2.3:4748', 'http://localhost:4748', 'http://[::1]:4748', 'http://0.0.0.0:4748', 'http://[::]:4748', 'http://[::ffff:127.0.0.1]:4748', 'http://2130706433:4748']) {
      await expect(findPage([{ peerId: 'a', name: 'alpha', urls: [url], place: 'elsewhere' }], 'a', probe, PLACE), url).rejects.toThrow(/alpha answers over HTTP at .* on its own machine alone: open a tunnel with ssh -N -L 4748:127.0.0.1:4748 HOST, then type meshmark dashboard --url http:\/\/127.0.0.1:4748/)
    }

    expect(asked).toEqual([])
    expect(await findPage([{ peerId: 'a', name: 'alpha', urls: ['http://10.0.0.2:4748'], place: 'elsewhere' }], 'a', probe, PLACE)).toEqual({ url: 'http://10.0.0.2:4748', master: 'alpha' })
  })

  it('is nowhere without --http, and that is said', async () => {
    await expect(findPage([], 'a', undefined, PLACE)).rejects.toThrow('no master of this mesh answers over HTTP: start one with meshmark master --http')
  })

  it('can be said, as an origin', () => {
    expect(readUrl('http://127.0.0.1:4748/')).toBe('http://127.0.0.1:4748')
    expect(readUrl('https://lab.example')).toBe('https://lab.example')

    for (const wrong of ['lab', 'ftp://lab', 'http://lab/page', 'http://lab/?token=x', 'http://lab/#x', 'javascript:alert(1)']) {
      expect(() => readUrl(wrong), wrong).toThrow(/is no address of a master/)
    }
  })

  it('is told with the token behind the #, where no server and no other page gets it', () => {
    const link = new URL(signInLink('http://127.0.0.1:4748', 'mmh1-x'))

    expect([link.pathname, link.search, link.hash]).toEqual(['/', '', '#token=mmh1-x'])
  })
})

describe('opening a link that is a secret', () => {
  it('gives the browser a file of this user alone, and removes it', async () => {
    const folder = await temporaryFolder()
    const opener = join(folder, 'opener')
    const seen = join(folder, 'seen')

    vi.stubEnv('XDG_RUNTIME_DIR', folder)
    await chmod(folder, 0o700)
    await writeFile(opener, `#!/bin/sh\ntr '\\0' ' ' < /proc/$$/cmdline > ${seen}.args\nstat -c %a "$2" > ${seen}.mode\ncp "$2" ${seen}.page\nmv ${seen}.page ${seen}\n`, { mode: 0o755 })
    await openSecretly('http://127.0.0.1:4748/#token=mmh1-secret', [{ command: join(folder, 'none'), args: [] }, { command: opener, args: ['--new'] }], undefined, async () => {
      await expect.poll(async () => stat(seen).then(() => true, () => false), { timeout: 10_000 }).toBe(true)
    })

    expect(await readFile(`${seen}.args`, 'utf8')).toMatch(/--new .*\/meshmark\/open-[0-9a-f]{32}\.html/)
    expect(await readFile(`${seen}.args`, 'utf8')).not.toContain('mmh1')
    expect(await readFile(`${seen}.mode`, 'utf8')).toBe('600\n')
    expect(await readFile(seen, 'utf8')).toContain('content="0;url=http://127.0.0.1:4748/#token=mmh1-secret"')
    expect(await readdir(join(folder, 'meshmark'))).toEqual([])
  })

  it('leaves no file where there is no such program, or it is interrupted', async () => {
    const folder = await temporaryFolder()

    vi.stubEnv('XDG_RUNTIME_DIR', folder)
    await chmod(folder, 0o700)
    await expect(openSecretly('http://x/#token=y', [{ command: join(folder, 'none'), args: [] }])).rejects.toThrow(/open the link yourself/)
    await openSecretly('http://x/#token=y', [{ command: '/bin/true', args: [] }], AbortSignal.abort())
    expect(await readdir(join(folder, 'meshmark'))).toEqual([])
  })

  it('removes what a killed one has left, and nothing else', async () => {
    const folder = await temporaryFolder()
    const stale = `open-${'0'.repeat(32)}.html`

    vi.stubEnv('XDG_RUNTIME_DIR', folder)
    await chmod(folder, 0o700)
    await mkdir(join(folder, 'meshmark'), { mode: 0o700 })
    await writeFile(join(folder, 'meshmark', stale), '')
    await writeFile(join(folder, 'meshmark/master-x.json'), '')
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 120_000 })
    onTestFinished(() => { vi.useRealTimers() })
    await openSecretly('http://x/#token=y', [{ command: '/bin/true', args: [] }], AbortSignal.abort())
    expect(await readdir(join(folder, 'meshmark'))).toEqual(['master-x.json'])
  })

  it('says no more in the file than the link', () => {
    expect(leadingTo('http://x/#token="><script>alert(1)</script>')).not.toMatch(/<script/)
  })

  it('is done by what the system has for it', () => {
    expect(openersFor('linux', { DISPLAY: ':0' })).toEqual([{ command: 'xdg-open', args: [] }])
    expect(openersFor('linux', { WAYLAND_DISPLAY: 'w', BROWSER: 'firefox --new-window %s:links' })).toEqual([{ command: 'firefox', args: ['--new-window', '%s'] }, { command: 'links', args: [] }, { command: 'xdg-open', args: [] }])
    expect(openersFor('linux', { WSL_DISTRO_NAME: 'Debian' })).toEqual([{ command: 'wslview', args: [] }])
    expect(openersFor('darwin', {})).toEqual([{ command: 'open', args: [] }])
    expect(() => openersFor('linux', {})).toThrow(/there is no desktop here/)
  })
})

describe('meshmark dashboard', () => {
  it.each([
    [['dashboard', '--ttl', '25h'], /--ttl '25h' is not from 1s to 24h: for longer, make a token/],
    [['dashboard', '--ttl', 'soon'], /--ttl 'soon' is not a duration/],
    [['dashboard', '--url', 'lab'], /--url 'lab' is no address of a master/]
  ])('refuses %j', async (words, message) => {
    const { code, err } = await type(words)

    expect(code).toBe(2)
    expect(err).toMatch(message)
  })
})
