import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { orderOfRound } from '../../src/measure/order.ts'

const items = fc.uniqueArray(fc.integer({ min: 0, max: 20 }), { minLength: 1, maxLength: 8 })
const draws = fc.infiniteStream(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })).map(stream => () => stream.next().value as number)

describe('the order of a round', () => {
  it('has everybody who is due, once', () => {
    fc.assert(fc.property(items, items, fc.nat(5), draws, (due, before, round, random) => {
      expect(orderOfRound(due, round, before, random).sort()).toEqual([...due].sort())
    }))
  })

  it('is turned round in every second round', () => {
    fc.assert(fc.property(items, fc.nat(10), draws, (due, half, random) => {
      const first = orderOfRound(due, 2 * half, undefined, random)

      expect(orderOfRound(due, 2 * half + 1, first, random)).toEqual(first.toReversed())
    }))
  })

  it('begins with each of two equally often', () => {
    let seed = 1
    const random = () => { seed = seed * 16_807 % 2_147_483_647; return seed / 2_147_483_647 }
    const first = Array.from({ length: 1_000 }, () => orderOfRound(['a', 'b'], 0, undefined, random)[0])
    const share = first.filter(name => name === 'a').length / 1_000

    expect(share).toBeGreaterThan(0.4)
    expect(share).toBeLessThan(0.6)
  })
})
