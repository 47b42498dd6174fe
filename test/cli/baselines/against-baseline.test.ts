import { describe, expect, it } from 'vitest'
import { againstBaseline, type Standing } from '../../../src/cli/baselines/against-baseline.ts'
import type { LoadedBaseline } from '../../../src/cli/baselines/baselines.ts'
import { summaryOf, thenAndNow } from '../../../src/cli/baselines/then-and-now.ts'
import type { JobDraft } from '../../../src/roles/client/types.ts'
import { around, finished, LAB } from '../../report/fixtures.ts'
import { JOB_ID } from '../fixtures.ts'

const DRAFT: JobDraft = {
  kind: 'run',
  commands: [{ argv: ['./prog', '8'], program: { kind: 'payload', path: 'prog' } }],
  files: [{ source: '/new/prog', path: 'prog', executable: true }, { source: '/new/lib', path: 'lib', executable: false }],
  env: {},
  limits: {},
  placement: { on: 'all', where: [] },
  plan: { kind: 'fixed', runs: 6, warmup: 0 }
}

function stored (values: Partial<LoadedBaseline> = {}): LoadedBaseline {
  return {
    name: 'main',
    savedAt: 0,
    job: JOB_ID,
    command: { argv: ['./prog', '7'], program: { kind: 'payload', path: 'prog' } },
    files: ['prog', 'lib'].map(path => ({ path, size: 1, executable: path === 'prog', sha256: path.padEnd(64, '0') })),
    env: {},
    results: [],
    sourceOf: ({ path }) => `/stored/${path}`,
    ...values
  }
}

function standing (others: Record<string, Standing>): (path: string) => Standing {
  return path => others[path] ?? 'same'
}

describe('a job against a baseline', () => {
  it('has the stored command first, with its files in a folder of their own', () => {
    const { draft, hints } = againstBaseline(DRAFT, stored(), standing({ prog: 'other' }))

    expect(draft.commands).toEqual([
      { argv: ['./prog', '7'], name: 'baseline main: ./prog 7', program: { kind: 'payload', path: '.baseline/prog' } },
      DRAFT.commands[0]
    ])
    expect(draft.files).toEqual([
      ...DRAFT.files,
      { source: '/stored/prog', path: '.baseline/prog', executable: true },
      { source: '/stored/lib', path: '.baseline/lib', executable: false }
    ])
    expect(draft.comparison).toEqual({ metric: 'wall', margin: 0.01, failIfUndecided: false, baseline: 'main' })
    expect(hints).toEqual([])
  })

  it('keeps how it is compared', () => {
    const comparison = { metric: 'cpu' as const, margin: 0.03, failIfSlower: 0.05, failIfUndecided: true }

    expect(againstBaseline({ ...DRAFT, comparison }, stored(), standing({})).draft.comparison).toEqual({ ...comparison, baseline: 'main' })
  })

  it.each<Standing>(['other', 'absent'])('puts the stored files in their places when one beside the program is %s, and makes all working copies alike', lib => {
    const hooks = { setup: 'make', prepare: 'true' }
    const { draft: { commands: [old, now] } } = againstBaseline(DRAFT, stored({ command: { ...stored().command, hooks } }), standing({ lib }))

    expect(old?.hooks).toEqual({ setup: 'cp -Rp ./.baseline/. . || exit\nmake', prepare: 'true' })
    expect(now?.hooks).toEqual({ setup: ':' })
    expect(againstBaseline({ ...DRAFT, commands: [{ ...DRAFT.commands[0]!, hooks }] }, stored(), standing({ lib })).draft.commands.map(({ hooks }) => hooks)).toEqual([{ setup: 'cp -Rp ./.baseline/. . || exit' }, hooks])
  })

  it('finds another folder where the new command has one of that name', () => {
    const files = [{ source: '/x', path: '.baseline/prog' }, { source: '/y', path: '.baseline-2' }]
    const { draft } = againstBaseline({ ...DRAFT, files }, stored(), standing({}))

    expect(draft.commands[0]?.program).toEqual({ kind: 'payload', path: '.baseline-3/prog' })
  })

  it('needs no file for a program of the workers', () => {
    const { draft } = againstBaseline(DRAFT, stored({ command: { argv: ['sort'], program: { kind: 'name', name: 'sort' } }, files: [] }), standing({}))

    expect(draft.commands[0]).toEqual({ argv: ['sort'], name: 'baseline main: sort', program: { kind: 'name', name: 'sort' } })
  })

  it('has the environment and the standard input of the baseline unless something else was typed, and says so', () => {
    const baseline = stored({ env: { A: '1', B: '2' }, stdin: 'lib' })

    expect(againstBaseline(DRAFT, baseline, standing({}))).toMatchObject({
      draft: { env: { A: '1', B: '2' }, stdin: '.baseline/lib' },
      hints: ['note: A, B in the environment as baseline main had it, for all commands']
    })
    expect(againstBaseline({ ...DRAFT, env: { A: '1', B: '3', C: '4' }, stdin: 'lib' }, baseline, standing({ lib: 'other' }))).toMatchObject({
      draft: { env: { A: '1', B: '3', C: '4' }, stdin: 'lib' },
      hints: ['note: C, B in the environment not as baseline main had it, for all commands', 'note: lib has changed since baseline main was saved; both read the new one from standard input']
    })
  })

  it('has no more commands than a job can have', () => {
    expect(() => againstBaseline({ ...DRAFT, commands: Array.from({ length: 256 }, () => DRAFT.commands[0]!) }, stored(), standing({}))).toThrow(/256 commands and the baseline are more than the 256/)
  })
})

describe('figures then and now', () => {
  const then = summaryOf(finished([...LAB, { name: 'bad', cpu: 'x', runs: [[1]], exit: { kind: 'code', code: 1 }, worker: { state: 'failed' } }]), 0)

  it('are kept of every worker where all went well', () => {
    expect(then.map(({ worker, peerId, runs, cpu }) => [worker, peerId, runs, cpu])).toEqual([
      ['lab-01', '12D3KooW-lab-01', 101, 'Intel Xeon Gold 6338'], ['lab-03', '12D3KooW-lab-03', 96, 'AMD Ryzen 9 7950X'], ['pi-kitchen', '12D3KooW-pi-kitchen', 44, 'Cortex-A76']
    ])
    expect(then[1]).toMatchObject({ medianNs: expect.closeTo(41.2e6, -2), interval: { lowNs: expect.any(Number), highNs: expect.any(Number) } })
    expect(then[1]).not.toHaveProperty('memoryBytes')
  })

  it('are told in one line, with as many digits as now is known', () => {
    const now = finished([{ name: 'lab-03', cpu: 'x', runs: [around(41.5, 2, 96), around(30, 2, 96)] }])

    expect(thenAndNow(stored({ results: then }), now, 'wall')).toBe('baseline main: 41.2 ms then, 41.5 ms now on lab-03: different sessions')
    expect(thenAndNow(stored({ results: then }), now, 'memory')).toBeUndefined()
    expect(thenAndNow(stored({ results: [] }), now, 'wall')).toBeUndefined()
  })

  it('of many workers end with how many more there are', () => {
    const names = Array.from({ length: 6 }, (_, i) => ({ name: `w${i}`, cpu: 'x', runs: [around(40, 1, 20)] }))
    const all = finished(names)

    expect(thenAndNow(stored({ results: summaryOf(all, 0) }), all, 'cpu')).toMatch(/^baseline main: (?:39\.8\d* ms then, 39\.8\d* ms now on w\d; ){4}and on 2 more: different sessions$/)
  })
})
