#!/usr/bin/env node
/**
 * Takes the pictures of docs/dashboard.md: two masters and three workers on this
 * machine, some jobs, and the page in Chromium.
 *
 *   node scripts/dashboard-screens.js
 *   node scripts/dashboard-screens.js --all FOLDER     every view, at every size and in every theme, to look at
 *   MESHMARK_CHROMIUM=/opt/chrome/chrome node scripts/dashboard-screens.js
 */
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { chromium } from 'playwright-core'
import { LocalMesh, MAIN } from '../bench/lib/local-mesh.js'
import { fail, ROOT, run, say } from './lib/process.js'
import { setup } from './setup.js'

const { values: { all } } = parseArgs({ options: { all: { type: 'string' } } })
const FOLDER = all == null ? join(ROOT, 'docs/pictures') : resolve(all)
const DESKTOP = { width: 1280, height: 720 }
const PHONE = { width: 390, height: 720 }
const executablePath = [process.env.MESHMARK_CHROMIUM ?? '', '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(path => path !== '' && existsSync(path))

if (executablePath == null) {
  fail('screens: there is no Chromium: install the package chromium, or name one in MESHMARK_CHROMIUM')
}

await setup({ system: false })

const folder = mkdtempSync(join(tmpdir(), 'meshmark-screens-'))
const mesh = await LocalMesh.start({ masters: 2, masterArgs: ['--http=127.0.0.1:0'], workers: 3, workerArgs: ['--label', 'zone=lab'] })
let browser

try {
  mkdirSync(FOLDER, { recursive: true })

  const [url] = mesh.urls
  const token = await meshmark('token', 'create', 'admin', '--http')

  await meshmark('run', '--no-mdns', '--quiet', '--name', 'sum', '--runs', '40', 'python3', '-c', 'print(sum(range(300000)))')
  await meshmark('run', '--no-mdns', '--quiet', '--name', 'sum', '--runs', '40', 'python3', '-c', 'print(sum(range(500000)))')
  await meshmark('exec', '--no-mdns', '--quiet', '--name', 'greeting', 'echo', 'hello')
  await meshmark('compare', '--no-mdns', '--quiet', '--name', 'sorting', '--runs', '30', "python3 -c 'sorted(range(300000))'", "python3 -c 'sorted(range(330000))'")
  await meshmark('run', '--no-mdns', '--detach', '--name', 'primes', '--runs', '400', 'python3', '-c', 'print(sum(range(2000000)))')

  const headers = { authorization: `Bearer ${token}` }
  const { jobs } = await (await fetch(`${url}/v1/jobs`, { headers })).json()
  const { nodes } = await (await fetch(`${url}/v1/nodes`, { headers })).json()
  const job = name => `#/jobs/${jobs.find(job => job.name === name).id}`
  const worker = nodes.find(({ role }) => role === 'worker').peerId

  browser = await chromium.launch({ executablePath, chromiumSandbox: process.getuid?.() !== 0, args: ['--disable-dev-shm-usage', '--disable-gpu'], env: { ...process.env, HOME: folder } })

  const views = [
    ['mesh', '#/mesh', '.table-workers .row'],
    ['worker', `#/mesh/${worker}`, '.details'],
    ['jobs', '#/jobs', '.table-jobs .row'],
    ['job', job('sum'), '.chart canvas', { fullPage: true }],
    ['live', job('primes'), '.chart canvas'],
    ['comparison', job('sorting'), '.chart canvas', { fullPage: true }],
    ['compare', `#/compare/${jobs.filter(job => job.name === 'sum').map(({ id }) => id).reverse().join('/')}`, '.chart canvas', { fullPage: true }],
    ['history', '#/history/sum', '.chart canvas', { fullPage: true }],
    ['activity', '#/activity', '.chart canvas', { fullPage: true }],
    ['submit', '#/submit', '.submit-end', { fullPage: true }]
  ]

  const looks = all == null
    ? [['', DESKTOP, 'light', views.filter(([name]) => !['live', 'comparison', 'jobs', 'worker'].includes(name))], ['', DESKTOP, 'dark', views.filter(([name]) => name === 'live')], ['phone-', PHONE, 'dark', views.slice(0, 1)]]
    : [DESKTOP, PHONE].flatMap(size => ['light', 'dark'].map(theme => [`${size === PHONE ? 'phone' : 'desk'}-${theme}-`, size, theme, views]))

  for (const [prefix, viewport, colorScheme, shown] of looks) {
    const page = await signedIn(url, token, { viewport, colorScheme })

    for (const [name, ...view] of shown) {
      await shoot(page, `${prefix}${name}`, ...view)
    }
  }
} finally {
  await browser?.close()
  await mesh.stop()
  rmSync(folder, { recursive: true, force: true })
}

async function meshmark (...args) {
  say(`screens: meshmark ${args.join(' ')}`)

  const { code, output } = await run(process.execPath, [MAIN, ...args], { quiet: true, env: { ...process.env, ...mesh.env }, cwd: folder })

  if (code !== 0) {
    fail(`screens: meshmark ${args[0]} ended with ${code}: ${output}`)
  }

  return /mmh1-\S+/.exec(output)?.[0]
}

async function signedIn (url, token, look) {
  const page = await (await browser.newContext({ ...look, locale: 'en-GB', reducedMotion: 'reduce' })).newPage()

  await page.goto(`${url}/#token=${token}`)
  await page.getByRole('navigation').waitFor()

  return page
}

/** @param shown - what is there when the view is complete */
async function shoot (page, name, place, shown, options = {}) {
  say(`screens: ${name}`)
  await page.evaluate(`location.hash = ${JSON.stringify(place)}`)
  await page.locator(shown).first().waitFor()
  await page.locator('.notice-loading').first().waitFor({ state: 'detached' })
  await page.screenshot({ path: join(FOLDER, `${all == null ? 'dashboard-' : ''}${name}.png`), animations: 'disabled', ...options })
}
