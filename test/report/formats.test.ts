import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { renderCsv } from '../../src/report/csv.ts'
import { exitCodeOf } from '../../src/report/exit-code.ts'
import { renderJson } from '../../src/report/json.ts'
import { renderMarkdown } from '../../src/report/markdown.ts'
import { renderNdjson } from '../../src/report/ndjson.ts'
import { DEFAULT_LIMITS } from '../../src/model/limits.ts'
import { around, finished, LAB } from './fixtures.ts'
import type { FinishedJob } from '../../src/model/finished.ts'
import type { Records } from '../../src/report/records.ts'

const parse = (job: FinishedJob): Records & { job: Record<string, unknown> } => JSON.parse(renderJson(job))

const lost = { name: 'lab-09', cpu: 'AMD EPYC', runs: [], worker: { state: 'lost' as const, reason: 'silent for 25 s', result: undefined } }
const crashed = { name: 'lab-04', cpu: 'AMD EPYC', runs: [[5, 6]], exit: { kind: 'signal' as const, signal: 'SIGSEGV' }, worker: { state: 'failed' as const } }

describe('JSON', () => {
  it("has hyperfine's fields with hyperfine's types and in its order", () => {
    const [result] = parse(finished([{ name: 'a', cpu: 'AMD EPYC', runs: [[40, 42, 44]] }])).results

    expect(Object.keys(result ?? {}).slice(0, 10)).toEqual([
      'command', 'mean', 'stddev', 'median', 'user', 'system', 'min', 'max', 'times', 'memory_usage_byte'
    ])
    expect(result).toMatchObject({
      command: 'primes 200000',
      mean: 0.042,
      stddev: 0.002,
      median: 0.042,
      user: 0.0417,
      system: 0.0001,
      min: 0.04,
      max: 0.044,
      times: [0.04, 0.042, 0.044],
      memory_usage_byte: [2_202_010],
      exit_codes: [0, 0, 0]
    })
    expect(result).not.toHaveProperty('parameters')
    expect(result).not.toHaveProperty('median_interval')
  })

  it("keeps to hyperfine's types whatever was measured", () => {
    const times = fc.array(fc.double({ min: 0.001, max: 1e7, noNaN: true }), { minLength: 1, maxLength: 30 })

    fc.assert(fc.property(fc.array(times, { minLength: 1, maxLength: 4 }), fc.option(fc.dictionary(fc.stringMatching(/^[a-z]{1,5}$/), fc.string())), (runs, parameters) => {
      const { results } = parse(finished(runs.map((each, i) => ({ name: `w${i}`, cpu: 'x', runs: [each] })), { commands: [{ argv: ['a'], program: { kind: 'name', name: 'a' }, ...(parameters == null ? {} : { parameters }) }] }))

      expect(results).toHaveLength(runs.length)

      for (const [i, result] of results.entries()) {
        const each = runs[i] ?? []

        for (const key of ['mean', 'median', 'user', 'system', 'min', 'max'] as const) {
          expect(Number.isFinite(result[key])).toBe(true)
        }

        expect(typeof result.command).toBe('string')
        expect(result.stddev === null).toBe(each.length === 1)
        expect(result.times).toEqual(each.map(ms => Math.round(ms * 1e6) / 1e9))
        expect(result.exit_codes).toEqual(each.map(() => 0))
        expect(result.memory_usage_byte?.every(Number.isSafeInteger)).toBe(true)
        expect(Object.values(result.parameters ?? {}).every(value => typeof value === 'string')).toBe(true)
        expect(Math.min(...result.times) === result.min && Math.max(...result.times) === result.max).toBe(true)
        expect(result.min <= result.median && result.median <= result.max).toBe(true)
      }
    }))
  })

  it('has no standard deviation for one run', () => {
    expect(parse(finished([{ name: 'a', cpu: 'AMD EPYC', runs: [[40]] }])).results[0]?.stddev).toBeNull()
  })

  it('tells several workers apart by command and parameter', () => {
    const { results } = parse(finished(LAB))

    expect(results.map(({ command, parameters }) => [command, parameters])).toEqual([
      ['primes 200000 [lab-01]', { worker: 'lab-01' }],
      ['primes 200000 [lab-03]', { worker: 'lab-03' }],
      ['primes 200000 [pi-kitchen]', { worker: 'pi-kitchen' }]
    ])
    expect(results[2]).toMatchObject({
      worker: { name: 'pi-kitchen', peerId: '12D3KooW-pi-kitchen', platform: 'linux', arch: 'arm64', cpu: 'Cortex-A76' },
      noise: { grade: 'C', reasons: ['other processes used 22 % of its cores while measuring'] }
    })
    expect(results[2]?.cpu_times).toHaveLength(44)
    expect(results[2]?.median_interval?.map(value => value.toFixed(4))).toEqual(['0.1686', '0.1744'])
  })

  it('lists what did not end well apart, with its raw samples', () => {
    const { results, failures } = parse(finished([...LAB, lost, crashed]))

    expect(results).toHaveLength(3)
    expect(failures).toEqual([
      {
        command: 'primes 200000',
        state: 'lost',
        reason: 'silent for 25 s',
        worker: { name: 'lab-09', peerId: '12D3KooW-lab-09', platform: 'linux', arch: 'x64', cpu: 'AMD EPYC' },
        times: [],
        cpu_times: [],
        exit_codes: [],
        limits: []
      },
      expect.objectContaining({ state: 'failed', reason: 'killed by SIGSEGV in 2 of 2 runs', times: [0.005, 0.006], exit_codes: [null, null] })
    ])
  })

  it('keeps the figures of a worker on which only a line after the runs failed, and says so', () => {
    const ended = { state: 'failed' as const, reason: 'its cleanup command: exit code 127' }
    const job = finished([{ name: 'a', cpu: 'x', runs: [[1, 2]], worker: ended }, LAB[0]!])
    const { results, failures } = parse(job)

    expect(failures).toEqual([])
    expect(results.map(result => result.ended)).toEqual([ended, undefined])
    expect(renderCsv(job).split('\n')[1]).toContain(',failed,its cleanup command: exit code 127,2,')
  })

  it('has the memory of each run where it is known, and under which protections and limits they ran', () => {
    const conditions = { sandbox: { uidMode: 'two-uids' } as never, limits: { ...DEFAULT_LIMITS, memoryBytes: 2 ** 30 } }
    const known = finished([{ name: 'a', cpu: 'x', runs: [[1, 2]], result: conditions }, lost])
    known.workers[0]!.result!.commands[0]!.samples.forEach((sample, run) => { sample.memoryBytes = 1_000 + run })
    const { results, failures } = parse(known)

    expect(results[0]).toMatchObject({ memory_usage_byte: [1_000, 1_001], sandbox: { uidMode: 'two-uids' }, allowed: { memoryBytes: 2 ** 30 } })
    expect(failures[0]).not.toHaveProperty('allowed')
    expect(renderCsv(known).split('\n')[1]).toContain(',1001,')
  })

  it('has what was measured of each run, and what was found in all of them', () => {
    const job = finished([{ name: 'a', cpu: 'x', runs: [around(50, 50, 21)], result: { quietWaitMs: 1_200, cores: [2, 3] } }])

    job.workers[0]?.result?.commands[0]?.samples.forEach((sample, run) => {
      Object.assign(sample, { minorFaults: run, majorFaults: 1, voluntarySwitches: 2, involuntarySwitches: 3, counters: { instructions: run, ...(run === 0 ? {} : { cycles: 5 }) } })
    })

    const [result] = parse(job).results
    const runs = Array.from({ length: 21 }, (_, run) => run)

    expect(result).toMatchObject({
      p5: 0.005,
      p95: 0.095,
      page_faults: { minor: runs, major: runs.map(() => 1) },
      context_switches: { voluntary: runs.map(() => 2), involuntary: runs.map(() => 3) },
      counters: { instructions: runs, cycles: runs.map(run => run === 0 ? null : 5) },
      quiet_wait: 1.2,
      cores: [2, 3],
      outliers: 0,
      autocorrelation: expect.closeTo(-0.9, 0)
    })
    expect(parse(finished([{ name: 'a', cpu: 'x', runs: [[1, 2, 3, 4, 5, 6]] }])).results[0]?.drift).toEqual({ rho: 1, p: 0, change: 5 / 3.5 })
    expect(parse(finished([{ name: 'a', cpu: 'x', runs: [[1, 2, 3, 4, 5]] }])).results[0]).not.toHaveProperty('drift')
    expect(result?.user_times?.[1]).toBe((100e6 - 300_000) / 1e9)
    expect(result?.system_times).toEqual(runs.map(() => 0.0001))
    expect(parse(finished([{ name: 'a', cpu: 'x', runs: [around(50, 50, 19)], result: { noCounters: 'a virtual machine' } }])).results[0]).not.toHaveProperty('p5')
  })

  it('says why there are no counters', () => {
    const [result] = parse(finished([{ name: 'a', cpu: 'x', runs: [[1]], result: { noCounters: 'a virtual machine' } }])).results

    expect(result).toMatchObject({ no_counters: 'a virtual machine' })
    expect(result).not.toHaveProperty('counters')
  })

  it("has the parameters of the command, and the worker's name among them when there are several", () => {
    const commands = [{ argv: ['make'], program: { kind: 'name' as const, name: 'make' }, parameters: { size: '3' } }]
    const twice = { ...commands[0]!, parameters: { worker: 'mine' } }

    expect(parse(finished([{ name: 'a', cpu: 'x', runs: [[1]] }], { commands })).results[0]?.parameters).toEqual({ size: '3' })
    expect(parse(finished([{ name: 'a', cpu: 'x', runs: [[1]] }, lost], { commands })).results[0]?.parameters).toEqual({ size: '3', worker: 'a' })
    expect(parse(finished([{ name: 'a', cpu: 'x', runs: [[1]] }, lost], { commands })).failures[0]?.parameters).toEqual({ size: '3' })
    expect(parse(finished([{ name: 'a', cpu: 'x', runs: [[1]] }, lost], { commands: [twice] })).results[0]?.parameters).toEqual({ worker: 'mine' })
  })

  it('says which job it is, and ends in a newline', () => {
    expect(parse(finished(LAB, { name: 'nightly' }, { startSkewNs: 400_000 })).job)
      .toEqual({ id: '01HF7Z00000000000Q7X2M9KA7', name: 'nightly', submitted: '2026-01-02T03:04:05.000Z', start_skew: 0.0004 })
    expect(renderJson(finished(LAB))).toMatch(/^\{\n {2}"results"[^]*\}\n$/)
  })

  it('keeps any name as it is and still prints no control character', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 20 }), name => {
      const text = renderJson(finished([{ name, cpu: 'x', runs: [[1]] }]))

      // eslint-disable-next-line no-control-regex
      expect(text.replaceAll('\n', '')).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e]/)
      expect((JSON.parse(text) as Records).results[0]?.worker.name).toBe(name)
    }))
  })

  it('has every command of every worker in exactly one of its lists', () => {
    fc.assert(fc.property(
      fc.array(fc.tuple(fc.constantFrom('done', 'failed', 'limit', 'not-run', 'cancelled', 'interrupted', 'lost', 'running'), fc.nat(3), fc.nat(2)), { maxLength: 8 }),
      fc.integer({ min: 1, max: 3 }),
      (workers, commands) => {
        const job = finished(workers.map(([state, runs, code], i) => ({
          name: `w${i}`, cpu: 'x', runs: [Array.from({ length: runs }, () => 1)], exit: { kind: 'code', code }, worker: { state }
        })), { commands: Array.from({ length: commands }, (_, i) => ({ argv: [`c${i}`], program: { kind: 'name', name: 'c' } })) })
        const { results, failures } = parse(job)

        expect(results.length + failures.length).toBe(workers.length * commands)
        expect(results.every(({ times, exit_codes: codes }) => times.length > 0 && codes.every(code => code === 0))).toBe(true)

        if (exitCodeOf(job) === 0 && commands === 1) {
          expect(failures.filter(({ reason }) => reason !== 'its result has no measurements')).toEqual([])
        }
      }
    ))
  })
})

describe('lines of JSON', () => {
  it('are one for each result and one for each failure', () => {
    const lines = renderNdjson(finished([...LAB, lost])).split('\n')

    expect(lines.pop()).toBe('')
    expect(lines.map(line => JSON.parse(line)).map(({ worker, state, job }) => [worker.name, state, job])).toEqual([
      ['lab-01', 'done', '01HF7Z00000000000Q7X2M9KA7'],
      ['lab-03', 'done', '01HF7Z00000000000Q7X2M9KA7'],
      ['pi-kitchen', 'done', '01HF7Z00000000000Q7X2M9KA7'],
      ['lab-09', 'lost', '01HF7Z00000000000Q7X2M9KA7']
    ])
  })
})

describe('CSV', () => {
  const table = (text: string): Array<Record<string, string>> => {
    const [header = [], ...rows] = text.trimEnd().split('\n').map(line => line.split(','))

    return rows.map(row => {
      expect(row).toHaveLength(header.length)

      return Object.fromEntries(header.map((name, i) => [name, row[i] ?? '']))
    })
  }

  it("begins with hyperfine's columns and has a row for everything", () => {
    const text = renderCsv(finished([{ name: 'lab-01', cpu: 'AMD EPYC', runs: [[40, 42, 44]], result: { quietWaitMs: 1_200, cores: [2, 3] } }, lost]))

    expect(text.split('\n')[0]).toMatch(/^command,mean,stddev,median,user,system,min,max,parameter_worker,worker,peer_id,platform,arch,cpu,state,reason,runs,median_low,median_high,cpu_median,memory_bytes,noise,/)
    expect(text.split('\n').slice(1).map(line => line.split(',').slice(0, 22).join(','))).toEqual([
      'primes 200000 [lab-01],0.042,0.002,0.042,0.0417,0.0001,0.04,0.044,lab-01,lab-01,12D3KooW-lab-01,linux,x64,AMD EPYC,done,,3,,,0.0418,2202010,A',
      'primes 200000,,,,,,,,lab-09,lab-09,12D3KooW-lab-09,linux,x64,AMD EPYC,lost,silent for 25 s,0,,,,,',
      ''
    ])
    expect(table(text)[0]).toMatchObject({ mad: '0.002', p5: '', p95: '', minor_faults: '100', major_faults: '0', voluntary_switches: '1', involuntary_switches: '0', instructions: '', outliers: '0', drift_rho: '', drift_p: '', autocorrelation: '', quiet_wait: '1.2', cores: '2 3' })
    expect(table(text)[1]).toMatchObject({ mad: '', minor_faults: '' })
  })

  it('has a column for each parameter, as hyperfine names it', () => {
    const commands = ['1', '2'].map(size => ({ argv: ['make', size], program: { kind: 'name' as const, name: 'make' }, parameters: { size, opt: '=x' } }))
    const one = table(renderCsv(finished([{ name: 'a', cpu: 'x', runs: [[1], [2]] }], { commands })))
    const two = table(renderCsv(finished([{ name: 'a', cpu: 'x', runs: [[1], [2]] }, lost], { commands })))

    expect(one.map(({ command, parameter_size: size, parameter_opt: opt }) => [command, size, opt])).toEqual([['make 1', '1', "'=x"], ['make 2', '2', "'=x"]])
    expect(one[0]).not.toHaveProperty('parameter_worker')
    expect(two.map(({ parameter_worker: name, parameter_size: size }) => [name, size])).toEqual([['a', '1'], ['a', '2'], ['lab-09', '1'], ['lab-09', '2']])
  })

  it('has the medians of counters that every run has, and percentiles from twenty runs on', () => {
    const job = finished([{ name: 'a', cpu: 'x', runs: [around(50, 50, 21)] }])

    job.workers[0]?.result?.commands[0]?.samples.forEach((sample, run) => { sample.counters = { instructions: 1_000 + run, ...(run > 0 ? { cycles: 1 } : {}) } })
    expect(table(renderCsv(job))[0]).toMatchObject({ instructions: '1010', cycles: '', p5: '0.005', p95: '0.095' })
  })

  it('quotes commas and quotes, and gives a spreadsheet no formula', () => {
    const text = renderCsv(finished([{ name: '=cmd()', cpu: 'a "b", c', runs: [[1]] }]))

    expect(text).toContain(",'=cmd(),12D3KooW")
    expect(text).toContain(',"a ""b"", c",')
    expect(text.split('\n')[0]).not.toContain('parameter_worker')
  })
})

describe('Markdown', () => {
  it('is a table with its notes', () => {
    expect(renderMarkdown(finished([...LAB.slice(2), lost]))).toBe([
      '| Command | Worker | CPU | Runs | Median ± 95 % | Min | CPU time | Memory | Noise | Relative |',
      '|:---|:---|:---|---:|---:|---:|---:|---:|:---|---:|',
      '| `primes 200000` | pi-kitchen | Cortex-A76 | 44 | 171.5 ms ± 2.9 | 162.0 ms | 171.3 ms | 1.9 MB | C |  |',
      '| `primes 200000` | lab-09 | EPYC |  | lost: silent for 25 s |  |  |  |  |  |',
      '',
      'output: same in all 44 runs',
      'noise: other processes used 22 % of its cores while measuring',
      ''
    ].join('\n'))
  })

  it('lets no name become markup', () => {
    const text = renderMarkdown(finished([{ name: '<img src=x>|`**', cpu: 'x', runs: [[1]] }], { commands: [{ argv: ['a|b`c'], program: { kind: 'name', name: 'a' } }] }))

    expect(text).toContain('| \\<img src=x\\>\\|\\`\\*\\* |')
    expect(text).toContain("| `'a\\|b'c'` |")
  })
})

describe('the exit code of run', () => {
  it('is 0 when every target did what was asked', () => {
    expect(exitCodeOf(finished(LAB))).toBe(0)
  })

  it('is 1 when one failed, was lost, or was never there', () => {
    expect(exitCodeOf(finished([...LAB, lost]))).toBe(1)
    expect(exitCodeOf(finished([...LAB, crashed]))).toBe(1)
    expect(exitCodeOf(finished([]))).toBe(1)
  })

  it('is 1 for a failed run whatever the state says', () => {
    expect(exitCodeOf(finished([{ name: 'a', cpu: 'x', runs: [around(1, 0.1, 4)], exit: { kind: 'code', code: 1 } }]))).toBe(1)
  })
})
