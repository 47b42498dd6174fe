import { createHash, randomBytes } from 'node:crypto'
import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { CHROMIUM, NO_CHROMIUM } from '../browser.ts'
import { withLab } from './lab.ts'

/** For what is looked at again and again: a second is little on a machine that has other things to do. */
const PATIENCE = { timeout: 20_000 }

describe.skipIf(CHROMIUM == null)(`submitting on the dashboard in Chromium${NO_CHROMIUM}`, () => {
  const labOf = withLab(1)

  it('sends a file, measures it, and runs it again with something changed', async () => {
    const lab = labOf()
    const { page } = lab.reader
    const line = page.locator('.submit-end .command-line code')

    await page.getByRole('link', { name: 'Submit' }).click()
    await page.getByRole('button', { name: 'Submit' }).click()
    // what is missing is said where it is missing, and is where the keyboard is
    await page.locator('[aria-invalid=true]:focus').waitFor()
    await page.getByRole('alert').filter({ hasText: 'One field needs a correction' }).waitFor()

    const choosing = page.waitForEvent('filechooser')

    await page.getByRole('button', { name: 'Choose files…' }).click()
    await (await choosing).setFiles({ name: 'hello', mimeType: 'application/octet-stream', buffer: Buffer.from('#!/bin/sh\necho "hello, $1"\n') })
    await expect.poll(async () => page.getByLabel('Command', { exact: true }).inputValue(), PATIENCE).toBe('./hello')
    await page.getByLabel('Command', { exact: true }).fill("./hello 'two words'")
    await page.getByRole('group', { name: 'Runs', exact: true }).getByLabel('so many').check()
    await page.getByLabel('Measured runs').fill('3')
    await expect.poll(async () => line.innerText(), PATIENCE).toBe("meshmark run --runs 3 ./hello 'two words'")
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
    await expect.poll(async () => page.getByLabel('Measured runs').inputValue(), PATIENCE).toBe('3')
    await page.getByLabel('Measured runs').fill('2')
    await page.getByLabel('Command', { exact: true }).fill('./hello again')
    await page.getByRole('button', { name: 'Submit' }).click()
    await page.waitForURL(/#\/jobs\//)
    await page.getByRole('heading', { name: 'Results' }).waitFor()
    expect(page.url()).not.toBe(first)
    await page.locator('.output', { hasText: 'hello, again' }).first().waitFor()

    // how quiet each machine was is known now
    await lab.reader.goTo('#/mesh')
    await expect.poll(async () => page.locator('.table-workers .grade').count(), PATIENCE).toBe(2)
  })

  it('submits a map with data that comes back, and again from its record', async () => {
    const lab = labOf()
    const { page } = lab.reader
    const map = page.getByLabel('Map', { exact: true })

    await writeFile(join(lab.mesh.dir, 'work', 'words.txt'), 'one\ntwo\n')
    await lab.reader.goTo('#/submit')
    await page.locator('h1', { hasText: 'Submit a job' }).waitFor()
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
    await (await choosing).setFiles(join(lab.mesh.dir, 'work', 'words.txt'))
    await page.getByLabel('Name of data set 1').fill('words')
    await page.getByLabel('Files to bring back').fill('lines')
    await expect.poll(async () => page.locator('.submit-end .command-line code').innerText(), PATIENCE).toBe('meshmark map --collect lines --data words=words.txt map.yaml')

    const ids = new Set<string>()

    while (ids.size < 2) {
      await page.getByRole('button', { name: 'Submit' }).click()
      await page.locator('.job-head .mark', { hasText: 'finished' }).waitFor()

      const id = page.url().split('/').at(-1)!

      ids.add(id)
      expect(await lab.ask(`/v1/jobs/${id}/outcome`)).toMatchObject({ code: 0, tasks: [{ stdout: { text: '2\n' } }] })
      expect((await lab.ask(`/v1/jobs/${id}/collected`)).files).toMatchObject([{ worker: 'lab-1', size: 2 }])
      await page.getByRole('link', { name: 'Run again' }).click()
      await page.getByText('8 B, of the job before').waitFor()
    }
  })

  it('goes on with a file from where it broke off, at a master that was killed, and leaves nothing of it when it is stopped', async () => {
    const lab = labOf()
    const { page } = lab.reader
    const content = randomBytes(6 * 1024 * 1024)
    const path = join(lab.mesh.dir, 'work', 'blob')
    const sent: string[] = []
    const uploads = async (): Promise<string[]> => (await readdir(join(lab.mesh.dir, 'data'), { recursive: true })).filter(file => /http-uploads\/./.test(file))
    const network = await page.context().newCDPSession(page)
    const throttle = async (bytesPerSecond: number): Promise<void> => { await network.send('Network.emulateNetworkConditions', { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput: bytesPerSecond }) }
    const isBehind = async (bytes: number): Promise<void> => expect.poll(async () => Number(await page.locator('.submit-progress progress').getAttribute('value', { timeout: 1_000 }).catch(() => 0)), PATIENCE).toBeGreaterThan(bytes)

    await writeFile(path, content)
    page.on('request', request => { if (request.method() === 'PATCH') { sent.push(request.url()) } })
    await network.send('Network.enable')
    // nothing of an earlier test
    await expect.poll(async () => uploads(), PATIENCE).toEqual([])
    await throttle(700 * 1024)
    await lab.reader.goTo('#/submit')
    // and not into the form of one
    await page.locator('h1', { hasText: 'Submit a job' }).waitFor()
    await page.getByLabel('Hand out', { exact: true }).check()

    const choosing = page.waitForEvent('filechooser')

    await page.getByRole('button', { name: 'Choose files…' }).click()
    await (await choosing).setFiles(path)
    // a file that was chosen is looked at first, and then is the command where there is none
    await expect.poll(async () => page.getByLabel('Command', { exact: true }).inputValue(), PATIENCE).toBe('./blob')
    await page.getByLabel('Command', { exact: true }).fill('sha256sum blob')
    await expect.poll(async () => page.locator('.submit-end .command-line code').innerText(), PATIENCE).toBe('meshmark exec --with blob sha256sum blob')
    await page.getByRole('button', { name: 'Submit' }).click()
    await isBehind(500 * 1024)
    // however long what follows takes, it goes on meanwhile
    await throttle(20 * 1024)
    // what is being written stands beside for a moment
    await expect.poll(async () => uploads(), PATIENCE).toHaveLength(2)
    await page.getByText(/MB of 6\.0 MB, .*\/s, .* left/).waitFor()
    await page.getByRole('button', { name: 'Stop' }).click()
    await page.getByRole('button', { name: 'Submit' }).waitFor()
    await expect.poll(async () => uploads(), PATIENCE).toEqual([])

    // killed, and started again
    await throttle(700 * 1024)
    await page.getByRole('button', { name: 'Submit' }).click()
    await isBehind(1024 * 1024)
    await throttle(20 * 1024)
    // which a browser says at every attempt
    lab.reader.tolerated = /net::ERR_/
    await lab.boss.stop('SIGKILL')
    await page.getByText(/does not answer: it goes on there when it is back/).waitFor()
    sent.length = 0
    await lab.startBoss()
    await throttle(700 * 1024)
    await isBehind(2 * 1024 * 1024)
    expect(sent.filter(url => url.endsWith('offset=0'))).toEqual([])
    expect(new Set(sent.map(url => new URL(url).port))).toEqual(new Set([new URL(lab.url).port]))
    await throttle(-1)
    await page.locator('.output', { hasText: createHash('sha256').update(content).digest('hex') }).waitFor()
    await expect.poll(async () => uploads(), PATIENCE).toEqual([])
  })
})
