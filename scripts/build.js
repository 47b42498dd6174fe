#!/usr/bin/env node
/**
 * TypeScript to dist/, and the runner as one CommonJS file: inside the box it
 * is the only file of ours, and koffi is handed to it by path.
 *
 *   node scripts/build.js [--force]
 */
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { pathToFileURL } from 'node:url'
import { fail, ROOT, run, say } from './lib/process.js'
import { sourceFingerprint, walk } from './lib/stale.js'

const INPUTS = ['src', 'tsconfig.json', 'package.json', 'package-lock.json', 'scripts/build.js']
const STAMP = join(ROOT, 'dist', '.built')
const RUNNER = 'src/sandbox/runner/main.ts'
const ASSEMBLER = 'src/sandbox/unshare/assembler.ts'

export async function buildIfStale () {
  if (!existsSync(STAMP) || readFileSync(STAMP, 'utf8') !== sourceFingerprint(ROOT, INPUTS)) {
    say('setup: building')
    await build()
  }
}

/** @param force forgets what the compiler knows of earlier builds */
export async function build ({ force = false } = {}) {
  // Taken first: what changes during the build makes it stale.
  const fingerprint = sourceFingerprint(ROOT, INPUTS)

  if (force) {
    rmSync(join(ROOT, 'dist'), { recursive: true, force: true })
  }

  mkdirSync(join(ROOT, 'dist'), { recursive: true })
  rmSync(STAMP, { force: true })
  removeOrphans()

  const [compiled, bundled] = await Promise.all([
    run(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), '--pretty', 'false'], { quiet: true }),
    bundleRunner().then(() => true, () => false)
  ])

  if (compiled.code !== 0) {
    process.stderr.write(compiled.output)
    fail('build: the TypeScript compiler found errors')
  }

  if (!bundled) {
    fail('build: the runner could not be bundled; the messages are above')
  }

  chmodSync(join(ROOT, 'dist/main.js'), 0o755)
  writeFileSync(STAMP, fingerprint)
}

async function bundleRunner () {
  if (!existsSync(join(ROOT, RUNNER))) {
    return
  }

  const { build: bundle } = await import('esbuild')

  await bundle({
    absWorkingDir: ROOT,
    entryPoints: { runner: RUNNER, assembler: ASSEMBLER },
    outdir: 'dist',
    outExtension: { '.js': '.cjs' },
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    external: ['koffi'],
    logLevel: 'warning'
  })
}

/** What was compiled from a file that is no more would still be found by an import. */
function removeOrphans () {
  for (const file of walk(join(ROOT, 'dist'))) {
    const source = relative(join(ROOT, 'dist'), file).replace(/(\.d\.ts|\.js\.map|\.js)$/, '')

    if (/\.(d\.ts|js|js\.map)$/.test(file) && !existsSync(join(ROOT, 'src', `${source}.ts`))) {
      rmSync(file)
      // The compiler trusts its notes and would not write the file again if the source came back.
      rmSync(join(ROOT, 'dist/.tsbuildinfo'), { force: true })
    }
  }
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { setup } = await import('./setup.js')

  await setup({ build: false, system: false })
  await build({ force: process.argv.includes('--force') })
}
