#!/usr/bin/env node
/**
 * Draws the pictures of docs/history.md and docs/reports.md: a mesh of three
 * workers on this machine, a load, a measurement and a comparison, each drawn
 * as SVG, and a report as Chromium shows it.
 *
 *   node scripts/pictures.js [load|runs|comparison|scaling|report]
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { LocalMesh, MAIN } from '../bench/lib/local-mesh.js'
import { fail, ROOT, run, say } from './lib/process.js'
import { setup } from './setup.js'

const FOLDER = join(ROOT, 'docs/pictures')
const WIDTH = '800'

await setup({ system: false })

const folder = mkdtempSync(join(tmpdir(), 'meshmark-pictures-'))
const mesh = await LocalMesh.start({ workers: 3 })

async function meshmark (...args) {
  say(`pictures: meshmark ${args.join(' ')}`)

  const { code, output } = await run(process.execPath, [MAIN, ...args], { quiet: true, env: { ...process.env, ...mesh.env }, cwd: folder })

  if (code !== 0) {
    fail(`pictures: meshmark ${args[0]} ended with ${code}: ${output}`)
  }
}

async function plot (name, ...args) {
  await meshmark('plot', '--width', WIDTH, '-o', join(FOLDER, name), ...args)
}

/** Options of what is handed to a program end before it. */
async function submit (command, options, ...program) {
  await meshmark(command, '--no-mdns', ...options, '--quiet', ...program)
}

try {
  mkdirSync(FOLDER, { recursive: true })

  for (const [name, make] of Object.entries({ load, runs, comparison, scaling, report }).filter(([name]) => process.argv.length < 3 || process.argv.includes(name))) {
    say(`pictures: ${name}`)
    await make()
  }
} finally {
  await mesh.stop()
  rmSync(folder, { recursive: true, force: true })
}

async function load () {
  const file = join(folder, 'load.json')

  await submit('load', ['--clients', '1..4', '--workers', '1..3', '--tasks', '4', '--pause', '0.2s', '--export-json', file], 'sleep', '0.8')
  await plot('load.svg', '--profile', file)
  await plot('busy.svg', '--profile', file, '--kind', 'busy')
  await plot('throughput.svg', '--profile', file, '--kind', 'throughput', '--height', '300')
}

async function runs () {
  await submit('run', ['--name', 'sum', '--runs', '40'], 'python3', '-c', 'print(sum(range(300000)))')
  await plot('distribution.svg', 'sum', '--no-mdns')
}

async function comparison () {
  await submit('compare', ['--name', 'faster', '--runs', '30'], "python3 -c 'print(sum(i for i in range(300000)))'", "python3 -c 'print(sum(range(300000)))'")
  await plot('comparison.svg', 'faster', '--no-mdns')
}

async function scaling () {
  await submit('run', ['--name', 'scan', '--runs', '12', '--parameter-list', 'n', '100000,200000,400000,800000'], 'python3', '-c', 'print(sum(range({n})))')
  await plot('scaling.svg', 'scan', '--no-mdns')
}

async function report () {
  const file = join(folder, 'report.html')
  const sum = count => `python3 -c 'print(sum(range(${count})))'`

  await submit('compare', ['--name', 'release', '--metric', 'cpu', '--runs', '24', '-n', './old', '-n', './new', '--report', file], sum(400_000), sum(560_000))

  const { chromium } = await import('playwright-core')
  const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: process.getuid?.() === 0 ? ['--no-sandbox'] : [] })

  try {
    const page = await browser.newPage({ viewport: { width: 1040, height: 860 }, colorScheme: 'light' })

    await page.goto(`file://${file}`)
    await page.screenshot({ path: join(FOLDER, 'report.png') })
  } finally {
    await browser.close()
  }
}
