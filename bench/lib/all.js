import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT, say } from '../../scripts/lib/process.js'
import { load, machine, save, table } from './record.js'

const RESULTS = join(ROOT, 'bench/results')

/** By which the parts of a list differ. */
const LABELS = ['name', 'what', 'program', 'rate', 'amount', 'workers']

/** The names under which benches keep the middle of an interval. */
const MIDDLES = ['median', 'ratio', 'estimate', 'mean']

/**
 * Every bench in a process of its own, in this order; what one does to its
 * process does not touch the next, and one that fails does not end the others.
 *
 * @param options for each of them
 * @param {AbortSignal} interruption after which the one that runs is ended
 */
export async function benchAll (names, options, interruption) {
  const began = load()
  const benches = []

  for (const name of names) {
    if (interruption.aborted) {
      break
    }

    say(`bench: ${name}, ${benches.length + 1} of ${names.length}`)
    benches.push(await one(name, options, interruption))
  }

  const rows = benches.flatMap(({ name, ratios }) => ratios.map(ratio => ({ name, ...ratio })))

  process.stdout.write(`\n${table([['bench', 'what', 'ratio', '95 %', 'bound'], ...rows.map(({ name, what, value, low, high, bound }) => [name, what, figure(value), `${figure(low)} to ${figure(high)}`, bound])])}\n\n`)
  process.stdout.write(`${table([['bench', 'bounds', 'minutes'], ...benches.map(({ name, code, seconds }) => [name, code === 0 ? 'kept' : 'NOT KEPT', (seconds / 60).toFixed(1)])])}\n`)
  save('all', { bench: 'all', machine: machine(), load: [began, load()], options, benches })

  if (benches.some(({ code }) => code !== 0)) {
    process.exitCode = 1
  }

  // what was found until then is told all the same
  interruption.throwIfAborted()
}

async function one (name, options, interruption) {
  const before = new Set(filesOf(name))
  const from = performance.now()
  const child = spawn(process.execPath, [join(ROOT, 'bench/run.js'), name, ...options], { stdio: 'inherit' })
  const interrupt = () => { child.kill('SIGTERM') }

  interruption.addEventListener('abort', interrupt)

  try {
    const [code, signal] = await once(child, 'exit')
    const file = filesOf(name).filter(file => !before.has(file)).at(-1)

    return {
      name,
      code: code ?? `killed by ${signal}`,
      seconds: (performance.now() - from) / 1_000,
      ...(file == null ? { ratios: [] } : { file, ratios: ratiosIn(JSON.parse(readFileSync(join(RESULTS, file), 'utf8'))) })
    }
  } finally {
    interruption.removeEventListener('abort', interrupt)
  }
}

function filesOf (name) {
  return existsSync(RESULTS) ? readdirSync(RESULTS).filter(file => new RegExp(`^${name}-\\d{4}-\\d\\d-`).test(file)).sort() : []
}

/** Its `ratios`; of a result that names none, whatever has a middle and an interval, by the way to it. */
function ratiosIn (result) {
  return intervalsIn(result.ratios ?? result)
}

function intervalsIn (result, path = []) {
  if (result == null || typeof result !== 'object') {
    return []
  }

  if (Array.isArray(result)) {
    return result.flatMap((part, at) => intervalsIn(part, [...path, labelOf(part, at)]))
  }

  const middle = MIDDLES.find(name => typeof result[name] === 'number')

  return middle != null && typeof result.low === 'number' && typeof result.high === 'number'
    ? [{ what: path.join(', '), value: result[middle], low: result.low, high: result.high, bound: boundOf(result) }]
    // of a list its parts say what they are
    : Object.entries(result).flatMap(([name, value]) => intervalsIn(value, Array.isArray(value) ? path : [...path, name]))
}

/** What tells a part of a list from the others. */
function labelOf (part, at) {
  const words = LABELS.filter(name => ['string', 'number'].includes(typeof part?.[name])).map(name => name === 'name' ? part.name : `${name} ${part[name]}`)

  return words.length === 0 ? String(at + 1) : words.join(', ')
}

function boundOf ({ atLeast, atMost, bound = atMost }) {
  return atLeast != null ? `at least ${atLeast}` : bound != null ? `at most ${bound}` : ''
}

function figure (value) {
  return value.toPrecision(value >= 1_000 ? 4 : 3)
}
