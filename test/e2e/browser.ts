import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium } from 'playwright-core'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import type { AxeResults } from 'axe-core'

/** Where Debian, Ubuntu and Fedora have it; MESHMARK_CHROMIUM names another one. */
const PLACES = [process.env.MESHMARK_CHROMIUM ?? '', '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome', '/usr/lib64/chromium-browser/chromium-browser']

/** The Chromium of this machine; undefined where there is none, and tests in it are skipped. */
export const CHROMIUM = PLACES.find(path => path !== '' && existsSync(path))

/** For the title of what is skipped. */
export const NO_CHROMIUM = CHROMIUM == null ? ' (skipped: there is no Chromium here; install the package chromium, or name one in MESHMARK_CHROMIUM)' : ''

/** Sizes that are looked at, in CSS pixels. */
export const PHONE = { width: 390, height: 844 }
export const DESKTOP = { width: 1280, height: 800 }

/** A headless Chromium with a home of its own. */
export class TestBrowser {
  private constructor (readonly browser: Browser, readonly home: string) {}

  static async open (): Promise<TestBrowser> {
    const home = await mkdtemp(join(tmpdir(), 'meshmark-browser-'))
    const browser = await chromium.launch({
      executablePath: CHROMIUM,
      // it cannot build its own box as root
      chromiumSandbox: process.getuid?.() !== 0,
      args: ['--disable-dev-shm-usage', '--disable-gpu'],
      env: { PATH: process.env.PATH, HOME: home, XDG_CONFIG_HOME: join(home, 'config'), XDG_CACHE_HOME: join(home, 'cache'), LANG: 'C.UTF-8' }
    })

    return new TestBrowser(browser, home)
  }

  /** A page with storage of its own, as of another reader. */
  async page (options: BrowserContextOptions = {}): Promise<TestPage> {
    const context = await this.browser.newContext({ viewport: DESKTOP, locale: 'en-GB', timezoneId: 'Europe/Berlin', ...options })

    context.setDefaultTimeout(20_000)

    return TestPage.of(await context.newPage())
  }

  async close (): Promise<void> {
    await this.browser.close()
    await rm(this.home, { recursive: true, force: true })
  }
}

/** A page whose complaints are kept: errors, violations of its policy, and requests to strangers. */
export class TestPage {
  readonly problems: string[] = []
  readonly hosts = new Set<string>()
  /** What a test provokes: a browser says of each refusal, and of a master that is gone, that it was one. */
  tolerated: RegExp | undefined

  private constructor (readonly page: Page) {}

  static async of (page: Page): Promise<TestPage> {
    const seen = new TestPage(page)

    page.on('console', message => {
      if (message.type() === 'error' || message.type() === 'warning') {
        seen.problems.push(`${message.type()}: ${message.text()}`)
      }
    })
    page.on('pageerror', err => { seen.problems.push(`error: ${err.stack ?? err.message}`) })
    page.on('request', request => {
      if (/^https?:/.test(request.url())) {
        seen.hosts.add(new URL(request.url()).host)
      }
    })
    await page.exposeBinding('meshmarkViolation', (_, words: string) => { seen.problems.push(words) })
    await page.addInitScript("document.addEventListener('securitypolicyviolation', event => { meshmarkViolation('violation of ' + [event.violatedDirective, event.blockedURI, event.sample].join(' ')) })")

    return seen
  }

  /** What it complained of since it was asked last, without what is tolerated. */
  complaints (): string[] {
    return this.problems.splice(0).filter(problem => this.tolerated?.test(problem) !== true)
  }

  /** Opens the page of a master and signs in with a token, as a reader does. */
  async signIn (url: string, token: string): Promise<void> {
    await this.page.goto(url)
    await this.page.getByLabel('Token', { exact: true }).fill(token)
    await this.page.getByRole('button', { name: 'Sign in' }).click()
    await this.page.getByRole('navigation').waitFor()
  }

  /** Goes to a place of the page, such as `#/jobs`, as by a link of it. */
  async goTo (fragment: string): Promise<void> {
    await this.page.evaluate(`location.hash = ${JSON.stringify(fragment)}`)
  }

  /** Violations that axe finds on what is shown now, one line each: rule, what it means, and where. `rules`: only these. */
  async axe (rules?: string[]): Promise<string[]> {
    const { violations } = await this.#runAxe(rules)

    return violations.flatMap(({ id, help, nodes }) => nodes.map(({ target, failureSummary = '' }) => `${id}: ${help}: ${target.join(' ')}: ${failureSummary.split('\n').slice(1).join(';').trim()}`))
  }

  async #runAxe (rules?: string[]): Promise<AxeResults> {
    const session = await this.page.context().newCDPSession(this.page)

    try {
      // a script of ours is what the policy of the page forbids, so it comes from outside
      await session.send('Runtime.evaluate', { expression: `if (globalThis.axe == null) { ${await axeSource()} }` })

      // what it would load first, the policy of the page forbids, and it waits for it
      const { result } = await session.send('Runtime.evaluate', { expression: `axe.run(document, ${JSON.stringify({ resultTypes: ['violations'], preload: false, ...(rules == null ? {} : { runOnly: rules }) })})`, awaitPromise: true, returnByValue: true })

      return result.value as AxeResults
    } finally {
      await session.detach()
    }
  }

  async close (): Promise<void> {
    await this.page.context().close()
  }
}

let source: Promise<string> | undefined

async function axeSource (): Promise<string> {
  source ??= readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

  return source
}
