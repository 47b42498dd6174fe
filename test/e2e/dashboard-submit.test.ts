import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { chromium } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TestMesh } from './mesh.ts'
import type { Browser, Page } from 'playwright-core'

const CHROMIUM = '/usr/bin/chromium'

describe.skipIf(!existsSync(CHROMIUM))('submitting on the page', () => {
  let mesh: TestMesh
  let browser: Browser
  let page: Page
  let url: string

  beforeAll(async () => {
    mesh = await TestMesh.create()

    const master = await mesh.master(['--http=127.0.0.1:0'])

    await mesh.worker('lab-1')
    url = (await master.ready).http!
    browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'] })
    page = await browser.newPage({ viewport: { width: 1280, height: 900 } })
    await signIn('client')
  })

  afterAll(async () => {
    await browser?.close()
    await mesh?.close()
  })

  async function signIn (role: string): Promise<void> {
    const { stdout } = await mesh.run(['token', 'create', role, '--http'])

    await page.goto(url)
    await page.getByLabel('Token').fill(stdout.trim())
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByRole('navigation').waitFor()
  }

  async function look (name: string): Promise<void> {
    if (process.env.MESHMARK_SCREENS != null) {
      await page.screenshot({ path: join(process.env.MESHMARK_SCREENS, `${name}.png`), fullPage: true })
    }
  }

  it('sends a file, measures it, and runs it again with something changed', async () => {
    await page.getByRole('link', { name: 'Submit' }).click()
    await page.getByRole('button', { name: 'Submit' }).click()

    // what is missing is said where it is missing, and is where the keyboard is
    await expect.poll(async () => page.evaluate('document.activeElement.getAttribute("aria-invalid")')).toBe('true')
    expect(await page.getByRole('alert').last().innerText()).toContain('One field needs a correction')
    await look('submit-wrong')

    const choosing = page.waitForEvent('filechooser')

    await page.getByRole('button', { name: 'Choose files…' }).click()
    await (await choosing).setFiles({ name: 'hello', mimeType: 'application/octet-stream', buffer: Buffer.from('#!/bin/sh\necho "hello, $1"\n') })
    await expect.poll(async () => page.getByLabel('Command', { exact: true }).inputValue()).toBe('./hello')
    await page.getByLabel('Command', { exact: true }).fill("./hello 'two words'")
    await page.getByRole('group', { name: 'Runs', exact: true }).getByLabel('so many').check()
    await page.getByLabel('Measured runs').fill('3')
    expect(await page.locator('.submit-end .command-line').innerText()).toBe("meshmark run --runs 3 ./hello 'two words'")
    await page.getByText('1 at once:').waitFor()
    await look('submit')

    // leaving the view loses nothing
    await page.getByRole('link', { name: 'Mesh' }).click()
    await page.getByRole('link', { name: 'Submit' }).click()
    expect(await page.getByLabel('Measured runs').inputValue()).toBe('3')
    await page.getByRole('button', { name: 'Submit' }).click()
    await page.getByRole('heading', { name: 'Results' }).waitFor()
    expect(await page.getByLabel('Output of the program').innerText()).toContain('hello, two words')
    await page.getByText("meshmark run --runs 3 ./hello 'two words'").waitFor()

    const first = page.url()

    await page.getByRole('link', { name: 'Run again' }).click()
    await expect.poll(async () => page.getByLabel('Measured runs').inputValue()).toBe('3')
    await page.getByLabel('Measured runs').fill('2')
    await page.getByLabel('Command', { exact: true }).fill('./hello again')
    await page.getByText('1 at once:').waitFor()
    await look('again')
    await page.getByRole('button', { name: 'Submit' }).click()
    await page.getByRole('heading', { name: 'Results' }).waitFor()
    expect(page.url()).not.toBe(first)
    expect(await page.getByLabel('Output of the program').innerText()).toContain('hello, again')
  })

  it('is not there for a token that may only read, which is told why', async () => {
    await page.getByRole('button', { name: 'Sign out' }).click()
    await signIn('reader')
    expect(await page.getByRole('link', { name: 'Submit' }).count()).toBe(0)
    await page.evaluate("location.hash = '#/submit'")
    await page.getByText('This token is to read only').waitFor()
  })
})
