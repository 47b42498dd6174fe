#!/usr/bin/env node
/**
 * Takes the pictures of docs/dashboard.md: two masters and three workers on this
 * machine, some jobs, and the page in Chromium.
 *
 *   node scripts/dashboard-screens.js
 *   node scripts/dashboard-screens.js --all FOLDER     every view, at every size and in every theme, to look at
 *   node scripts/dashboard-screens.js --all FOLDER --only 'wide|forced'     of them those whose names have that
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

const { values: { all, only } } = parseArgs({ options: { all: { type: 'string' }, only: { type: 'string', default: '' } } })
const FOLDER = all == null ? join(ROOT, 'docs/pictures') : resolve(all)
const DESKTOP = { width: 1280, height: 720 }
const PHONE = { width: 390, height: 720 }
const WIDE = { width: 1920, height: 1080 }
const SIZES = { desk: DESKTOP, phone: PHONE, wide: WIDE }
const THEMES = {
  light: { colorScheme: 'light' },
  dark: { colorScheme: 'dark' },
  contrast: { colorScheme: 'light', contrast: 'more' },
  'dark-contrast': { colorScheme: 'dark', contrast: 'more' },
  forced: { colorScheme: 'light', forcedColors: 'active' },
  'dark-forced': { colorScheme: 'dark', forcedColors: 'active' }
}
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
  await meshmark('exec', '--no-mdns', '--detach', '--name', 'resize', 'sh', '-c', 'case $1 in *.png) ;; *) exit 1 ;; esac', 'sh', ':::', '1.png', '2.png', '3.svg', '4.png')
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
  // what is there only now and then
  const moments = [
    ['add-worker', '#/mesh', '.table-workers .row', {}, async page => {
      await page.getByRole('button', { name: 'Add a worker' }).click()
      await page.locator('svg.qr').waitFor()
    }],
    ['items', job('resize'), '.table-items .row', { fullPage: true }],
    ['choose', '#/compare', '.notice'],
    ['names', '#/history', '.notice'],
    ['no-job', '#/jobs/none', '.notice-bad'],
    ['nothing-found', '#/jobs', '.table-jobs .row', {}, async page => page.getByLabel('Find').fill('nothing like it')],
    ['wrong', '#/submit', '.submit-end', {}, async page => page.getByRole('button', { name: 'Submit', exact: true }).click()],
    ['nowhere', '#/nowhere', 'h1']
  ]

  const looks = all == null
    ? [
        ['', DESKTOP, THEMES.light, views.filter(([name]) => !['live', 'comparison', 'jobs', 'worker'].includes(name))],
        ['', DESKTOP, THEMES.dark, views.filter(([name]) => name === 'live')],
        ['phone-', PHONE, THEMES.dark, views.slice(0, 1)]
      ]
    : Object.entries(SIZES).flatMap(([size, viewport]) => Object.entries(THEMES).map(([name, theme]) => [`${size}-${name}-`, viewport, theme, [...views, ...moments]]))

  for (const [prefix, viewport, theme, every] of looks) {
    const shown = every.filter(([name]) => new RegExp(only).test(`${prefix}${name}`))

    if (shown.length === 0) {
      continue
    }

    const page = await signedIn(url, token, { viewport, ...theme })

    for (const [name, ...view] of shown) {
      await shoot(page, `${prefix}${name}`, ...view)
    }

    await page.context().close()
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

/** @param shown - what is there when the view is complete; @param act - what is done there first */
async function shoot (page, name, place, shown, options = {}, act = async () => {}) {
  say(`screens: ${name}`)
  await page.evaluate(`location.hash = ${JSON.stringify(place)}`)
  await page.locator(shown).first().waitFor()
  await page.locator('.notice-loading').first().waitFor({ state: 'detached' })
  await act(page)

  // the frame around what has the keyboard is for those who use it
  if (act.length === 0) {
    await page.evaluate('document.activeElement.blur()')
  }

  await page.screenshot({ path: join(FOLDER, `${all == null ? 'dashboard-' : ''}${name}.png`), animations: 'disabled', ...options })
}
