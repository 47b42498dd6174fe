/**
 * What does the page cost that somebody keeps open, and how soon is it there?
 *
 *   npm run bench -- dashboard [--workers 1000] [--jobs 10000] [--changing 100] [--seconds 20] [--rounds 5]
 *
 * A real Chromium looks at the page that src/http serves, of a mesh in which
 * every worker changes once a second, and so many jobs (the answers of
 * the mesh are made up, see lib/busy-master-process.js; routes, streams and the
 * page are the real ones). For each view: the CPU time of the process that
 * draws it, by the kernel's clock, in percent of a core, with what Chromium says
 * of scripts, layout and styles; and the longest time that the page did not
 * answer. Before: what the first view weighs as it comes over the line, and how
 * long from the request until the list of workers is drawn, each time in a
 * browser that has nothing of it.
 *
 * Kept: below 250 kB, below 1 s, below 20 % of a core in every view.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { fail } from '../scripts/lib/process.js'
import { load, machine, save, table } from './lib/record.js'

/** What --quick stands for: a look, with wide intervals. */
export const QUICK = ['--rounds', '3', '--seconds', '10']

const BOUNDS = { bytes: 250_000, readyMs: 1_000, cpuPercent: 20 }
const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync)

/** @param {AbortSignal} interruption after which everything is taken down */
export async function bench (args, interruption) {
  const { values } = parseArgs({
    args,
    options: {
      workers: { type: 'string', default: '1000' },
      jobs: { type: 'string', default: '10000' },
      changing: { type: 'string', default: '100' },
      seconds: { type: 'string', default: '20' },
      rounds: { type: 'string', default: '5' }
    }
  })

  if (CHROMIUM == null) {
    fail('bench: there is no Chromium here: apt-get install chromium')
  }

  const { chromium } = await import('playwright-core')
  const began = load()
  const server = fork(join(import.meta.dirname, 'lib/busy-master-process.js'), [values.workers, values.jobs, values.changing])
  const [url] = await once(server, 'message')
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: process.getuid?.() === 0 ? ['--no-sandbox'] : [], handleSIGINT: false, handleSIGTERM: false })

  interruption?.addEventListener('abort', () => { void browser.close() })

  try {
    const loads = []

    for (let round = 0; round < Number(values.rounds); round++) {
      loads.push(await firstView(browser, url))
    }

    const views = await watch(browser, url, Number(values.seconds))
    const result = { bench: 'dashboard', machine: machine(), browser: browser.version(), load: [began, load()], workers: Number(values.workers), jobs: Number(values.jobs), changing: Number(values.changing), bounds: BOUNDS, loads, views }

    process.stdout.write(`${render(result)}\n`)
    save('dashboard', result)

    const broken = brokenBounds(result)

    if (broken.length > 0) {
      fail(`bench: ${broken.join('; ')}`)
    }
  } finally {
    await browser.close()
    server.disconnect()
  }
}

/** Of a browser that knows nothing yet: bytes over the line until the list is drawn, and how long that took. */
async function firstView (browser, url) {
  const context = await browser.newContext()
  const page = await context.newPage()
  const cdp = await context.newCDPSession(page)
  const bytes = { page: 0, mesh: 0 }
  const streams = new Set()

  await cdp.send('Network.enable')
  cdp.on('Network.requestWillBeSent', ({ requestId, request }) => {
    if (request.url.includes('/v1/')) {
      streams.add(requestId)
    }
  })
  cdp.on('Network.dataReceived', ({ requestId, encodedDataLength }) => { bytes[streams.has(requestId) ? 'mesh' : 'page'] += encodedDataLength })

  const beganMs = performance.now()

  await page.goto(`${url}/#token=mmh1-${'a'.repeat(60)}`, { waitUntil: 'commit' })
  await page.locator('.table-workers .row:not(.row-head)').first().waitFor()

  const readyMs = performance.now() - beganMs
  const ownMs = await page.evaluate(() => performance.now())

  await context.close()

  return { pageBytes: bytes.page, meshBytes: bytes.mesh, readyMs, ownMs }
}

/** Each view for so many seconds, while nobody touches it; then while somebody scrolls. */
async function watch (browser, url, seconds) {
  const context = await browser.newContext({ viewport: { width: 1600, height: 1000 } })
  const page = await context.newPage()
  const line = { bytes: 0 }
  const root = await browser.newBrowserCDPSession()
  const cdp = await context.newCDPSession(page)
  const views = []

  await cdp.send('Performance.enable')
  await cdp.send('Network.enable')
  cdp.on('Network.dataReceived', ({ dataLength }) => { line.bytes += dataLength })
  await page.goto(`${url}/#token=mmh1-${'a'.repeat(60)}`)
  await page.locator('.table-workers .row:not(.row-head)').first().waitFor()
  await page.evaluate(watchForStalls)

  for (const [name, prepare, table] of [
    ['workers', async () => {}, '.table-workers'],
    ['workers, grouped by state', async () => page.getByLabel('Group by').selectOption('state'), '.table-workers'],
    ['a worker opened', async () => page.locator('.table-workers a').first().click(), '.table-workers'],
    ['jobs', async () => page.evaluate(() => { globalThis.location.hash = '#/jobs' }), '.table-jobs']
  ]) {
    await prepare()
    await page.locator(`${table} .row:not(.row-head)`).first().waitFor()
    // whatever there is, however much that is
    await page.getByRole('button', { name: 'Show more' }).click({ timeout: 1_000 }).catch(() => {})
    // what opening it costs is another question
    await delay(2_500)
    views.push({ name, ...await costs({ page, cdp, root, line }, async () => delay(seconds * 1_000)) })
  }

  for (const [name, pixels] of [['jobs, scrolled with a wheel', 50], ['jobs, flown over', 700]]) {
    views.push({ name, scrolled: true, ...await costs({ page, cdp, root, line }, async () => page.evaluate(scrollFor, { seconds, pixels })) })
  }

  await context.close()

  return views
}

async function costs ({ page, cdp, root, line }, while_) {
  await page.evaluate(() => { window.longestStall = 0 })
  line.bytes = 0

  const before = await figures(cdp, root)
  const beganMs = performance.now()

  await while_()

  const after = await figures(cdp, root)
  const seconds = (performance.now() - beganMs) / 1_000
  const percent = key => Math.round((after[key] - before[key]) / seconds * 1_000) / 10

  return { seconds, bytesPerSecond: line.bytes / seconds, cpuPercent: percent('cpu'), taskPercent: percent('TaskDuration'), scriptPercent: percent('ScriptDuration'), stylePercent: percent('RecalcStyleDuration'), layoutPercent: percent('LayoutDuration'), heapBytes: after.JSHeapUsedSize, elements: after.Nodes, longestStallMs: await page.evaluate(() => window.longestStall) }
}

/** CPU seconds of the process that draws the page, and what that process tells of itself. */
async function figures (cdp, root) {
  const { metrics } = await cdp.send('Performance.getMetrics')
  const { processInfo } = await root.send('SystemInfo.getProcessInfo')

  return { ...Object.fromEntries(metrics.map(({ name, value }) => [name, value])), cpu: processInfo.filter(({ type }) => type === 'renderer').reduce((sum, { cpuTime }) => sum + cpuTime, 0) }
}

/** Runs in the page. */
function watchForStalls () {
  window.longestStall = 0
  new PerformanceObserver(list => {
    for (const { duration } of list.getEntries()) {
      window.longestStall = Math.max(window.longestStall, duration)
    }
  }).observe({ entryTypes: ['longtask'] })
}

/** Runs in the page, so that nobody outside of it asks it anything meanwhile: so many pixels, twenty times a second. */
async function scrollFor ({ seconds, pixels }) {
  const element = document.querySelector('.table-jobs')
  const untilMs = performance.now() + seconds * 1_000

  while (performance.now() < untilMs) {
    element.scrollTop = (element.scrollTop + pixels) % (element.scrollHeight - element.clientHeight)
    await new Promise(resolve => { setTimeout(resolve, 50) })
  }
}

function render ({ machine: { cpu, cores }, browser, load, workers, jobs, changing, loads, views }) {
  const median = key => loads.map(load => load[key]).sort((a, b) => a - b)[Math.floor(loads.length / 2)]

  return `${workers} workers that change every second, ${jobs} jobs of which ${changing} change · Chromium ${browser} · ${cores} × ${cpu} · load ${load.join(' to ')}
first view: ${(median('pageBytes') / 1e3).toFixed(1)} kB of the page, ${(median('meshBytes') / 1e3).toFixed(1)} kB of the mesh; drawn ${median('readyMs').toFixed(0)} ms after it was asked for (${loads.map(({ readyMs }) => readyMs.toFixed(0)).join(', ')})
${table([
    ['view', 'told per s', 'CPU of a core', 'tasks', 'script', 'style', 'layout', 'longest task', 'elements', 'heap'],
    ...views.map(view => [view.name, `${(view.bytesPerSecond / 1e3).toFixed(0)} kB`, `${view.cpuPercent} %`, `${view.taskPercent} %`, `${view.scriptPercent} %`, `${view.stylePercent} %`, `${view.layoutPercent} %`, `${view.longestStallMs} ms`, String(view.elements), `${(view.heapBytes / 1e6).toFixed(0)} MB`])
  ])}`
}

function brokenBounds ({ loads, views }) {
  const least = key => Math.min(...loads.map(load => load[key]))

  return [
    ...(least('pageBytes') > BOUNDS.bytes ? [`the first view has ${least('pageBytes')} bytes`] : []),
    // others on the machine only make it slower
    ...(least('readyMs') > BOUNDS.readyMs ? [`the first view took ${least('readyMs').toFixed(0)} ms at best`] : []),
    ...views.filter(({ scrolled, cpuPercent }) => scrolled !== true && cpuPercent > BOUNDS.cpuPercent).map(({ name, cpuPercent }) => `${name}: ${cpuPercent} % of a core`)
  ]
}
