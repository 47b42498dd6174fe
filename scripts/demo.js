#!/usr/bin/env node
/**
 * A mesh of real processes on this machine, two real programs measured on it,
 * a coordinator that is killed while a program runs, and nothing left behind.
 *
 *   npm run demo [-- --keep] [-- --runs N]
 */
import { execFileSync, fork } from 'node:child_process'
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { inPath } from './lib/packages.js'
import { ROOT, run, say } from './lib/process.js'
import { setup } from './setup.js'

const WORKERS = 3
const STOP_MS = 5_000

/** Of the program whose coordinator is killed. */
const LINES = 60

/** What is measured, and what it must print. */
const PROGRAMS = [
  { name: 'primes', argument: '2000000', expected: '148933 primes below 2000000\n' },
  { name: 'filesort', argument: '16', expected: '16 MB sorted, checksum 34054504\n' }
]

const { values: options } = parseArgs({ options: { keep: { type: 'boolean', default: false }, runs: { type: 'string', default: '10' } } })

await setup()

const folder = mkdtempSync(join(tmpdir(), 'meshmark-demo-'))
const data = join(folder, 'data')
const runtime = join(folder, 'runtime')
const env = { ...process.env, MESHMARK_DATA: data, XDG_RUNTIME_DIR: runtime }
const main = join(ROOT, 'dist/main.js')
const nodes = []
const stopping = new AbortController()
let interrupted = 0
let kept = false
let tell = () => {}
const interruption = new Promise(resolve => { tell = resolve })

delete env.MESHMARK_CONFIG

for (const [signal, code] of Object.entries({ SIGINT: 130, SIGTERM: 143, SIGHUP: 129 })) {
  process.on(signal, () => {
    interrupted ||= code
    stopping.abort()
    tell()
  })
}

try {
  // Workers of root give up its rights and must still reach their own folders.
  chmodSync(folder, 0o711)
  mkdirSync(data, { mode: 0o711 })
  mkdirSync(runtime, { mode: 0o700 })
  process.exitCode = await demo()

  if (options.keep && interrupted === 0) {
    kept = true
    await keep()
  }
} catch (err) {
  if (interrupted === 0) {
    say(`demo: ${err.message}`)
    process.exitCode = 1
  }
} finally {
  await stopAll()
  rmSync(folder, { recursive: true, force: true })

  if (interrupted !== 0 && !kept) {
    process.exitCode = interrupted
  }
}

async function demo () {
  const programs = PROGRAMS.map(program => ({ ...program, ...prepare(program.name) }))

  say(`demo: two masters and ${WORKERS} workers, each a process of its own on 127.0.0.1`)

  const { addresses: [master] } = await start(['master', '--listen', '127.0.0.1:0', '--no-mdns', '--name', 'master-1'])
  const { addresses: [second] } = await start(['master', '--listen', '127.0.0.1:0', '--no-mdns', '--peer', master, '--name', 'master-2'])

  await Promise.all(Array.from({ length: WORKERS }, (_, index) =>
    start(['worker', '--master', master, '--no-mdns', '--name', nameOf(index)])))
  say('demo: these workers share one machine, so they take turns: it measures one program at a time')

  let exitCode = 0

  for (const { file, how, name, argument, expected } of programs) {
    say(`\ndemo: ${name} ${argument} (${how}), ${options.runs} runs on each worker`)

    const { code } = await meshmark(['run', '--master', master, '--no-mdns', '--runs', options.runs, '--name', name, file, argument])
    const wrong = code === 0 ? await wrongOutput(master, name, expected) : []

    if (code !== 0 || wrong.length > 0) {
      say(`demo: ${code === 0 ? `${name} should print ${JSON.stringify(expected)}, but did not on ${wrong.join(', ')}` : `measuring ${name} failed`}`)
      exitCode = 1
    } else {
      say(`demo: every worker printed what it should: ${expected.trim()}`)
    }
  }

  return await failOver(`${master},${second}`) ? exitCode : 1
}

/** Kills the coordinator while a program runs: every line of it must come all the same, and come once. */
async function failOver (masters) {
  const lines = Array.from({ length: LINES }, (_, index) => `line ${index + 1}\n`)
  const script = `i=0; while [ $i -lt ${LINES} ]; do i=$((i + 1)); echo line $i; sleep 0.05; done`

  say('\ndemo: a program prints a line every 50 ms, and meanwhile the coordinator is killed (kill -9)')

  const job = meshmark(['exec', '--master', masters, '--no-mdns', '--quiet', '--', 'sh', '-c', script], { quiet: true })

  await new Promise(resolve => setTimeout(resolve, LINES * 25))

  const killed = await coordinator(masters)

  nodes.find(({ name }) => name === killed)?.child.kill('SIGKILL')

  const { code, output } = await job

  if (code !== 0 || output !== lines.join('')) {
    say(`demo: it exited with ${code}, and its lines are not all there once:\n${output}`)
    return false
  }

  say(`demo: ${killed} is dead, ${await coordinator(masters)} coordinates; every one of the ${LINES} lines came once`)

  return true
}

async function coordinator (masters) {
  const { output } = await meshmark(['nodes', '--master', masters, '--no-mdns', '--quiet', '--format', 'json'], { quiet: true })

  return JSON.parse(output).find(({ state }) => state === 'coordinator')?.name
}

/** The program compiled, where there is a compiler; else as a script for Node, which every worker has. */
function prepare (name) {
  const source = join(ROOT, 'examples', `${name}.c`)
  const compiler = ['cc', 'gcc', 'clang'].find(program => inPath(program, process.env.PATH ?? ''))

  if (compiler != null) {
    const file = join(folder, name)

    try {
      execFileSync(compiler, ['-O2', '-o', file, source], { stdio: 'pipe' })

      return { file: `./${name}`, how: `compiled by ${compiler}` }
    } catch (err) {
      say(`demo: ${compiler} could not compile ${source}: ${err.stderr ?? err.message}`)
    }
  }

  // A copy, so that the payload holds one file whatever the checkout looks like.
  copyFileSync(join(ROOT, 'examples', `${name}.js`), join(folder, `${name}.mjs`))

  return { file: `./${name}.mjs`, how: 'interpreted by Node.js' }
}

/** Names of the workers on which the program printed something else. */
async function wrongOutput (master, job, expected) {
  const { output } = await meshmark(['logs', '--master', master, '--no-mdns', '--stdout', job], { quiet: true })
  // Nothing, then the name and the output of each worker, in the order in which they measured.
  const [, ...parts] = output.split(/^==> (.*) <==\n/m)

  return Array.from({ length: WORKERS }, (_, index) => nameOf(index))
    .filter(worker => !parts.some((part, index) => index % 2 === 0 && part === worker && parts[index + 1] === expected))
}

function nameOf (index) {
  return `lab-0${index + 1}`
}

async function meshmark (args, { quiet = false } = {}) {
  // In a group of its own as well: on Ctrl-C it would offer to follow a job whose mesh is about to go.
  const outcome = await run(process.execPath, [main, ...args], { quiet, env, cwd: folder, detached: true, signal: stopping.signal, killSignal: 'SIGKILL' })

  if (interrupted !== 0) {
    throw new Error('interrupted')
  }

  return outcome
}

/** Starts a node and resolves with what it says when it is ready. */
async function start (args) {
  // In a group of its own, so that Ctrl-C reaches it only through this script, in order.
  const child = fork(main, args, { env, detached: true, stdio: ['ignore', 'ignore', 'pipe', 'ipc'] })
  const name = args.at(-1)
  let lines = ''
  const ended = new Promise(resolve => child.once('close', resolve))

  nodes.push({ name, child, ended })
  child.stderr.setEncoding('utf8').on('data', text => { lines += text })

  const ready = await Promise.race([
    new Promise(resolve => child.once('message', resolve)),
    ended.then(() => { throw new Error(`${name} ended by itself: ${lines.trim()}`) }),
    interruption.then(() => { throw new Error('interrupted') })
  ])

  if (/takes no work/.test(lines)) {
    throw new Error(lines.trim())
  }

  return ready
}

/** Workers first: what they hold is delivered while there is a master. */
async function stopAll () {
  const masters = nodes.filter(({ name }) => name.startsWith('master'))

  await Promise.all(nodes.filter(node => !masters.includes(node)).map(stop))
  await Promise.all(masters.map(stop))
}

async function stop ({ child, ended }) {
  const timers = [
    setTimeout(() => child.kill('SIGTERM'), STOP_MS),
    setTimeout(() => child.kill('SIGKILL'), 2 * STOP_MS)
  ]

  child.kill('SIGTERM')
  await ended
  timers.forEach(timer => clearTimeout(timer))
}

async function keep () {
  say(`
demo: the mesh stays until Ctrl-C here. In another terminal, in ${ROOT}:
  export MESHMARK_DATA=${data} XDG_RUNTIME_DIR=${runtime}
  node dist/main.js nodes
  node dist/main.js run -r 20 python3 -c 'print(sum(range(1000000)))'
  node dist/main.js exec uname -a
  node dist/main.js show @last --format markdown`)
  await interruption
}
