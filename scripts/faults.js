#!/usr/bin/env node
/**
 * Masters, workers and clients as real processes on networks of their own,
 * which are killed, frozen, cut off and started again; and the long form of
 * what test/e2e has about it. Root, Linux, about half an hour; ends with
 * `N passed, N failed`.
 *
 *   node scripts/faults.js [FILE] [-t PATTERN]
 *
 * SOAK_KILLS and SOAK_SEED change how long the last of them goes on, and how.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fail, run } from './lib/process.js'
import { countTests } from './lib/vitest-report.js'
import { installTestPackages, setup } from './setup.js'

if (process.getuid?.() !== 0) {
  fail('faults: only root makes networks of its own: type sudo npm run test:faults')
}

await setup()
await installTestPackages()

const args = process.argv.slice(2)
const folder = mkdtempSync(join(tmpdir(), 'meshmark-test-'))
const file = join(folder, 'report.json')

try {
  const { code } = await run(process.execPath, [
    'node_modules/vitest/vitest.mjs', 'run', ...(args.length === 0 ? ['test/faults', 'test/e2e/failover', 'test/e2e/persistence', 'test/e2e/workers-and-masters'] : args), '--project', 'faults', '--project', 'e2e', '--no-file-parallelism',
    '--reporter', 'verbose', '--silent=passed-only', '--reporter', 'json', `--outputFile.json=${file}`
  ], { env: { FAULTS: 'all' } })
  const { passed, failed } = countTests(existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined, code)

  console.log(`${passed} passed, ${failed} failed`)
  process.exitCode = failed === 0 ? 0 : 1
} finally {
  rmSync(folder, { recursive: true, force: true })
}
