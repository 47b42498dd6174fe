import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { renderTable } from '../../src/report/table.ts'
import { finished, LAB } from './fixtures.ts'
import type { FinishedJob } from '../../src/model/finished.ts'

function details (job: FinishedJob): string[] {
  const [short, long] = [false, true].map(asked => renderTable(job, { colour: false, width: 120, details: asked }))

  expect(long?.startsWith(short ?? '?')).toBe(true)

  return long?.slice(short?.length).split('\n') ?? []
}

describe('the details', () => {
  it('stand below the table, a block for each worker and command, the fastest first', () => {
    expect(details(finished(LAB)).filter(line => line.includes('·'))).toEqual([
      'lab-03 · primes 200000 · 96 runs', 'lab-01 · primes 200000 · 101 runs', 'pi-kitchen · primes 200000 · 44 runs'
    ])
  })

  it('have as many digits as the interval deserves', () => {
    const text = details(finished(LAB))

    expect(text.slice(0, 13)).toEqual([
      '',
      'lab-03 · primes 200000 · 96 runs',
      '  median           41.2 ms, 95 % 40.8 to 41.6 ms',
      '  mean             41.2 ms, standard deviation 1.2 ms, MAD 1.0 ms',
      '  range            39.2 to 43.2 ms, 5th to 95th percentile 39.4 to 43.0 ms',
      '  cpu time         41.0 ms, user 40.9 ms and system 0.1 ms on average',
      '  memory           2.1 MB',
      '  page faults      100 minor, 0 major',
      '  context switches 1 voluntary, 0 involuntary',
      '  outliers         none',
      '  drift            none beyond chance, rank correlation +0.02, p = 0.880',
      '  autocorrelation  -0.98 between neighbouring runs',
      '  exit codes       0'
    ])
    expect(text.slice(-4)).toEqual(['  exit codes       0', '  noise            C', '                   other processes used 22 % of its cores while measuring', ''])
  })

  it('have the outliers and how the times change', () => {
    const times = Array.from({ length: 30 }, (_, i) => i === 0 ? 900 : 100 + i)

    expect(details(finished([{ name: 'a', cpu: 'x', runs: [times] }]))).toEqual(expect.arrayContaining([
      '  outliers         1 of 30, kept, the first run among them',
      expect.stringMatching(/^ {2}drift {12}\+23\.9 % from the first run to the last, rank correlation \+0\.81, p < 0\.001$/)
    ]))
    expect(details(finished([{ name: 'a', cpu: 'x', runs: [[1, 2, 3, 4, 5]] }])).join('')).not.toMatch(/drift|autocorrelation/)
  })

  it('say of no drift that is but chance how large it were', () => {
    const wild = details(finished([{ name: 'a', cpu: 'x', runs: [[10, 4, 2.3, 2.5, 4.9, 2.2]] }])).join('\n')

    expect(wild).toMatch(/^ {2}drift {12}none beyond chance, rank correlation -0\.\d\d, p = 0\.\d{3}$/m)
  })

  it('of a few short runs leave out what these cannot tell', () => {
    expect(details(finished([{ name: 'a', cpu: 'x', runs: [[1.2345, 1.3, 1.29]] }])).slice(2, 6)).toEqual([
      '  median           1.29 ms, no interval below 6 runs',
      '  mean             1.27 ms, standard deviation 0.04 ms, MAD 0.01 ms',
      '  range            1.23 to 1.30 ms',
      '  cpu time         1.09 ms'
    ])
  })

  it('of a failure are what happened, and how its runs ended', () => {
    const job = finished([
      { name: 'a', cpu: 'x', runs: [[1, 2, 3]], worker: { state: 'failed' } },
      { name: 'b', cpu: 'x', runs: [], worker: { state: 'lost', reason: 'silent for 25 s', result: undefined } }
    ])

    job.workers[0]!.result!.commands[0]!.samples[1]!.exit = { kind: 'code', code: 3 }
    expect(details(job)).toEqual([
      '',
      'a · primes 200000 · 3 runs',
      '  result           failed: exited with 3 in 1 of 3 runs',
      '  exit codes       0 in 2 runs, 3 in 1 run',
      '',
      'b · primes 200000',
      '  result           lost: silent for 25 s',
      ''
    ])
  })

  it('have the counters, or why there are none, and what the worker said of itself', () => {
    const job = finished([{ name: 'a', cpu: 'x', runs: [[40]], result: { cores: [2, 3], quietWaitMs: 1_200, waitedMs: 3_000, environment: ['the frequency changes with the load'] } }])
    const info = job.workers[0]!.info

    info.floor = { minNs: 600_000, medianNs: 712_345 }
    job.workers[0]!.result!.commands[0]!.samples[0]!.counters = { instructions: 1_234_567_890, cycles: 999_999 }
    expect(details(job).slice(10)).toEqual([
      '  exit codes       0',
      '  counters         1.235 G instructions, 999999 cycles',
      '  noise            A',
      '  environment      the frequency changes with the load',
      '  bound to         processors 2, 3',
      '  waited           3 s for another worker of its machine, 1.2 s for a quiet machine',
      '  floor            712 µs to start a program that does nothing',
      ''
    ])
    expect(details(finished([{ name: 'a', cpu: 'x', runs: [[40]], result: { noCounters: 'this virtual machine has none' } }]))).toContain('  counters         not available: this virtual machine has none')
  })

  it('let nobody write to the terminal', () => {
    const hostile = fc.string({ unit: fc.oneof(fc.constantFrom('\u001b[2J', '\u009b31m', '\n', '\r', '\u202e'), fc.string({ minLength: 1, maxLength: 1 })), maxLength: 12 })

    fc.assert(fc.property(hostile, text => {
      const job = finished([{ name: text, cpu: text, runs: [[1, 2]], exit: { kind: 'signal', signal: text }, result: { noise: { grade: 'C', reasons: [text] }, environment: [text], noCounters: text } }], { ignoreFailure: { codes: [] } })

      // eslint-disable-next-line no-control-regex
      expect(details(job).join('')).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e]/)
    }))
  })
})
