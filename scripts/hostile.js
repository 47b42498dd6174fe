#!/usr/bin/env node
/**
 * Every hostile program in every way in which a worker can be started here,
 * and a line for each way at the end: programs, failures, seconds.
 *
 *   node scripts/hostile.js [PATTERN]    only tests whose name holds it, for example 'no cgroups'
 */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { run } from './lib/process.js'
import { countTests } from './lib/vitest-report.js'
import { setup } from './setup.js'

await setup()

const [pattern] = process.argv.slice(2)
const folder = mkdtempSync(join(tmpdir(), 'meshmark-test-'))
const file = join(folder, 'report.json')

try {
  const { code } = await run(process.execPath, [
    'node_modules/vitest/vitest.mjs', 'run', 'test/hostile', '--project', 'alone', ...(pattern == null ? [] : ['-t', pattern]),
    '--reporter', 'dot', '--silent=passed-only', '--reporter', 'json', `--outputFile.json=${file}`
  ], { env: { HOSTILE: 'all' } })
  const report = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined
  const { passed, failed } = countTests(report, code)

  for (const line of table(report?.testResults.flatMap(({ assertionResults }) => assertionResults) ?? [])) {
    console.log(line)
  }

  console.log(`${passed} passed, ${failed} failed`)
  process.exitCode = failed === 0 ? 0 : 1
} finally {
  rmSync(folder, { recursive: true, force: true })
}

/** Rows by the outermost title. A program that gets through, as is known and said in its title, is counted as that. */
function table (tests) {
  const ways = new Map()

  for (const { ancestorTitles: [way = ''], title, status, duration } of tests.filter(({ status }) => status === 'passed' || status === 'failed')) {
    const row = ways.get(way) ?? { programs: 0, failed: 0, open: 0, ms: 0 }

    ways.set(way, { programs: row.programs + 1, failed: row.failed + (status === 'failed'), open: row.open + (status === 'passed' && title.includes(': NOT HELD:')), ms: row.ms + (duration ?? 0) })
  }

  const width = Math.max(...[...ways.keys()].map(way => way.length), 0)
  const line = (way, ...cells) => `${way.padEnd(width)}  ${cells.map(cell => String(cell).padStart(8)).join('  ')}`

  return [line('', 'tests', 'failed', 'not held', 'seconds'), ...[...ways].map(([way, { programs, failed, open, ms }]) => line(way, programs, failed, open, (ms / 1000).toFixed(1)))]
}
