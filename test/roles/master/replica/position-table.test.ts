import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { PositionTable } from '../../../../src/roles/master/replica/position-table.ts'

describe('the table of places', () => {
  it('has what was added and not deleted, in order, as a map would', () => {
    const step = fc.record({ key: fc.integer({ min: 0, max: 40 }).map(number => `key/${number}`), deletes: fc.boolean(), log: fc.nat(3), seq: fc.integer({ min: 1, max: 2 ** 40 }) })

    fc.assert(fc.property(fc.array(step, { maxLength: 300 }), steps => {
      const table = new PositionTable()
      const map = new Map<string, Array<{ log: number, seq: number }>>()

      for (const { key, deletes, log, seq } of steps) {
        if (deletes) {
          table.delete(key)
          map.delete(key)
        } else {
          table.add(key, log, seq)
          map.set(key, [...map.get(key) ?? [], { log, seq }])
        }
      }

      for (let number = 0; number <= 40; number++) {
        expect(table.get(`key/${number}`)).toEqual(map.get(`key/${number}`) ?? [])
      }
    }))
  })

  it('keeps a hundred thousand apart, also while it grows and shrinks', () => {
    const table = new PositionTable()
    const count = 100_000

    for (let number = 0; number < count; number++) {
      table.add(`result/${number}`, 0, number)

      if (number % 3 === 0) {
        table.delete(`result/${number}`)
      }
    }

    for (let number = 0; number < count; number++) {
      const expected = number % 3 === 0 ? 0 : 1

      if (table.get(`result/${number}`).length !== expected) {
        expect.fail(`result/${number} has ${table.get(`result/${number}`).length} places`)
      }
    }
  })
})
