import { describe, expect, it } from 'vitest'
import { renderFull } from '../../src/report/full.ts'
import { around, finished, LAB } from './fixtures.ts'
import type { FinishedJob } from '../../src/model/finished.ts'
import type { FullResults } from '../../src/report/full.ts'

const parse = (job: FinishedJob): FullResults => JSON.parse(renderFull(job))

describe('the complete JSON', () => {
  it('says what it is, and ends in a newline', () => {
    expect(renderFull(finished(LAB))).toMatch(/^\{"format":"meshmark-results","version":1,"job":\{[^\n]*\}\n$/)
  })

  it('has every sample as it was measured, nothing rounded', () => {
    const job = finished(LAB, {}, { startSkewNs: 400_123 })
    const sample = job.workers[1]!.result!.commands[0]!.samples[7]!

    Object.assign(sample, { wallNs: 41_234_567, counters: { instructions: 1_234_567_891 }, memoryBytes: 4_097, limit: 'wall', exit: { kind: 'signal', signal: 'SIGKILL' } })

    const full = parse(job)

    expect(full.startSkewNs).toBe(400_123)
    expect(full.workers.map(({ result }) => result?.commands[0]?.samples)).toEqual(job.workers.map(({ result }) => result?.commands[0]?.samples))
    expect(full.workers[1]?.result?.commands[0]?.samples[7]).toEqual(sample)
  })

  it('has each worker as it described itself, and its record with the figures of every command', () => {
    const job = finished(LAB, { commands: [{ argv: ['primes', '7'], program: { kind: 'name', name: 'primes' }, parameters: { n: '7' } }] })
    const result = { noise: { grade: 'B' as const, reasons: ['x'] }, environment: ['y'], cores: [1], quietWaitMs: 7, waitedMs: 8, noCounters: 'z', start: { simultaneous: true, skewNs: -3 } }

    Object.assign(job.workers[0]!.result!, result)

    const [worker] = parse(job).workers

    expect(worker?.info).toEqual(job.workers[0]!.info)
    expect(worker).toMatchObject({ state: 'done', result: { outcome: 'done', ...result } })
    expect(worker?.result?.commands[0]).toMatchObject({
      command: 0,
      title: 'primes 7',
      parameters: { n: '7' },
      memoryMethod: 'cgroup-v2-peak',
      output: { same: true },
      statistics: { runs: 101, median: 63e6, exits: [{ how: '0', runs: 101 }] }
    })
  })

  it('has the job as it was submitted, but of its environment only the names', () => {
    const { job } = finished(LAB, {
      name: 'nightly',
      env: { TOKEN: 'secret', LANG: 'C' },
      comparison: { metric: 'cpu', margin: 0.02, failIfUndecided: true },
      payload: { id: 'ab', files: [{ path: 'a', size: 3, executable: true }], chunkSize: 1, chunks: [new Uint8Array(32)] }
    })
    const full = parse({ job, workers: [] })

    expect(full.job).toEqual({
      ...job,
      commands: [{ title: 'primes 200000', ...job.commands[0] }],
      env: ['TOKEN', 'LANG'],
      payload: { id: 'ab', files: [{ path: 'a', size: 3, executable: true }] }
    })
    expect(JSON.stringify(full)).not.toContain('secret')
  })

  it('has the comparisons of its commands', () => {
    const commands = ['old', 'new'].map(name => ({ argv: [name], program: { kind: 'name' as const, name } }))
    const full = parse(finished([{ name: 'a', cpu: 'x', runs: [around(40, 1, 40), around(80, 2, 40)] }], { commands, comparison: { metric: 'wall', margin: 0.01, failIfUndecided: false } }))

    expect(full.comparisons).toMatchObject([{ reference: 'old', contender: 'new', workers: [{ worker: 'a', verdict: 'slower' }] }])
    expect(parse(finished(LAB))).not.toHaveProperty('comparisons')
  })

  it('has the targets that have no record, and no figures of commands without runs', () => {
    const full = parse(finished([
      { name: 'a', cpu: 'x', runs: [], worker: { state: 'lost', reason: 'silent for 25 s', result: undefined } },
      { name: 'b', cpu: 'x', runs: [[]], worker: { state: 'not-run' } },
      { name: 'c', cpu: 'x', runs: [around(1, 0.1, 3)], exit: { kind: 'code', code: 2 }, worker: { state: 'failed' } }
    ]))

    expect(full.workers.map(({ state, reason, result }) => [state, reason, result?.commands.length])).toEqual([['lost', 'silent for 25 s', undefined], ['not-run', undefined, 1], ['failed', undefined, 1]])
    expect(full.workers[1]?.result?.commands[0]).not.toHaveProperty('statistics')
    expect(full.workers[2]?.result?.commands[0]?.statistics).toMatchObject({ runs: 3, exits: [{ how: '2', runs: 3 }] })
  })
})
