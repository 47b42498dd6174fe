import fc from 'fast-check'
import stringWidth from 'fast-string-width'
import { describe, expect, it } from 'vitest'
import { renderTable } from '../../src/report/table.ts'
import { around, finished, LAB } from './fixtures.ts'
import type { FinishedJob } from '../../src/model/finished.ts'
import type { Command } from '../../src/model/job.ts'
import type { WorkerSketch } from './fixtures.ts'

const TWO: Command[] = [
  { argv: ['./old'], program: { kind: 'payload', path: 'old' } },
  { argv: ['./new', '--mode', 'very fast'], program: { kind: 'payload', path: 'new' } }
]

function screen (job: FinishedJob, width = 120, allRows = false): string {
  return renderTable(job, { colour: false, width, allRows })
}

function lines (...text: string[]): string {
  return text.map(line => `${line}\n`).join('')
}

describe('the screen of a job', () => {
  it('shows a few workers side by side, the fastest first', () => {
    expect(screen(finished(LAB, {}, { startSkewNs: 400_000 }))).toBe(lines(
      'primes 200000 · 3 of 3 workers · start skew 0.4 ms · job 7x2m9ka7',
      'worker      cpu             runs   median ± 95 %       min  cpu time  memory  noise  relative',
      'lab-03      Ryzen 9 7950X     96   41.2 ms ± 0.4   39.2 ms   41.0 ms  2.1 MB  A      1.00',
      'lab-01      Xeon Gold 6338   101   63.0 ms ± 0.6   60.0 ms   62.8 ms  2.1 MB  A      1.53 ± 0.02',
      'pi-kitchen  Cortex-A76        44  171.5 ms ± 2.9  162.0 ms  171.3 ms  1.9 MB  C (1)  4.16 ± 0.08',
      'output: same on all 3',
      '(1) other processes used 22 % of its cores while measuring'
    ))
  })

  it('gives every target a row, and the reason to those without figures', () => {
    const job = finished([
      ...LAB.slice(0, 1),
      { name: 'lab-02', cpu: 'AMD EPYC', runs: [], worker: { state: 'lost', reason: 'silent for 25 s', result: undefined } },
      { name: 'lab-04', cpu: 'AMD EPYC', runs: [[5, 5, 5]], exit: { kind: 'signal', signal: 'SIGSEGV' }, worker: { state: 'failed' } },
      { name: 'lab-05', cpu: 'AMD EPYC', runs: [[]], commands: [{ notRun: { code: 'not-found', message: 'primes is not installed on this worker' } }], worker: { state: 'not-run' } },
      { name: 'lab-06', cpu: 'AMD EPYC', runs: [], worker: { state: 'cancelled', result: undefined } },
      { name: 'lab-07', cpu: 'AMD EPYC', runs: [[1, 2]], worker: { state: 'interrupted', reason: 'its machine restarted' } }
    ])

    expect(screen(job)).toBe(lines(
      'primes 200000 · 1 of 6 workers · job 7x2m9ka7',
      'worker  cpu             runs  median ± 95 %      min  cpu time  memory  noise',
      'lab-01  Xeon Gold 6338   101  63.0 ms ± 0.6  60.0 ms   62.8 ms  2.1 MB  A',
      'lab-02  EPYC            lost: silent for 25 s',
      'lab-04  EPYC            failed: killed by SIGSEGV in 3 of 3 runs',
      'lab-05  EPYC            not run: primes is not installed on this worker',
      'lab-06  EPYC            cancelled',
      'lab-07  EPYC            interrupted: its machine restarted',
      'output: same in all 101 runs'
    ))
  })

  it('names the limit that ended a run', () => {
    const job = finished([{ name: 'a', cpu: 'AMD EPYC', runs: [[5]], worker: { state: 'limit' } }], {
      limits: { ...finished([]).job.limits, wallMs: 5_000 }
    })
    const [sample] = job.workers[0]?.result?.commands[0]?.samples ?? []

    if (sample == null) {
      throw new Error('no sample')
    }

    sample.limit = 'wall'
    sample.exit = { kind: 'signal', signal: 'SIGKILL' }
    expect(screen(job)).toContain('over a limit: stopped at the wall limit of 5 s\n')
  })

  it('keeps the commands of a worker together and compares them with each other', () => {
    const job = finished([
      { name: 'b', cpu: 'Cortex-A76', runs: [around(140, 1, 30), around(90, 10, 20)], exit: { kind: 'code', code: 3 }, worker: { state: 'failed' } },
      { name: 'a', cpu: 'AMD EPYC', runs: [around(40, 1, 30), around(30, 1, 20)] }
    ], { commands: TWO })

    expect(screen(job)).toBe(lines(
      '2 commands · 1 of 2 workers · job 7x2m9ka7',
      'worker  cpu         command                   runs  median ± 95 %      min  cpu time  memory  noise  relative',
      'a       EPYC        ./old                       30  40.0 ms ± 0.4  39.0 ms   39.8 ms  2.1 MB  A      1.33 ± 0.02',
      "                    ./new --mode 'very fast'    20  30.0 ms ± 0.5  29.0 ms   29.8 ms  2.1 MB  A      1.00",
      'b       Cortex-A76  ./old                     failed: exited with 3 in 30 of 30 runs',
      "                    ./new --mode 'very fast'    20      90 ms ± 5    80 ms     90 ms  2.1 MB  A",
      'output of ./old: same in all 30 runs',
      "output of ./new --mode 'very fast': same on both",
      'relative: to the fastest command on the same worker'
    ))
  })

  it('does not explain a column that is not there', () => {
    const one = finished([{ name: 'a', cpu: 'x', runs: [[1, 1], [1, 1]], exit: { kind: 'code', code: 1 }, worker: { state: 'failed' } }], { commands: TWO })

    expect(screen(one)).toContain('failed: exited with 1')
    expect(screen(one)).not.toContain('relative')
  })

  it('says of two runs that both printed the same', () => {
    expect(screen(finished([{ name: 'a', cpu: 'x', runs: [[1, 2]] }]))).toMatch(/^output: same in both runs$/m)
  })

  it('prints no interval below six runs and no relative column for one row', () => {
    expect(screen(finished([{ name: 'a', cpu: 'AMD EPYC', runs: [[1.2345, 1.3, 1.29]] }]))).toBe(lines(
      'primes 200000 · 1 of 1 worker · job 7x2m9ka7',
      'worker  cpu   runs  median ± 95 %      min  cpu time  memory  noise',
      'a       EPYC     3        1.29 ms  1.23 ms   1.09 ms  2.1 MB  A',
      'output: same in all 3 runs',
      'not converged: below 6 runs there is no interval; the time for it, 5 s, was over: --budget gives more'
    ))
  })

  it('gives each row its own unit when one for all would be unreadable', () => {
    const text = screen(finished([
      { name: 'quick', cpu: 'AMD EPYC', runs: [around(0.6, 0.1, 20)] },
      { name: 'slow', cpu: 'AMD EPYC', runs: [around(61_234, 500, 20)] }
    ]))

    expect(text).toContain('600 µs ± 47')
    expect(text).toContain('61.23 s ± 0.24')
  })

  it('shows the CPU time of a program that waits in a unit of its own', () => {
    const job = finished([{ name: 'a', cpu: 'AMD EPYC', runs: [around(1_000, 5, 20)] }])

    for (const sample of job.workers[0]?.result?.commands[0]?.samples ?? []) {
      sample.cpuNs = 1_234_567
    }

    expect(screen(job)).toMatch(/1\.0000 s ± 0\.0024 +0\.9950 s +1\.2 ms/)
  })

  it('marks what a reader must know, the same note once', () => {
    const caveat: Partial<WorkerSketch> = { worker: { simultaneous: false } }
    const text = screen(finished([
      {
        name: 'a',
        cpu: 'AMD EPYC',
        runs: [around(40, 9, 20)],
        commands: [{ reached: 0.1234, cpuMethod: 'rusage', memoryMethod: 'adopted-maxrss' }],
        ...caveat
      },
      { name: 'b', cpu: 'AMD EPYC', runs: [around(50, 1, 20)], ...caveat }
    ]))

    expect(text).toBe(lines(
      'primes 200000 · 2 of 2 workers · job 7x2m9ka7',
      'worker  cpu   runs  median ± 95 %      min   cpu time      memory  noise  relative',
      'a       EPYC    20  40 ms ± 4 (1)    31 ms  40 ms (2)  2.1 MB (3)  A      1.00',
      'b       EPYC    20  50.0 ms ± 0.5  49.0 ms    49.8 ms      2.1 MB  A      1.25 ± 0.15',
      'output: same on both',
      'not simultaneous: it was busy when the others started',
      '(1) not converged: ± 12 % reached, not ± 1 %; the time for it, 5 s, was over: --budget gives more',
      '(2) cpu time: only of processes that the program waited for',
      '(3) memory: of the largest process, not of all together'
    ))
  })

  it('says once, without marks, what holds for all', () => {
    const alike: Partial<WorkerSketch> = { cpu: 'AMD EPYC', commands: [{ cpuMethod: 'rusage' }], result: { noise: { grade: 'B', reasons: ['x', 'y'] }, sandbox: { caveats: ['no quota'] } as never } }
    const text = screen(finished([{ name: 'a', runs: [[1]], ...alike } as WorkerSketch, { name: 'b', runs: [[2]], ...alike } as WorkerSketch], { plan: { kind: 'fixed', runs: 1, warmup: 0 } }))

    expect(text).not.toMatch(/\(\d\)/)
    expect(text.split('\n').slice(-5)).toEqual(['output: same on both', 'sandbox: no quota', 'cpu time: only of processes that the program waited for', 'noise: x; y', ''])
  })

  it('says that workers of one machine took turns, and in which order', () => {
    const of = (name: string, waitedMs: number, machine = 'm'): WorkerSketch => {
      const sketch: WorkerSketch = { name, cpu: 'AMD EPYC', runs: [[1]], result: { waitedMs, finishedAt: waitedMs + 1 }, worker: { simultaneous: waitedMs === 0 } }
      const [made] = finished([sketch]).workers

      return { ...sketch, worker: { ...sketch.worker, info: { ...made!.info, resources: { ...made!.info.resources, machineId: machine } } } }
    }
    const text = screen(finished([of('c', 20), of('a', 0), of('b', 10), of('d', 0, 'other'), of('e', 30, 'third')]))

    expect(text).toContain('\nnot simultaneous: a, b, c share one machine and took turns\n')
    expect(text).toMatch(/^e \(1\)/m)
    expect(text).toContain('\n(1) not simultaneous: another worker of its machine was measuring\n')
    expect(text).not.toContain('(2)')
  })

  it('has no columns for figures when there are none', () => {
    const text = screen(finished(['a', 'b'].map(name => ({ name, cpu: 'AMD EPYC', runs: [[]], commands: [{ notRun: { code: 'not-found' as const, message: 'primes is not installed' } }], worker: { state: 'not-run' as const } }))))

    expect(text.split('\n').slice(1, -1)).toEqual([
      'worker  cpu   result',
      'a       EPYC  not run: primes is not installed',
      'b       EPYC  not run: primes is not installed'
    ])
  })

  it.each([
    [['x', 'x', 'x'], [], 'same on all 3'],
    [['x', 'x', 'y'], [], 'same on 2 of 3, different on c'],
    [['x', 'y', 'z'], [], 'different on all 3'],
    [['', '', ''], [], 'none on all 3'],
    [['x', 'x', 'x'], ['b'], 'same on 2 of 3; changes from run to run on b'],
    [['x', 'x', 'x'], ['a', 'b', 'c'], 'changes from run to run on all 3']
  ])('says of outputs %j, unsteady on %j: %s', (outputs, unsteady, fact) => {
    const job = finished(outputs.map((output, i) => ({ name: 'abc'[i] ?? '', cpu: 'AMD EPYC', runs: [[1, 2, 3]], output })))

    for (const worker of job.workers) {
      const output = worker.result?.commands[0]?.output

      if (output != null) {
        output.same = !unsteady.includes(worker.info.name)
      }
    }

    expect(screen(job)).toContain(`\noutput: ${fact}\n`)
  })
})

describe('more than twenty workers', () => {
  const many = (): FinishedJob => {
    const job = finished(Array.from({ length: 26 }, (_, i) => ({
      name: `n${i}`,
      cpu: i % 2 === 0 ? 'AMD EPYC 7763' : 'Cortex-A76',
      runs: [around(i === 24 ? 70 : i % 2 === 0 ? 40 : 90, 1, 30)],
      output: i === 9 ? 'other' : 'usual',
      result: i === 10 ? { noise: { grade: 'D' as const, reasons: ['it swapped while measuring'] } } : {}
    })))

    Object.assign(job.workers[3] ?? {}, { state: 'lost', reason: 'silent for 25 s', result: undefined })

    return job
  }

  it('are grouped by processor, and those that need a look are named', () => {
    expect(screen(many())).toBe(lines(
      'primes 200000 · 25 of 26 workers · job 7x2m9ka7',
      'cpu         workers   median            range  relative',
      'EPYC 7763        13  40.0 ms  40.0 to 70.0 ms  1.00',
      'Cortex-A76       12  90.0 ms  90.0 to 90.0 ms  2.25',
      '',
      'failed, noisy or unlike the others:',
      'worker  cpu         runs  median ± 95 %      min  cpu time  memory  noise  relative',
      'n10     EPYC 7763     30  40.0 ms ± 0.4  39.0 ms   39.8 ms  2.1 MB  D (1)  1.00 ± 0.01',
      'n24     EPYC 7763     30  70.0 ms ± 0.4  69.0 ms   69.8 ms  2.1 MB  A      1.75 ± 0.02',
      'n9      Cortex-A76    30  90.0 ms ± 0.4  89.0 ms   89.8 ms  2.1 MB  A      2.25 ± 0.02',
      'n3      Cortex-A76  lost: silent for 25 s',
      '',
      'grouped by processor: --all-rows shows every worker',
      'output: same on 24 of 25, different on n9',
      '(1) it swapped while measuring'
    ))
  })

  it('have a row each when all rows are asked for', () => {
    const text = screen(many(), 120, true)

    for (let i = 0; i < 26; i++) {
      expect(text).toMatch(new RegExp(`^n${i} `, 'm'))
    }
  })
})

describe('terminals', () => {
  it('get lines no wider than they are, without less important columns', () => {
    const text = screen(finished(LAB), 70)

    expect(text).not.toContain('cpu  ')
    expect(text.split('\n').slice(1, 5).every(line => stringWidth(line) <= 70)).toBe(true)
  })

  it('get colours only when asked for, which change no text', () => {
    const coloured = renderTable(finished(LAB), { colour: true, width: 120 })

    expect(coloured).toContain('\u001b[32m1.00\u001b[39m')
    // eslint-disable-next-line no-control-regex
    expect(coloured.replace(/\u001b\[\d+m/g, '')).toBe(screen(finished(LAB)))
  })

  it('align names that are wider or narrower than their characters', () => {
    const rows = screen(finished([
      { name: '計算機', cpu: 'AMD EPYC', runs: [[1]] }, { name: 'cafe\u0301', cpu: 'AMD EPYC', runs: [[2]] }, { name: 'plain', cpu: 'AMD EPYC', runs: [[3]] }
    ])).split('\n').slice(2, 5)

    expect(rows.map(row => stringWidth(row.slice(0, row.indexOf('EPYC'))))).toEqual([8, 8, 8])
  })

  it('are never given a control character that somebody else chose', () => {
    const hostile = fc.string({ unit: fc.oneof(fc.constantFrom('\u001b[2J', '\u009b31m', '\n', '\r', '\u202e', '\u0007', '\0', '|'), fc.string({ minLength: 1, maxLength: 1 })), maxLength: 12 })

    fc.assert(fc.property(hostile, hostile, hostile, hostile, (name, cpu, reason, noise) => {
      const text = screen(finished([
        { name, cpu, runs: [[1, 2]], result: { noise: { grade: 'C', reasons: [noise] } } },
        { name, cpu, runs: [], worker: { state: 'failed', reason, result: undefined } }
      ], { name: reason, commands: [{ argv: ['x', noise], program: { kind: 'name', name: 'x' } }] }))

      // eslint-disable-next-line no-control-regex
      expect(text.replaceAll('\n', '')).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e]/)
      // Heading, titles, two rows, output, at most two notes.
      expect(text.split('\n').length).toBeLessThanOrEqual(8)
    }), { numRuns: 200 })
  })
})
