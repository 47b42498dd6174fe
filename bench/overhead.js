/**
 * Does a program take as long under Meshmark as under hyperfine?
 *
 *   npm run bench -- overhead [--rounds N] [--runs N] [--only NAME,NAME]
 *
 * Rounds. In each, and in random order: every program is measured by Meshmark
 * (a worker on this machine, through the command line), by hyperfine -N, and
 * once more by hyperfine, which is the control: what two sessions of one tool
 * differ by, no figure here can be finer than. Same environment, working
 * folder on a tmpfs whose files are made anew before each run (a fresh file is
 * not in the processor's cache), stdin from /dev/null, output to a file.
 *
 * A round gives one ratio of medians. Printed: the median of the rounds'
 * ratios with its 95 % interval from order statistics (six rounds at least),
 * for wall and for CPU time. On a busy machine the wall times of both tools
 * scatter; CPU time and the fastest run of all rounds then say more.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { fail, ROOT, say } from '../scripts/lib/process.js'
import { hyperfine, hyperfineVersion } from './lib/hyperfine.js'
import { LocalMesh } from './lib/local-mesh.js'
import { load, machine, save, table } from './lib/record.js'
import { PROGRAM_NAMES, prepare } from './lib/workload.js'

/** What --quick stands for: a look, with wide intervals. */
export const QUICK = ['--rounds', '4', '--runs', '10']

/** What the claim allows. */
const MARGIN = 0.03

/** As in a box; see baseEnvironment of the runner. */
const ENV = { PATH: '/usr/local/bin:/usr/bin:/bin', HOME: '/tmp', TMPDIR: '/tmp', LANG: 'C.UTF-8', USER: 'box', LOGNAME: 'box' }

const OPTIONS = {
  rounds: { type: 'string', default: '12' },
  runs: { type: 'string', default: '15' },
  only: { type: 'string', default: PROGRAM_NAMES.join(',') }
}

/** @param {AbortSignal} interruption after which everything is taken down */
export async function bench (args, interruption) {
  const { rounds, runs, names } = parse(args)
  const version = hyperfineVersion()
  const folder = mkdtempSync(join(tmpfs(), 'meshmark-bench-'))
  let mesh

  try {
    const programs = prepare(folder, names).filter(({ name, missing }) => {
      if (missing != null) {
        say(`bench: ${name} is left out: ${missing}`)
      }

      return missing == null
    })

    mesh = await LocalMesh.start()

    const began = load()
    const measured = await measure({ mesh, programs, rounds, runs, folder, interruption })
    const result = { bench: 'overhead', machine: machine(), hyperfine: version, rounds, runs, load: [began, load()], programs: await summarise(programs, measured) }

    process.stdout.write(`${describe(result)}\n`)
    save('overhead', result)
  } finally {
    await mesh?.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

async function measure ({ mesh, programs, rounds, runs, folder, interruption }) {
  const measured = []
  const tools = {
    meshmark: async ({ words, files = [] }) => {
      const [result] = await mesh.measure(['--runs', String(runs), '--warmup', '1', ...files.flatMap(file => ['--with', file]), '--', ...words], folder)

      return { ...result, cpu: mean(result.cpu_times) }
    },
    hyperfine: async program => session(program),
    control: async program => session(program)
  }

  const session = async ({ words, files }) => {
    const result = await hyperfine({ words, files, runs, warmup: 1, folder, env: ENV })

    return { ...result, cpu: result.user + result.system }
  }

  for (let round = 1; round <= rounds; round++) {
    for (const program of shuffled(programs)) {
      for (const tool of shuffled(Object.keys(tools))) {
        interruption.throwIfAborted()

        const { median, min, times, cpu } = await tools[tool](program)

        measured.push({ round, program: program.name, tool, load: load(), median, min, cpu, times })
      }
    }

    say(`bench: round ${round} of ${rounds}, load ${load()}`)
  }

  return measured
}

async function summarise (programs, measured) {
  return Promise.all(programs.map(async ({ name, words }) => {
    const of = tool => measured.filter(cell => cell.program === name && cell.tool === tool)
    const ratio = async (key, above, below) => {
      const reference = of(below)

      return medianRatio(of(above).map((cell, index) => cell[key] / reference[index][key]))
    }

    return {
      name,
      words,
      hyperfine: medianOf(of('hyperfine'), 'median'),
      meshmark: medianOf(of('meshmark'), 'median'),
      ratio: await ratio('median', 'meshmark', 'hyperfine'),
      control: await ratio('median', 'control', 'hyperfine'),
      fastest: leastOf(of('meshmark')) / leastOf(of('hyperfine')),
      fastestControl: leastOf(of('control')) / leastOf(of('hyperfine')),
      cpuRatio: await ratio('cpu', 'meshmark', 'hyperfine'),
      cpuControl: await ratio('cpu', 'control', 'hyperfine'),
      cells: measured.filter(cell => cell.program === name)
    }
  }))
}

/** Of ratios: their median and, from six on, its interval; on the scale of logarithms, where up and down weigh alike. */
async function medianRatio (ratios) {
  const { medianInterval } = await import(join(ROOT, 'dist/stats/median-interval.js'))
  const logs = ratios.map(Math.log)
  const interval = medianInterval(logs)

  return interval == null
    ? { ratio: Math.exp(middle(logs)) }
    : { ratio: Math.exp(interval.median), low: Math.exp(interval.low), high: Math.exp(interval.high) }
}

function describe ({ programs, rounds, runs, load, machine, hyperfine }) {
  const rows = programs.map(({ name, hyperfine, meshmark, ratio, control, cpuRatio, fastest }) =>
    [name, ms(hyperfine), ms(meshmark), show(ratio), show(control), show(cpuRatio), fastest.toFixed(3), judge(ratio)])

  return [
    `${machine.cpu}, ${machine.cores} cores${machine.virtual ? ', virtual' : ''}, load ${load[0]} to ${load[1]}; hyperfine ${hyperfine}; ${rounds} rounds of ${runs} runs`,
    '',
    table([['program', 'hyperfine', 'meshmark', 'ratio, 95 %', 'hyperfine again', 'CPU time', 'fastest run', `within ${MARGIN * 100} %`], ...rows])
  ].join('\n')
}

function judge ({ low, high }) {
  if (low == null) {
    return 'too few rounds'
  }

  return low > 1 - MARGIN && high < 1 + MARGIN ? 'yes' : low < 1 + MARGIN && high > 1 - MARGIN ? 'overlaps' : 'NO'
}

function show ({ ratio, low, high }) {
  return low == null ? ratio.toFixed(3) : `${ratio.toFixed(3)} [${low.toFixed(3)}, ${high.toFixed(3)}]`
}

function ms (seconds) {
  return `${(seconds * 1000).toFixed(seconds < 0.01 ? 3 : 1)} ms`
}

function parse (args) {
  const { values } = parseArgs({ args, options: OPTIONS })
  const [rounds, runs] = ['rounds', 'runs'].map(name => {
    const value = Number(values[name])

    return Number.isInteger(value) && value > 0 ? value : fail(`bench: --${name} '${values[name]}' is not a number of ${name}`)
  })
  const names = values.only.split(',')
  const unknown = names.find(name => !PROGRAM_NAMES.includes(name))

  return unknown == null ? { rounds, runs, names } : fail(`bench: there is no program '${unknown}': ${PROGRAM_NAMES.join(', ')}`)
}

/** A folder whose files are memory, as those of a box are. */
function tmpfs () {
  return process.platform === 'linux' ? '/dev/shm' : tmpdir()
}

function medianOf (cells, key) {
  return middle(cells.map(cell => cell[key]))
}

function leastOf (cells) {
  return Math.min(...cells.map(({ min }) => min))
}

function middle (values) {
  const sorted = [...values].sort((a, b) => a - b)
  const half = sorted.length / 2

  return (sorted[Math.ceil(half) - 1] + sorted[Math.floor(half)]) / 2
}

function mean (values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

function shuffled (items) {
  return items.map(item => [Math.random(), item]).sort(([a], [b]) => a - b).map(([, item]) => item)
}
