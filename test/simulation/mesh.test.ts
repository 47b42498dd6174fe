import { describe, expect, it } from 'vitest'
import { faultsOf, live } from './live.ts'

const SEEDS = Number(process.env.MESHMARK_SEEDS ?? 300)

describe('the coordinator and the slots, under faults', () => {
  it('start nothing twice, one thing at a time, and bring every accepted job to its end, done only by a record of its worker', () => {
    for (let seed = 1; seed <= SEEDS; seed++) {
      const mesh = live(seed)

      expect(faultsOf(mesh), `seed ${seed}\n${mesh.history.join('\n')}`).toEqual([])
    }
  })
})
