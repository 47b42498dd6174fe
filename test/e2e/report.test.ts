import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { chromium, type Browser, type BrowserContextOptions, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TestMesh } from './mesh.ts'

const AXE = join(import.meta.dirname, '../../node_modules/axe-core/axe.min.js')

describe('a report of a real mesh', () => {
  let mesh: TestMesh
  let browser: Browser
  let compared: string

  beforeAll(async () => {
    mesh = await TestMesh.create()
    compared = join(mesh.dir, 'compared.html')
    await mesh.master()
    await mesh.worker('lab-1')
    browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: process.getuid?.() === 0 ? ['--no-sandbox'] : [] })

    const { code } = await mesh.run(['compare', '--runs', '8', '--report', compared, '--report', join(mesh.dir, 'comment.md'), 'true', "sh -c 'exit 0'"])

    expect(code).toBe(0)
  })

  afterAll(async () => {
    await browser.close()
    await mesh.close()
  })

  /** What a browser says while it shows a page must be nothing, and it must ask for nothing. */
  async function opened (file: string, options: BrowserContextOptions, look: (page: Page) => Promise<void>): Promise<void> {
    const context = await browser.newContext(options)
    const page = await context.newPage()
    const said: string[] = []

    page.on('console', message => said.push(message.text()))
    page.on('pageerror', err => said.push(err.message))
    page.on('dialog', dialog => said.push(dialog.message()))
    page.on('request', request => said.push(...request.url().startsWith('file:') || request.url().startsWith('blob:') ? [] : [request.url()]))

    try {
      await page.goto(pathToFileURL(file).href)
      await look(page)
      expect(said).toEqual([])
    } finally {
      await context.close()
    }
  }

  it.each(['light', 'dark'] as const)('is readable for everybody in the %s theme', async colorScheme => {
    await opened(compared, { colorScheme }, async page => {
      const axe = await readFile(AXE, 'utf8')

      // as a developer's console does it: the page's own policy lets no script in
      await page.evaluate(axe)

      const violations = await page.evaluate(async () => (await (globalThis as any).axe.run()).violations.map(({ id, nodes }: any) => `${id}: ${nodes.map(({ html }: any) => html).join(' ')}`))

      expect(violations).toEqual([])
    })
  })

  it('sorts, finds, shows single runs, and gives its data back', async () => {
    await opened(compared, { acceptDownloads: true }, async page => {
      await page.locator('.plot[data-v]').first().focus()
      await page.keyboard.press('ArrowRight')
      expect(await page.locator('#tip').textContent()).toMatch(/^run 1 of 8: [\d.]+ (?:ms|µs|s)$/)

      const [download] = await Promise.all([page.waitForEvent('download'), page.getByText('Complete results, JSON').click()])
      const saved = join(mesh.dir, 'saved.json')

      await download.saveAs(saved)
      expect(JSON.parse(await readFile(saved, 'utf8'))).toMatchObject({ format: 'meshmark-results', workers: [{ info: { name: 'lab-1' } }] })

      const [runs] = await Promise.all([page.waitForEvent('download'), page.getByText('Every run, CSV').click()])

      await runs.saveAs(saved)
      expect((await readFile(saved, 'utf8')).trim().split('\r\n')).toHaveLength(1 + 16)
      await page.getByRole('searchbox').fill('nobody')
      expect(await page.locator('.strip:visible').count()).toBe(0)
    })
  })

  it('is complete without scripts, on a phone, and hides what is not wanted', async () => {
    await opened(compared, { javaScriptEnabled: false, viewport: { width: 390, height: 800 } }, async page => {
      expect(await page.locator('h1').textContent()).toContain('against true')
      expect(await page.locator('.strip').count()).toBeGreaterThanOrEqual(3)
      await page.locator('#show-c1').uncheck()
      expect(await page.locator('#runs .strip:visible').count()).toBe(1)
      expect(await page.locator('a[download]').first().getAttribute('href')).toMatch(/^data:application\/gzip;base64,/)
    })
  })

  it('is printed with everything unfolded', async () => {
    await opened(compared, {}, async page => {
      const pdf = await page.pdf({ format: 'A4' })

      expect(pdf.toString('latin1').match(/\/Type \/Page\b/g)?.length).toBeGreaterThanOrEqual(2)
    })
  })

  it('names what failed with what it printed, which stays text, and is refused before a job where it cannot be written', async () => {
    const file = join(mesh.dir, 'items.html')
    const { code } = await mesh.run(['exec', '--report', file, 'sh', '-c', 'test $0 != 2 || { echo "<script>alert(1)</script>" >&2; exit 4; }', ':::', '1', '2', '3'])

    expect(code).toBe(1)
    await opened(file, {}, async page => {
      expect(await page.locator('#failures pre').allTextContents()).toEqual(['<script>alert(1)</script>\n'])
      expect(await page.locator('.verdict').textContent()).toContain('1 of 3 items did not end well')
    })

    expect(await readFile(join(mesh.dir, 'comment.md'), 'utf8')).toMatch(/^### /)
    expect(await mesh.run(['exec', '--report', join(mesh.dir, 'nowhere/x.html'), 'true'])).toMatchObject({ code: 125, stderr: expect.stringContaining('there is no folder') })
    expect(await mesh.run(['run', '--report', 'x.txt', 'true'])).toMatchObject({ code: 2, stderr: 'meshmark: --report x.txt: the name must end in .html or .md, which says what it becomes\n' })
    expect((await stat(file)).mode & 0o777).toBe(0o666 & ~process.umask())
  })
})
