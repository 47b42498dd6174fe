import { describe, expect, it } from 'vitest'
import { live } from './life.ts'

/** More of them: npm run test:simulation. */
const SEEDS = 100

describe('masters, workers and clients, whatever goes wrong around them', () => {
  it('start nothing twice and nothing beside anything else, lose nothing, and agree in the end', async () => {
    for (let seed = 1; seed <= SEEDS; seed++) {
      const { faults } = await live(seed)

      expect(faults, `seed ${seed}: its history is printed by npm run test:simulation -- --seed ${seed}`).toEqual([])
    }
  }, 120_000)
})
