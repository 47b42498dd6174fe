import { describe, expect, it } from 'vitest'
import { sideBySide, sideRatioText, sideText } from '../../src/report/side-by-side.ts'
import { around } from './fixtures.ts'
import type { MeasuredCommand, ResultSet } from '../../src/report/result-sets.ts'

function set (...commands: Array<[worker: string | undefined, command: string, ms?: number[]]>): ResultSet {
  return {
    label: 'x',
    commands: commands.map(([worker, command, ms]): MeasuredCommand => ({
      ...(worker == null ? {} : { worker: { name: worker, peerId: `id-${worker}` } }),
      command,
      ...(ms == null ? { values: {}, problem: 'lost' } : { values: { wall: ms.map(ms => ms * 1e6) } })
    }))
  }
}

/** worker, then what each set has. */
function lines (...sets: ResultSet[]): unknown[] {
  return sideBySide(sets, 'wall').map(({ worker, sides }) => [worker ?? '-', ...sides.map(side => side?.command)])
}

describe('results side by side', () => {
  it('belong together by worker and command line, wherever they stand', () => {
    expect(lines(
      set(['a', 'x', [1]], ['a', 'y', [1]], ['b', 'x', [1]]),
      set(['b', 'x', [1]], ['a', 'y', [1]], ['a', 'x', [1]])
    )).toEqual([['a', 'x', 'x'], ['a', 'y', 'y'], ['b', 'x', 'x']])
  })

  it('belong together by their place where the command line is another', () => {
    expect(lines(
      set(['a', './old 1', [1]], ['a', './old 2', [1]], ['a', 'same', [1]]),
      set(['a', 'same', [1]], ['a', './new 2', [1]], ['a', './new 3', [1]])
    )).toEqual([['a', './old 1', undefined], ['a', './old 2', './new 2'], ['a', 'same', 'same'], ['a', undefined, './new 3']])
  })

  it('are all there, partner or not', () => {
    expect(lines(set(['a', 'x', [1]]), set(['b', 'x', [1]]), set(['b', 'x', [1]], ['a', 'x', [1]]))).toEqual([['a', 'x', undefined, 'x'], ['b', undefined, 'x', 'x']])
  })

  it('are of one worker when its peer id is the same, whatever it is called now', () => {
    const renamed = set(['a', 'x', [1]])
    renamed.commands[0]!.worker!.name = 'new-name'

    expect(lines(set(['a', 'x', [1]]), renamed)).toEqual([['a', 'x', 'x']])
  })

  it('stand beside results without a worker only when there is no choice', () => {
    expect(lines(set([undefined, 'x', [1]]), set(['a', 'x', [1]]))).toEqual([['a', 'x', 'x']])
    expect(lines(set([undefined, 'x', [1]]), set(['a', 'x', [1]], ['b', 'x', [1]]))).toEqual([['-', 'x', undefined], ['a', undefined, 'x'], ['b', undefined, 'x']])
  })

  it('have the ratio of their medians and the share of pairs, and nothing that looks like a verdict', () => {
    const [row] = sideBySide([set(['a', 'x', around(40, 0.4, 21)]), set(['a', 'x', around(38, 0.4, 21)])], 'wall')

    expect(row?.sides[0]).not.toHaveProperty('ratio')
    expect(row?.sides[1]).toMatchObject({ ratio: expect.closeTo(0.95, 10), smaller: 1, runs: 21 })
    expect(Object.keys(row?.sides[1] ?? {}).sort()).toEqual(['command', 'interval', 'median', 'ratio', 'runs', 'smaller', 'worker'])
    // The 6th and the 16th of 21 values bound the median, and these are 0.04 apart.
    expect(sideText(row?.sides[0], 'wall')).toBe('40.00 ms ± 0.20')
    expect(sideRatioText(row?.sides[1], row?.sides[0])).toBe('0.950')
  })

  it('say what is missing', () => {
    const [row] = sideBySide([set(['a', 'x', [40]]), set(['a', 'x'])], 'wall')

    expect(row?.sides[1]).toEqual({ command: 'x', worker: 'a', runs: 0, problem: 'lost' })
    expect([sideText(row?.sides[1], 'wall'), sideRatioText(row?.sides[1], row?.sides[0])]).toEqual(['lost', '-'])
    expect(sideBySide([set(['a', 'x', [40]])], 'cpu')[0]?.sides[0]).toMatchObject({ problem: 'not measured' })
  })
})
