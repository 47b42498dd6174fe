/**
 * Are the bills right? Programs that use what is known beforehand.
 *
 *   npm run bench -- answers [--rounds N]
 *
 * CPU time: an amount of at least 200 ms, used in 1, 2 and 4 threads, by an
 * orphan, and by a daemon whose parent ignores its children. Memory: at least
 * 64 MB, written to by one process and by ten. What the same program is billed
 * for nothing is subtracted, and the rest compared with what was asked for, by
 * the median of the rounds' quotients and its bootstrap interval. Amounts and
 * programs come in random order.
 *
 * Fails when an interval lies wholly more than 2 % beside the answer.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { fail, say } from '../scripts/lib/process.js'
import { bootstrapMedian, middle } from './lib/bootstrap.js'
import { compile } from './lib/contestants.js'
import { LocalMesh } from './lib/local-mesh.js'
import { load, machine, save, table } from './lib/record.js'

/** What --quick stands for: a look, with wide intervals. */
export const QUICK = ['--rounds', '5']

const TOLERANCE = 0.02

const MiB = 1024 * 1024

const cpu = (name, words) => ({ name, unit: 'ms', file: 'burn', words, amounts: [200, 400], of: result => middle(result.cpu_times) * 1000 })
const memory = (name, processes) => ({ name, unit: 'MB', file: 'touch-memory', words: [processes], amounts: [64, 256], of: result => middle(result.memory_usage_byte) / MiB, method: 'memory_method' })

const QUESTIONS = [
  ...[1, 2, 4].map(threads => cpu(`CPU time, ${threads} thread${threads === 1 ? '' : 's'}`, ['threads', threads])),
  cpu('CPU time, orphan', ['orphan']),
  cpu('CPU time, daemon', ['daemon']),
  memory('memory, 1 process', 1),
  memory('memory, 10 processes', 10)
]

/** @param {AbortSignal} interruption after which everything is taken down */
export async function bench (args, interruption) {
  const rounds = parse(args)
  const folder = mkdtempSync(join(tmpdir(), 'meshmark-bench-'))
  let mesh

  try {
    compile('burn', folder)
    compile('touch-memory', folder)
    mesh = await LocalMesh.start()

    const began = load()
    const answers = await ask({ mesh, rounds, folder, interruption })
    const result = { bench: 'answers', machine: machine(), rounds, load: [began, load()], answers: QUESTIONS.flatMap(question => summarise(question, answers)) }

    process.stdout.write(`${describe(result)}\n`)
    save('answers', result)

    if (result.answers.some(({ verdict }) => verdict === 'NO')) {
      process.exitCode = 1
    }
  } finally {
    await mesh?.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

async function ask ({ mesh, rounds, folder, interruption }) {
  const answers = []

  for (let round = 0; round < rounds; round++) {
    for (const question of shuffled(QUESTIONS)) {
      interruption.throwIfAborted()

      // One task with all amounts: interleaved as whatever is measured together.
      const amounts = shuffled([0, ...question.amounts])
      const results = await mesh.measure(['--runs', '3', ...amounts.flatMap(amount => ['--command', [`./${question.file}`, ...question.words, amount].join(' ')])], folder)
      const billed = amount => question.of(results[amounts.indexOf(amount)])

      for (const amount of question.amounts) {
        answers.push({ round, name: question.name, amount, billed: billed(amount), nothing: billed(0), method: results[0][question.method ?? 'cpu_method'] })
      }
    }

    say(`bench: round ${round + 1} of ${rounds}, load ${load()}`)
  }

  return answers
}

function summarise ({ name, unit, amounts }, answers) {
  return amounts.map(amount => {
    const own = answers.filter(answer => answer.name === name && answer.amount === amount)
    const quotient = bootstrapMedian(own.map(({ billed, nothing }) => (billed - nothing) / amount))
    const { low, high } = quotient

    return {
      name,
      amount,
      unit,
      method: own[0].method,
      quotient,
      nothing: middle(own.map(({ nothing }) => nothing)),
      verdict: low > 1 + TOLERANCE || high < 1 - TOLERANCE ? 'NO' : low >= 1 - TOLERANCE && high <= 1 + TOLERANCE ? 'yes' : 'overlaps',
      answers: own
    }
  })
}

function describe ({ answers, rounds, load, machine }) {
  return [
    `${machine.cpu}, ${machine.cores} cores${machine.virtual ? ', virtual' : ''}, load ${load[0]} to ${load[1]}; ${rounds} rounds`,
    '',
    table([
      ['what', 'asked for', 'for nothing', 'billed of it, 95 %', `within ${TOLERANCE * 100} %`, 'method'],
      ...answers.map(({ name, amount, unit, nothing, quotient: { median, low, high }, verdict, method }) =>
        [name, `${amount} ${unit}`, `${nothing.toFixed(2)} ${unit}`, `${median.toFixed(4)} [${low.toFixed(4)}, ${high.toFixed(4)}]`, verdict, method])
    ])
  ].join('\n')
}

function parse (args) {
  const { values } = parseArgs({ args, options: { rounds: { type: 'string', default: '30' } } })
  const rounds = Number(values.rounds)

  return Number.isInteger(rounds) && rounds > 1 ? rounds : fail(`bench: --rounds '${values.rounds}' is not a number of rounds, 2 at least`)
}

function shuffled (items) {
  return items.map(item => [Math.random(), item]).sort(([a], [b]) => a - b).map(([, item]) => item)
}
