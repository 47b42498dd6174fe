import { describe, expect, it } from 'vitest'
import { compare } from '../../src/report/compared.ts'
import { historyLines, historyOf } from '../../src/report/history.ts'
import { renderTable } from '../../src/report/table.ts'
import { compared, times } from './comparison-fixtures.ts'
import { finished } from './fixtures.ts'
import type { FinishedJob } from '../../src/model/finished.ts'

const withId = (id: string, { job, ...rest }: FinishedJob): FinishedJob => ({ ...rest, job: { ...job, id } })
const [FIRST, SECOND] = ['01HF7Z00000000000Q7X2M9KA7', '01HF7Z00000000000Q7X2M9KB8'] as const

describe('two commands of a comparison', () => {
  const job = compared([{ name: 'a', slower: [1.05, 0.9] }, { name: 'b', slower: [1.05, 0.9], seed: 2 }, { name: 'bad', slower: [1.05, 0.9], exit: { kind: 'code', code: 3 } }])

  it('come to the verdicts of the command line, in its words', () => {
    const table = renderTable(job, { colour: false, width: 200 })
    const { kind, lines, remarks, base, other } = compare({ finished: job }, { finished: job, command: 2 })

    expect({ kind, base: base.label, other: other.label }).toEqual({ kind: 'pairs', base: './old 7', other: './newer 7' })
    expect(lines.map(({ worker, verdict, isSum }) => [worker, verdict, isSum])).toEqual([['a', 'faster', false], ['b', 'faster', false], ['bad', undefined, false], ['these machines', 'faster', true]])

    for (const { ratio, ratioText, reason, isSum } of lines.filter(({ isSum }) => !isSum)) {
      expect(isSum).toBe(false)
      expect(table).toContain(ratio == null ? reason : ratioText)
    }

    expect(remarks.length).toBeGreaterThan(1)
    // of several contenders the command line says whose remark it is
    remarks.forEach(remark => { expect(table).toContain(remark) })
  })

  it('the other way round have none, nor by another metric', () => {
    for (const found of [compare({ finished: job, command: 2 }, { finished: job, command: 0 }), compare({ finished: job }, { finished: job }, 'cpu')]) {
      expect(found.kind).toBe('commands')
      expect(found.lines.every(({ verdict, interval }) => verdict == null && interval == null)).toBe(true)
      expect(found.remarks[0]).toMatch(/no verdict/)
    }
  })

  it('must be there, and two', () => {
    expect(() => compare({ finished: job, command: 9 }, { finished: job })).toThrow(/has no command 9: its 3 commands count from 0/)
    expect(() => compare({ finished: job, command: 1 }, { finished: job, command: 1 })).toThrow(/name two/)

    const one = finished([{ name: 'a', cpu: 'x', runs: [times(40, 0.03, 10, 1)] }])

    expect(() => compare({ finished: one }, { finished: one })).toThrow(/has one command: name another job/)
  })
})

describe('two jobs', () => {
  it('stand side by side without a verdict, the first one being what the other is divided by', () => {
    const base = withId(FIRST, finished([{ name: 'a', cpu: 'x', runs: [times(40, 0.01, 10, 1)] }, { name: 'b', cpu: 'x', runs: [times(40, 0.01, 10, 2)] }]))
    const other = withId(SECOND, finished([{ name: 'a', cpu: 'x', runs: [times(80, 0.01, 10, 1)] }]))
    const { kind, lines, remarks } = compare({ finished: base }, { finished: other })

    expect(kind).toBe('sessions')
    expect(lines.map(({ worker, ratio }) => [worker, ratio?.toFixed(1)])).toEqual([['a', '2.0'], ['b', undefined]])
    expect(remarks).toEqual(['different sessions, no verdict'])
  })
})

describe('the history of a name', () => {
  it('is a line for each command on each worker, the oldest job first', () => {
    const jobs = [[SECOND, 20, 44], [FIRST, 10, 40]] as const
    const lines = historyLines(jobs.map(([id, at, ms]) => historyOf(withId(id, finished([{ name: 'a', cpu: 'x', runs: [times(ms, 0.001, 10, 1)] }, { name: 'b', cpu: 'x', runs: [times(ms * 2, 0.001, 3, 1)] }])), at, 'wall')))

    expect(lines.map(({ worker, points }) => [worker, points.map(({ at }) => at)])).toEqual([['a', [10, 20]], ['b', [10, 20]]])
    expect(lines[0]?.points.map(({ median }) => Math.round(median! / 1e6))).toEqual([40, 44])
    expect(lines[0]?.points[0]?.interval).toBeDefined()
    expect(lines[1]?.points[0]?.interval).toBeUndefined()
  })

  it('says where there is nothing to rely on', () => {
    const [line] = historyLines([historyOf(finished([{ name: 'a', cpu: 'x', runs: [times(40, 0.001, 10, 1)] }]), 1, 'memory')])

    expect(line?.points[0]).toMatchObject({ runs: 10 })
    expect(line?.points[0]?.median ?? line?.points[0]?.problem).toBeDefined()
  })
})
