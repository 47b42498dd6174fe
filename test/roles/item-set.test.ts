import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ItemSet } from '../../src/roles/item-set.ts'

describe('a set of items', () => {
  it('is what a set of numbers would be, also after a journey as bytes', () => {
    const step = fc.record({ kind: fc.constantFrom('add', 'add', 'delete', 'take', 'bytes'), item: fc.integer({ min: -1, max: 45 }) })

    fc.assert(fc.property(fc.integer({ min: 0, max: 40 }), fc.array(step), (size, steps) => {
      let set = new ItemSet(size)
      const expected = new Set<number>()

      for (const { kind, item } of steps) {
        if (kind === 'add') {
          set.add(item)

          if (item >= 1 && item <= size) {
            expected.add(item)
          }
        } else if (kind === 'delete') {
          set.delete(item)
          expected.delete(item)
        } else if (kind === 'take') {
          const lowest = [...expected].filter(other => other >= item).sort((a, b) => a - b)[0]

          expect(set.take(item)).toBe(lowest)
          expected.delete(lowest ?? 0)
        } else {
          set = ItemSet.from(size, set.toBytes())
        }

        expect(set.count).toBe(expected.size)
      }

      for (let item = 0; item <= size + 1; item++) {
        expect(set.has(item)).toBe(expected.has(item))
      }
    }))
  })

  it('believes no bytes about items that there are not', () => {
    const set = ItemSet.from(3, new Uint8Array(100).fill(255))

    expect(set.count).toBe(3)
    expect([set.take(), set.take(), set.take(), set.take()]).toEqual([1, 2, 3, undefined])
  })
})
