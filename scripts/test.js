#!/usr/bin/env node
/**
 * Every check there is, one after the other, and one line at the end:
 * `N passed, N failed`.
 *
 *   node scripts/test.js [--only build,lint,types,documents,imports,unit,e2e,alone] [--unit sandbox,store] [--e2e roles,lifetime]
 */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { fail, run, say } from './lib/process.js'
import { countTests, slowestFiles } from './lib/vitest-report.js'
import { installTestPackages, setup } from './setup.js'

/** One after the other, but for those that go beside the one before: they take one processor each. */
const STEPS = [
  // A build that is fresh has passed the compiler.
  { name: 'build', what: 'build', run: () => check(['scripts/setup.js']) },
  { name: 'lint', what: 'lint', run: () => check(['node_modules/eslint/bin/eslint.js', '.', '--max-warnings', '0']) },
  { name: 'types', beside: true, what: 'types, those of the tests included', run: () => check(['node_modules/typescript/bin/tsc', '-p', 'test']) },
  { name: 'documents', beside: true, what: 'generated documents are fresh', run: () => check(['scripts/generate.js', '--check']) },
  { name: 'imports', beside: true, what: 'order of imports', run: () => check(['scripts/imports.js']) },
  { name: 'unit', what: 'unit tests', run: () => vitest(['unit', 'apart'], values.unit?.split(',')) },
  { name: 'e2e', what: 'end-to-end tests', run: () => vitest(['e2e'], values.e2e?.split(',')) },
  { name: 'alone', what: 'tests that need the machine for themselves', run: () => vitest(['alone'], values.e2e?.split(',')) }
]

const { values } = parseArgs({ options: { only: { type: 'string' }, unit: { type: 'string' }, e2e: { type: 'string' } } })
const wanted = values.only?.split(',') ?? STEPS.map(({ name }) => name)
const unknown = wanted.find(name => !STEPS.some(step => step.name === name))

if (unknown != null) {
  fail(`test: there is no step '${unknown}': use ${STEPS.map(({ name }) => name).join(', ')}`)
}

await setup({ build: false })

if (wanted.some(name => ['unit', 'e2e', 'alone'].includes(name))) {
  await installTestPackages()
}

const total = { passed: 0, failed: 0 }

const groups = []

for (const step of STEPS.filter(({ name }) => wanted.includes(name))) {
  if (step.beside === true && groups.length > 0) {
    groups.at(-1).push(step)
  } else {
    groups.push([step])
  }
}

for (const group of groups) {
  await Promise.all(group.map(tell))
}

console.log(`${total.passed} passed, ${total.failed} failed`)
process.exitCode = total.failed === 0 ? 0 : 1

async function tell (step) {
  const startedAt = Date.now()
  const { passed, failed, skipped = 0, slowest = [] } = await step.run()

  total.passed += passed
  total.failed += failed
  say(`${failed === 0 ? 'ok' : 'FAILED'}: ${step.what} (${failed === 0 ? '' : `${failed} of `}${passed + failed}${skipped === 0 ? '' : `, ${skipped} skipped`}, ${((Date.now() - startedAt) / 1000).toFixed(1)} s)${slowest.length === 0 ? '' : `; longest: ${slowest.join(', ')}`}`)
}

/** One check that passes or fails as a whole; it speaks only when it fails. */
async function check (args) {
  const { code, output } = await run(process.execPath, args, { quiet: true })

  if (code !== 0) {
    process.stderr.write(output)
  }

  return { passed: code === 0 ? 1 : 0, failed: code === 0 ? 0 : 1 }
}

/** @param {string[]} files - only those whose path holds one of these */
async function vitest (projects, files = []) {
  const folder = mkdtempSync(join(tmpdir(), 'meshmark-test-'))
  const report = join(folder, 'report.json')

  try {
    const { code } = await run(process.execPath, [
      'node_modules/vitest/vitest.mjs', 'run', ...files, ...projects.flatMap(project => ['--project', project]), '--passWithNoTests',
      // What passes is counted, what fails is shown with all that it printed.
      '--reporter', 'dot', '--silent=passed-only', '--reporter', 'json', `--outputFile.json=${report}`
    ])

    const seen = existsSync(report) ? JSON.parse(readFileSync(report, 'utf8')) : undefined

    return { ...countTests(seen, code), slowest: slowestFiles(seen) }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
