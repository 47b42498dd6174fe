import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MAX_UPLOADS } from '../../../src/roles/master/distribution/choose.ts'
import { fanOutFor } from '../../../src/roles/master/distribution/shape.ts'
import { ROOT, availableAt, emptyPlan } from '../../../src/roles/master/distribution/state.ts'
import { stepPlan } from '../../../src/roles/master/distribution/step.ts'
import { DistributionWorld, Random } from './distribution-world.ts'
import type { Fault, Machine } from './distribution-world.ts'
import type { PlanEffect, PlanState } from '../../../src/roles/master/distribution/state.ts'

const SEEDS = 2_000

const FAULTS: readonly Fault[] = ['dies', 'freezes', 'mute', 'lies', 'slanders']

function machines (random: Random, count: number, faulty: number): Machine[] {
  return random.shuffle(Array.from({ length: count }, (_, i) => ({
    id: `w${i}`,
    msPerChunk: random.pick([5, 5, 5, 5, 50]),
    relays: random.chance(0.9),
    fault: i < faulty ? random.pick(FAULTS) : undefined,
    faultAtMs: random.int(400),
    joinsAtMs: random.int(100)
  })))
}

/** After every step of thousands of runs: expect() would take most of their time. */
function must (holds: boolean, what: string): void {
  if (!holds) {
    throw new Error(what)
  }
}

/** Whatever happens: everybody has one source at most, and every way leads to a whole copy. */
function check (state: PlanState, effects: PlanEffect[]): void {
  for (const node of state.nodes.values()) {
    const seen = new Set<string>()

    for (let at = node; at.parent != null && at.parent !== ROOT; at = state.nodes.get(at.parent)!) {
      must(!seen.has(at.id), `a circle at ${at.id}`)
      seen.add(at.id)
      must(state.nodes.get(at.parent)?.leftOut == null, `${at.id} hangs on one that is left out`)
    }

    must(!node.complete || node.parent == null, `${node.id} has all of it, and a source`)
    must(node.behindSinceMs == null || availableAt(state, node.parent!) >= node.chunks, `${node.id} is ahead of its source`)
  }

  for (const effect of effects) {
    must(effect.kind !== 'link' || effect.from !== effect.to, 'a link to itself')
  }
}

describe('the shape of a distribution', () => {
  it.each([
    // receivers, chunks, children of each
    [8, 50, 1], [1, 1, 1], [3, 200, 1], [1_000, 1, 2], [1_000, 50, 2], [100, 10_000, 1], [8, 1, 2]
  ])('to %i receivers of %i chunks gives each holder %i children', (receivers, chunks, fanOut) => {
    expect(fanOutFor(receivers, chunks)).toBe(fanOut)
  })

  it('never needs more than a chain or a pair of children when there is much to send', () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: 2_000 }), fc.integer({ min: 2_001, max: 16_384 }), (receivers, chunks) => {
      expect(fanOutFor(receivers, chunks)).toBe(1)
    }))
  })
})

describe('a distribution', () => {
  function links (effects: PlanEffect[]): string[] {
    return effects.flatMap(effect => effect.kind === 'link' ? [`${effect.from} > ${effect.to}`] : [])
  }

  it('to a few is a chain in the order in which they come', () => {
    const state = emptyPlan(50)
    const made = ['a', 'b', 'c', 'd'].flatMap(worker => links(stepPlan(state, { kind: 'want', worker, relays: true, nowMs: 0 })))

    expect(made).toEqual([`${ROOT} > a`, 'a > b', 'b > c', 'c > d'])
  })

  it('takes whoever has it from before instead of the coordinator', () => {
    const state = emptyPlan(50)

    stepPlan(state, { kind: 'holds', worker: 'old', relays: true, nowMs: 0 })

    expect(links(stepPlan(state, { kind: 'want', worker: 'a', relays: true, nowMs: 0 }))).toEqual(['old > a'])
  })

  it('puts a machine that is known to be slow at the end', () => {
    const state = emptyPlan(50)
    const made = [['slow', 500], ['a', 5], ['b', 5], ['c', 5]].flatMap(([worker, msPerChunk]) => links(stepPlan(state, { kind: 'want', worker: worker as string, relays: true, msPerChunk: msPerChunk as number, nowMs: 0 })))

    expect(made.filter(link => link.startsWith('slow'))).toEqual([])
  })

  it('goes around one that cannot pass it on, and one that is gone', () => {
    const state = emptyPlan(50)

    for (const worker of ['a', 'b', 'c']) {
      stepPlan(state, { kind: 'want', worker, relays: true, nowMs: 0 })
    }

    expect(stepPlan(state, { kind: 'unable', worker: 'b', reason: 'it measures', nowMs: 1 })).toEqual([
      { kind: 'left-out', worker: 'b', reason: 'it measures' },
      { kind: 'unlink', from: 'b', to: 'c' },
      { kind: 'link', from: 'a', to: 'c' }
    ])
    expect(links(stepPlan(state, { kind: 'drop', worker: 'a', nowMs: 2 }))).toEqual([`${ROOT} > b`, `${ROOT} > c`])
  })

  it('costs the coordinator at most two payloads for any number of receivers, in any order of words', () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 1, max: 40 }), fc.nat(), (receivers, chunks, seed) => {
      const random = new Random(seed)
      const world = new DistributionWorld(chunks, Array.from({ length: receivers }, (_, i): Machine => ({ id: `w${i}`, msPerChunk: random.pick([1, 2, 5]), relays: true, faultAtMs: 0, joinsAtMs: random.int(200) })), () => {})

      world.run()

      expect([...world.outcomes.values()].filter(outcome => outcome === 'served')).toHaveLength(receivers)
      expect(world.uploaded).toBeLessThanOrEqual(MAX_UPLOADS * chunks)
    }), { numRuns: 20 })
  })

  it('serves everybody who can be served, whoever dies, hangs, is mute, lies or slanders', () => {
    for (let seed = 0; seed < SEEDS; seed++) {
      const random = new Random(seed)
      const chunks = 1 + random.int(20)
      const count = 1 + random.int(9)
      const world = new DistributionWorld(chunks, machines(random, count, random.int(count)), (effects, { state }) => { check(state, effects) })

      world.run()

      for (const { id, fault } of world.machines) {
        if (fault !== 'dies' && fault !== 'freezes') {
          expect(world.outcomes.get(id), `seed ${seed}, ${id} (${fault ?? 'sound'}): ${JSON.stringify(world.machines)}`).toBe('served')
        }
      }
    }
  }, 60_000)

  it('names the liar and nobody else', () => {
    for (let seed = 0; seed < 500; seed++) {
      const random = new Random(seed)
      const all = machines(random, 2 + random.int(7), 0).map((machine, i) => ({ ...machine, relays: true, faultAtMs: 0, fault: i === 1 ? 'lies' as const : undefined }))
      const world = new DistributionWorld(1 + random.int(20), all, () => {})

      world.run()

      const [liar] = all.filter(({ fault }) => fault != null)
      expect([...world.leftOut].filter(id => id !== liar?.id), `seed ${seed}`).toEqual([])
    }
  })

  it('leaves the coordinator at two payloads when one of many is dead, mute or lies', () => {
    for (let seed = 0; seed < 500; seed++) {
      const random = new Random(seed)
      const chunks = 5 + random.int(40)
      const all = machines(random, 4 + random.int(8), 0).map((machine, i) => ({ ...machine, relays: true, fault: i === 1 ? random.pick(['dies', 'mute', 'lies'] as const) : undefined }))
      const world = new DistributionWorld(chunks, all, () => {})

      world.run()

      expect(world.uploaded, `seed ${seed}: ${JSON.stringify(all)}`).toBeLessThanOrEqual(MAX_UPLOADS * chunks)
    }
  })
})
