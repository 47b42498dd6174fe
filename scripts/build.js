#!/usr/bin/env node
/**
 * TypeScript to dist/, and bundles of it:
 * - the runner as one CommonJS file: inside the box it is the only file of
 *   ours, and koffi is handed to it by path;
 * - dist/report-page.cjs and dist/report-page.css, which stand in every report;
 * - the host of distributed functions as one module, which goes along with them;
 * - dist/dashboard/, the page in the browser, by Vite;
 * - dist/bundle/, which dist/main.js runs: finding and reading the 600 files
 *   of the command line and its libraries took most of the time of a command.
 *
 * dist/bundle/ lies as deep as the folders of src, so that what is found
 * relative to a module is found from there too.
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
const FUNCTION_HOST = 'src/functions/host/main.ts'
/** Runs WebAssembly modules inside boxes. */
const WASM_HOST = 'src/sandbox/wasm-host.ts'
/** What a report brings along, as page-assets.ts reads it. */
const REPORT = [['dist/report-page.cjs', 'src/dashboard/report/main.ts'], ['dist/report-page.css', 'src/dashboard/report/style.css']]
const DASHBOARD = 'src/dashboard'
/** What the page is made of: lower rooms give it types, and pure functions. */
const DASHBOARD_INPUTS = [...['model', 'stats', 'report', 'library', 'http', 'dashboard'].map(room => `src/${room}`), 'src/node/protocol', 'tsconfig.json', 'package-lock.json', 'scripts/build.js']
const DASHBOARD_BUILT = join(ROOT, 'dist/dashboard')
const BUNDLE = join(ROOT, 'dist/bundle')
/** What is started as a process of its own. */
const ENTRIES = { main: 'src/main.ts', 'doctor-box': 'src/cli/doctor/box.ts' }

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
    Promise.all([bundleRunner(), bundleFunctionHost(), bundleCommandLine(), bundleReport(), buildDashboard()]).then(() => true, err => { process.stderr.write(`build: ${err.message}\n`) })
  ])

  if (compiled.code !== 0) {
    process.stderr.write(compiled.output)
    fail('build: the TypeScript compiler found errors')
  }

  if (!bundled) {
    fail('build: the bundles could not be made; the messages are above')
  }

  writeFileSync(join(ROOT, 'dist/main.js'), "#!/usr/bin/env node\nimport './bundle/main.js'\n")
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
    entryPoints: { runner: RUNNER, assembler: ASSEMBLER, 'wasm-host': WASM_HOST },
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

async function bundleFunctionHost () {
  const { build: bundle } = await import('esbuild')

  await bundle({
    absWorkingDir: ROOT,
    entryPoints: { 'function-host': FUNCTION_HOST },
    outdir: 'dist',
    outExtension: { '.js': '.mjs' },
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    logLevel: 'warning'
  })
}

async function bundleReport () {
  const { build: bundle } = await import('esbuild')

  await Promise.all(REPORT.map(async ([outfile, entry]) => bundle({
    absWorkingDir: ROOT,
    entryPoints: [entry],
    outfile,
    bundle: true,
    minify: true,
    format: 'iife',
    // no charset is told to whoever reads it from a disk
    charset: 'ascii',
    target: ['chrome105', 'firefox121', 'safari16'],
    logLevel: 'warning'
  })))
}

async function bundleCommandLine () {
  const { build: bundle } = await import('esbuild')

  const { metafile } = await bundle({
    absWorkingDir: ROOT,
    entryPoints: ENTRIES,
    outdir: BUNDLE,
    bundle: true,
    // what a command does not need it does not read
    splitting: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    // they bring native files; and what draws pictures, which is much and used by one command
    external: ['koffi', 'classic-level', '@resvg/resvg-js', 'fontkit', 'pdfkit', 'svg-to-pdfkit', 'vega'],
    // some packages are CommonJS and ask for modules of Node.js
    banner: { js: "import { createRequire as createRequireOfBundle } from 'node:module'; const require = createRequireOfBundle(import.meta.url);" },
    metafile: true,
    logLevel: 'warning'
  })

  const made = new Set(Object.keys(metafile.outputs).map(path => join(ROOT, path)))

  for (const file of walk(BUNDLE)) {
    if (!made.has(file)) {
      rmSync(file)
    }
  }
}

/** Takes seconds: only when something it is made of has changed. */
async function buildDashboard () {
  const stamp = join(ROOT, 'dist', '.dashboard-built')
  const fingerprint = sourceFingerprint(ROOT, DASHBOARD_INPUTS)

  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === fingerprint && existsSync(DASHBOARD_BUILT)) {
    return
  }

  rmSync(stamp, { force: true })

  const compiled = await run(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', DASHBOARD, '--pretty', 'false'], { quiet: true })

  if (compiled.code !== 0) {
    throw new Error(`the dashboard does not compile\n${compiled.output}`)
  }

  const { build: bundle } = await import('vite')

  await bundle({ root: join(ROOT, DASHBOARD), logLevel: 'warn' })
  writeFileSync(stamp, fingerprint)
}

/** What was compiled from a file that is no more would still be found by an import. */
function removeOrphans () {
  for (const file of walk(join(ROOT, 'dist')).filter(file => ![BUNDLE, DASHBOARD_BUILT].some(folder => file.startsWith(`${folder}/`)))) {
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
