import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { renderCsv } from '../../src/report/csv.ts'
import { fullResults } from '../../src/report/full.ts'
import { renderJson } from '../../src/report/json.ts'
import { around } from './fixtures.ts'
import { compared } from './comparison-fixtures.ts'
import type { FinishedJob } from '../../src/model/finished.ts'

const document = readFileSync(new URL('../../docs/results.md', import.meta.url), 'utf8')
const words = new Set(document.match(/[A-Za-z_]\w*/g))

/** Five machines, a failure, and every optional key of the record of a worker. */
function everything (): FinishedJob {
  const slower = Array.from({ length: 5 }, (_, i) => ({ name: `w${i}`, slower: [1.1 + 0.01 * i], seed: i + 1 }))
  const job = compared([...slower, { name: 'bad', slower: [1], exit: { kind: 'code', code: 1 }, worker: { state: 'failed' } }], { failIfSlower: 0.05 }, { name: 'nightly' })
  const [first] = job.workers

  for (const command of job.job.commands) {
    command.parameters = { n: '7' }
  }

  Object.assign(job, { startSkewNs: 7 })
  Object.assign(first!.result!, { quietWaitMs: 1, cores: [1], noCounters: 'x', environment: ['x'], start: { simultaneous: true, skewNs: 1 } })
  Object.assign(first!.result!.commands[0]!, { reached: 0.1, program: { path: 'x', digest: 'y' } })

  for (const [run, sample] of first!.result!.commands[0]!.samples.entries()) {
    Object.assign(sample, { memoryBytes: 1, counters: { instructions: 1, cycles: 1, branchMisses: 1, cacheMisses: 1 }, wallNs: 1e6 * (around(40, 1, 40)[run] ?? 40) })
  }

  return job
}

/** Every key of every object in a value. */
function keysOf (value: unknown): string[] {
  return typeof value !== 'object' || value == null ? [] : [...(Array.isArray(value) ? [] : Object.keys(value)), ...Object.values(value).flatMap(keysOf)]
}

function unknown (keys: readonly string[]): string[] {
  return [...new Set(keys)].filter(key => !words.has(key))
}

describe('the document of results', () => {
  it('names every key of JSON', () => {
    const { results, failures, comparisons, job } = JSON.parse(renderJson(everything()))

    expect(results.length).toBeGreaterThan(5)
    expect(failures).toHaveLength(1)
    // What a sandbox and limits are made of is told elsewhere, and the names of parameters are the user's.
    expect(unknown(keysOf([results, failures, comparisons, job].map(part => JSON.parse(JSON.stringify(part, (key, value) => ['sandbox', 'allowed', 'parameters'].includes(key) ? 1 : value)))))).toEqual([])
  })

  it('names every column of CSV', () => {
    expect(unknown(renderCsv(everything()).split('\n')[0]!.split(',').filter(name => name !== 'parameter_n'))).toEqual([])
  })

  it('names every key of the complete JSON', () => {
    const { workers, job, ...rest } = fullResults(everything())
    const [first] = workers

    expect(unknown([
      ...Object.keys(rest), ...Object.keys(job), ...Object.keys(job.commands[0]!), ...Object.keys(first!), ...Object.keys(first!.result!),
      ...first!.result!.commands.flatMap(command => [...Object.keys(command), ...Object.keys(command.statistics!), ...Object.keys(command.samples[0]!)])
    ])).toEqual([])
  })
})
