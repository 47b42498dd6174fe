import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { chooseGivenUp, mayForget, mustConfirm } from '../../../src/roles/worker/keeping.ts'
import type { Kept } from '../../../src/roles/worker/keeping.ts'

const master = fc.constantFrom('a', 'b', 'c', 'd')
const masters = fc.uniqueArray(master)
const confirmed = masters.map(names => new Set(names))

const kept = fc.uniqueArray(fc.record<Kept>({
  execution: fc.string({ minLength: 1, maxLength: 3 }),
  bytes: fc.nat(100),
  ageMs: fc.nat(100),
  finishedAt: fc.nat(50),
  confirmed
}), { selector: ({ execution }) => execution, maxLength: 12 })

const bounds = fc.record({ keepMs: fc.integer({ min: 1, max: 100 }), maxBytes: fc.nat(600), maxCount: fc.nat(12) })

describe('who must confirm a result', () => {
  it('is every known master that has not', () => {
    fc.assert(fc.property(masters, confirmed, (known, done) => {
      expect(mustConfirm(known, done)).toEqual(known.filter(name => !done.has(name)))
    }))
  })

  it('is forgotten when all known masters have it, and never when none is known', () => {
    fc.assert(fc.property(masters, confirmed, (known, done) => {
      expect(mayForget(known, done)).toBe(known.length > 0 && known.every(name => done.has(name)))
    }))
    expect(mayForget([], new Set(['a']))).toBe(false)
  })

  it('is one fewer when a master is removed, and one more when a master is added', () => {
    expect(mayForget(['a', 'b'], new Set(['a']))).toBe(false)
    expect(mayForget(['a'], new Set(['a']))).toBe(true)
    expect(mayForget(['a', 'b', 'c'], new Set(['a', 'b']))).toBe(false)
  })
})

describe('what is given up', () => {
  it('is nothing as long as all of it is young and within the bounds', () => {
    fc.assert(fc.property(kept, masters, (entries, known) => {
      const within = { keepMs: 101, maxBytes: 1_200, maxCount: 12 }
      expect(chooseGivenUp(entries, known, within)).toEqual([])
    }))
  })

  it('leaves no more than the bounds allow, and nothing that is too old', () => {
    fc.assert(fc.property(kept, masters, bounds, (entries, known, limit) => {
      const gone = new Set(chooseGivenUp(entries, known, limit).map(({ execution }) => execution))
      const left = entries.filter(({ execution }) => !gone.has(execution))

      expect(left.length).toBeLessThanOrEqual(limit.maxCount)
      expect(left.reduce((sum, { bytes }) => sum + bytes, 0)).toBeLessThanOrEqual(limit.maxBytes)
      expect(left.every(({ ageMs }) => ageMs < limit.keepMs)).toBe(true)
    }))
  })

  it('is none that only this worker has while a master has another, its age apart', () => {
    fc.assert(fc.property(kept, masters, bounds, (entries, known, limit) => {
      const givenUp = chooseGivenUp(entries, known, limit)
      const gone = new Set(givenUp.map(({ execution }) => execution))
      const lostForGood = givenUp.filter(({ why, held }) => why !== 'age' && held.length === 0)
      const safeLeft = entries.filter(({ execution, confirmed: done }) => !gone.has(execution) && known.some(name => done.has(name)))

      expect(lostForGood.length === 0 || safeLeft.length === 0).toBe(true)
    }))
  })

  it('is not more than needed: without the last one given up for room there was too much', () => {
    fc.assert(fc.property(kept, masters, bounds, (entries, known, limit) => {
      const forRoom = chooseGivenUp(entries, known, limit).filter(({ why }) => why !== 'age')
      const last = forRoom.at(-1)
      fc.pre(last != null)
      const earlier = new Set(forRoom.slice(0, -1).map(({ execution }) => execution))
      const left = entries.filter(({ execution, ageMs }) => ageMs < limit.keepMs && !earlier.has(execution))

      expect(left.length > limit.maxCount || left.reduce((sum, { bytes }) => sum + bytes, 0) > limit.maxBytes).toBe(true)
    }))
  })

  it('does not depend on the order in which results are looked at', () => {
    fc.assert(fc.property(kept, masters, bounds, (entries, known, limit) => {
      const names = (list: Kept[]): string[] => chooseGivenUp(list, known, limit).map(({ execution }) => execution).sort()

      expect(names([...entries].reverse())).toEqual(names(entries))
    }))
  })

  it('says who has it and who never took it', () => {
    const [old] = chooseGivenUp([{ execution: 'x', bytes: 1, ageMs: 7, finishedAt: 0, confirmed: new Set(['a', 'gone']) }], ['a', 'b'], { keepMs: 7, maxBytes: 10, maxCount: 10 })

    expect(old).toEqual({ execution: 'x', why: 'age', held: ['a'], lacking: ['b'] })
  })
})
