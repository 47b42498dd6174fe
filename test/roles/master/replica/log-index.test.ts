import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { covers, LogIndex } from '../../../../src/roles/master/replica/log-index.ts'

const A = 'peerA.01ARZ3NDEKTSV4RRFFQ69G5FA1'
const A2 = 'peerA.01ARZ3NDEKTSV4RRFFQ69G5FA2'
const B = 'peerB.01ARZ3NDEKTSV4RRFFQ69G5FA1'

describe('the index of the logs', () => {
  it('numbers what happens here from 1 on', () => {
    const index = new LogIndex(A)

    expect(index.append('x')).toEqual({ origin: A, seq: 1 })
    expect(index.append('y')).toEqual({ origin: A, seq: 2 })
    expect([...index.vector()]).toEqual([[A, 2]])
    expect([...index.missing(new Map([[A, 1]]))]).toEqual([{ origin: A, seq: 2, named: true }])
    expect(index.positionsOf('x')).toEqual([{ origin: A, seq: 1 }])
  })

  it('passes over what it knows, and refuses what leaves a gap', () => {
    const index = new LogIndex(A)

    expect(index.note(B, 1, 'x')).toBe(true)
    expect(index.note(B, 1, 'x')).toBe(false)
    expect(() => index.note(B, 3, 'z')).toThrow(`entry 3 of ${B} came after entry 1`)
    expect(index.last(B)).toBe(1)
  })

  it('sends dropped entries as one without a key, and keeps its vector', () => {
    const index = new LogIndex(A)

    ;['a', 'b', 'c', 'd', 'b'].forEach(key => index.append(key))
    expect(index.drop(new Set(['b', 'c']))).toHaveLength(3)
    expect([...index.missing(new Map())]).toEqual([{ origin: A, seq: 1, named: true }, { origin: A, seq: 3, named: false }, { origin: A, seq: 4, named: true }, { origin: A, seq: 5, named: false }])
    expect(index.last(A)).toBe(5)
    expect(index.append('e').seq).toBe(6)
  })

  it('forgets an origin only when it has ended and nothing of it is left', () => {
    const index = new LogIndex(B)

    index.note(A, 1, 'x')
    index.drop('x')
    expect(index.dropEnded()).toEqual([])
    index.note(A2, 1, 'y')
    expect(index.dropEnded()).toEqual([{ origin: A, seq: 1 }])
    expect([...index.vector()]).toEqual([[A2, 1]])
    index.drop('y')
    expect(index.dropEnded()).toEqual([])
  })

  it('knows what a place covers', () => {
    expect(covers(new Map([[A, 2]]), { origin: A, seq: 2 })).toBe(true)
    expect(covers(new Map([[A, 1]]), { origin: A, seq: 2 })).toBe(false)
    expect(covers(new Map(), { origin: B, seq: 1 })).toBe(false)
    expect(covers(new Map(), { origin: B, seq: 0 })).toBe(true)
  })

  it('brings two indexes to the same by what each lacks, whatever was appended and dropped', () => {
    const step = fc.record({ who: fc.constantFrom(0, 1), kind: fc.constantFrom('append', 'append', 'append', 'drop', 'pass', 'pass'), key: fc.constantFrom('a', 'b', 'c', 'd'), most: fc.integer({ min: 1, max: 4 }) })

    fc.assert(fc.property(fc.array(step, { maxLength: 60 }), steps => {
      const indexes = [new LogIndex(A), new LogIndex(B)] as const
      // as the disk has them
      const keys = new Map<string, string>()
      const pass = (from: LogIndex, to: LogIndex, most: number): void => {
        [...from.missing(to.vector())].slice(0, most).forEach(({ origin, seq, named }) => { to.note(origin, seq, named ? keys.get(`${origin}/${seq}`)! : '') })
      }

      for (const { who, kind, key, most } of steps) {
        const [mine, other] = who === 0 ? indexes : [indexes[1], indexes[0]]

        if (kind === 'append') {
          const { origin, seq } = mine.append(key)

          keys.set(`${origin}/${seq}`, key)
        } else if (kind === 'drop') {
          mine.drop(key)
        } else {
          pass(other, mine, most)
        }

        for (const index of indexes) {
          for (const [origin, seq] of index.vector()) {
            expect(seq).toBeLessThanOrEqual((origin === A ? indexes[0] : indexes[1]).last(origin))
          }
        }
      }

      pass(indexes[0], indexes[1], Infinity)
      pass(indexes[1], indexes[0], Infinity)
      expect([...indexes[0].vector()].sort()).toEqual([...indexes[1].vector()].sort())
      expect([...indexes[0].missing(indexes[1].vector())]).toEqual([])
    }), { numRuns: 500 })
  })
})
