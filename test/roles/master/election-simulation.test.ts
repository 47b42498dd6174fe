import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { World } from './election-world.ts'

const RUNS = { numRuns: 60 }
const seeds = fc.integer({ min: 0, max: 2 ** 31 })

/** Long enough for whatever went on to be forgotten. */
const HEAL_MS = 6_000
/** Two that hear each other have this long to settle who stays. */
const MEET_MS = 2_000

function pick<T> (random: () => number, from: readonly T[]): T {
  return from[Math.floor(random() * from.length)]!
}

/** Something goes wrong somewhere. */
function disturb (world: World): void {
  const { random } = world
  const a = pick(random, world.ids)
  const b = pick(random, world.ids)
  const [from, to] = [pick(random, world.ids), pick(random, world.ids)]
  const disturbances: Array<() => void> = [
    () => { world.link(a, b, false) },
    () => { world.link(a, b, true) },
    () => { world.way(from, to).up = false },
    () => { world.way(from, to).loss = random() * 0.6 },
    () => { world.way(from, to).maxMs = 20 + random() * 800 },
    () => { world.ids.forEach(id => { world.link(a, id, false) }) },
    () => { world.ids.forEach(id => { world.link(a, id, true) }) },
    () => { flap(world, a, b, 20) },
    () => { world.pause(a, 100 + random() * 6_000) },
    () => { world.ids.forEach(id => { world.pause(id, 3_000 * random()) }) },
    () => { world.kill(a, random() < 0.5) },
    () => { world.start(a) },
    () => {
      world.kill(a)
      world.start(a)
    }
  ]

  pick(random, disturbances)()
}

function flap (world: World, a: string, b: string, times: number): void {
  world.link(a, b, times % 2 === 0)

  if (times > 0) {
    world.after(50 + world.random() * 700, () => { flap(world, a, b, times - 1) })
  }
}

/** Nothing is lost or late any more; what is cut stays cut. */
function calm (world: World): void {
  for (const from of world.ids) {
    for (const to of world.ids) {
      Object.assign(world.way(from, to), { loss: 0, minMs: 1, maxMs: 20 })
    }
  }
}

function heal (world: World): void {
  calm(world)
  world.ids.forEach(a => { world.ids.forEach(b => { world.link(a, b, true) }) })
}

/** One coordinator in every component, known to all of it, and each knows whom to ask. */
function expectOneEach (world: World): void {
  for (const component of world.components()) {
    const reigning = component.filter(id => world.coordinatorOf(id) === id)

    expect(reigning, `reigning in ${component.join(' ')} at ${world.nowMs}`).toHaveLength(1)
    expect(component.map(id => world.coordinatorOf(id)), component.join(' ')).toEqual(component.map(() => reigning[0]))

    for (const id of component) {
      let at: string | undefined = id

      // by hops that exist, and never in circles
      for (let hops = 0; at != null && at !== reigning[0]; hops++) {
        const next = world.routeOf(at)

        expect(next != null && world.hears(at, next) && hops < component.length, `${id} finds its way`).toBe(true)
        at = next
      }
    }
  }
}

/** Every reign has a claim of its own, and each of a master a higher term than the one before, whatever has died in between. */
function expectNewTerms (world: World): void {
  const highest = new Map<string, number>()

  for (const { claim } of world.reigns) {
    expect(claim.term).toBeGreaterThan(highest.get(claim.master) ?? 0)
    highest.set(claim.master, claim.term)
  }
}

/** Masters that hear each other and both reign do so for a moment only. */
function watchPairs (world: World): () => void {
  const since = new Map<string, number>()

  return () => {
    const claimants = world.claimants().map(({ master }) => master)

    for (const a of world.ids) {
      for (const b of world.ids) {
        const key = `${a} ${b}`
        const meet = a < b && claimants.includes(a) && claimants.includes(b) && world.hears(a, b) && world.hears(b, a) &&
          [a, b].every(id => (world.masters.get(id)?.process?.pausedUntilMs ?? 0) <= world.nowMs)

        if (!meet) {
          since.delete(key)
        } else if (!since.has(key)) {
          since.set(key, world.nowMs)
        } else {
          expect(world.nowMs - since.get(key)!, `${key} both reign at ${world.nowMs}`).toBeLessThan(MEET_MS)
        }
      }
    }
  }
}

function newWorld (seed: number, count: number): World {
  const world = new World(seed, count)

  world.ids.forEach(id => { world.after(world.random() * 1_500, () => { world.start(id) }) })

  return world
}

describe('masters among which anything goes wrong', () => {
  it('have one coordinator again in every part of the mesh, and never two for long that hear each other', () => {
    fc.assert(fc.property(seeds, fc.integer({ min: 1, max: 7 }), (seed, count) => {
      const world = newWorld(seed, count)
      const watch = watchPairs(world)

      for (let times = 0; times < 25; times++) {
        world.run(world.random() * 1_500, watch)
        disturb(world)
      }

      // flapping goes on for so long
      world.run(16_000, watch)
      calm(world)
      world.run(HEAL_MS, watch)
      expectOneEach(world)

      const { length } = world.reigns

      world.run(20_000, watch)
      expectOneEach(world)
      expect(world.reigns, 'nobody claims while nothing happens').toHaveLength(length)

      heal(world)
      world.ids.filter(id => world.masters.get(id)?.process == null).forEach(id => { world.start(id) })
      world.run(HEAL_MS, watch)
      expectOneEach(world)
      expect(world.claimants()).toHaveLength(1)
      expectNewTerms(world)
    }), RUNS)
  }, 60_000)

  it('keep electing while every link loses a third of the heartbeats', () => {
    fc.assert(fc.property(seeds, fc.integer({ min: 2, max: 5 }), (seed, count) => {
      const world = newWorld(seed, count)
      const watch = watchPairs(world)

      world.ids.forEach(a => { world.ids.forEach(b => { world.way(a, b).loss = 0.33 }) })
      world.run(20_000, watch)
      calm(world)
      world.run(HEAL_MS, watch)
      expectOneEach(world)
      expectNewTerms(world)
    }), { numRuns: 60 })
  }, 30_000)
})

describe('while nothing else happens', () => {
  const calmWorld = (seed: number, count: number): World => {
    const world = newWorld(seed, count)

    world.run(5_000)
    expectOneEach(world)

    return world
  }

  /** Milliseconds until all that run agree on one that runs. */
  const untilOneReigns = (world: World, gone: string): number => {
    const startMs = world.nowMs
    let sinceMs: number | undefined

    world.run(4_000, () => {
      const agreed = world.running().every(id => world.coordinatorOf(id) !== gone && world.coordinatorOf(id) != null && world.coordinatorOf(id) === world.coordinatorOf(world.running()[0]!))

      sinceMs = agreed ? sinceMs ?? world.nowMs : undefined
    })

    return (sinceMs ?? Infinity) - startMs
  }

  it.each([
    ['is killed', 900, (world: World, id: string) => { world.kill(id) }],
    ['is gone with its machine', 2_000, (world: World, id: string) => { world.kill(id, true) }],
    ['is cut off from all', 2_000, (world: World, id: string) => { world.ids.forEach(other => { if (other !== id) world.link(id, other, false) }) }]
  ])('another reigns soon when the coordinator %s', (_, withinMs, end) => {
    fc.assert(fc.property(seeds, fc.integer({ min: 2, max: 7 }), (seed, count) => {
      const world = calmWorld(seed, count)
      const gone = world.coordinatorOf('m0')!

      end(world, gone)

      const others = world.ids.filter(id => id !== gone)

      if (world.running().includes(gone)) {
        const startMs = world.nowMs
        let agreedMs: number | undefined

        world.run(4_000, () => { agreedMs = others.every(id => world.coordinatorOf(id) != null && world.coordinatorOf(id) !== gone) ? agreedMs ?? world.nowMs : undefined })
        expect((agreedMs ?? Infinity) - startMs).toBeLessThan(withinMs)
      } else {
        expect(untilOneReigns(world, gone)).toBeLessThan(withinMs)
      }

      world.run(3_000)
      expectOneEach(world)
    }), { numRuns: 50 })
  }, 30_000)

  it('another reigns within two seconds when the coordinator stands still, and it follows when it goes on', () => {
    fc.assert(fc.property(seeds, fc.integer({ min: 2, max: 7 }), (seed, count) => {
      const world = calmWorld(seed, count)
      const frozen = world.coordinatorOf('m0')!
      const others = world.ids.filter(id => id !== frozen)
      let agreedMs: number | undefined
      const startMs = world.nowMs

      world.pause(frozen, 10_000)
      world.run(9_000, () => { agreedMs = others.every(id => world.coordinatorOf(id) != null && world.coordinatorOf(id) !== frozen) ? agreedMs ?? world.nowMs : undefined })
      expect((agreedMs ?? Infinity) - startMs).toBeLessThan(2_000)

      const { length } = world.reigns

      world.run(5_000)
      expectOneEach(world)
      expect(world.coordinatorOf(frozen)).not.toBe(frozen)
      expect(world.reigns, 'waking up is no reason to claim').toHaveLength(length)
    }), { numRuns: 50 })
  }, 30_000)

  it('a standby that stood still displaces nobody', () => {
    fc.assert(fc.property(seeds, fc.integer({ min: 2, max: 7 }), fc.integer({ min: 200, max: 60_000 }), (seed, count, ms) => {
      const world = calmWorld(seed, count)
      const { length } = world.reigns

      world.pause(pick(world.random, world.ids.filter(id => id !== world.coordinatorOf(id))), ms)
      world.run(ms + 5_000)
      expect(world.reigns).toHaveLength(length)
      expectOneEach(world)
    }), { numRuns: 50 })
  }, 30_000)

  it('a live coordinator stays when a link is lost, in one direction or both, that leaves the mesh whole', () => {
    fc.assert(fc.property(seeds, fc.integer({ min: 3, max: 7 }), fc.boolean(), (seed, count, oneWay) => {
      const world = calmWorld(seed, count)
      const { length } = world.reigns

      for (let times = 0; times < 4; times++) {
        const [a, b] = [pick(world.random, world.ids), pick(world.random, world.ids)]
        const before = world.way(a, b).up && world.way(b, a).up

        if (oneWay) {
          world.way(a, b).up = false
        } else {
          world.link(a, b, false)
        }

        if (world.components().length > 1) {
          world.link(a, b, before)
        }

        world.run(world.random() * 3_000)
      }

      world.run(3_000)
      expectOneEach(world)
      expect(world.reigns).toHaveLength(length)
    }), { numRuns: 50 })
  }, 30_000)

  it('one that starts later displaces nobody, with whatever id', () => {
    fc.assert(fc.property(seeds, fc.integer({ min: 2, max: 7 }), (seed, count) => {
      const world = new World(seed, count)
      const late = pick(world.random, world.ids)

      world.ids.filter(id => id !== late).forEach(id => { world.start(id) })
      world.run(5_000)

      const { length } = world.reigns

      world.start(late)
      world.run(5_000)
      expectOneEach(world)
      expect(world.reigns).toHaveLength(length)
    }), { numRuns: 50 })
  }, 30_000)

  it('a coordinator that is started again at once leaves no mesh without one', () => {
    fc.assert(fc.property(seeds, fc.integer({ min: 1, max: 7 }), (seed, count) => {
      const world = calmWorld(seed, count)
      const id = world.coordinatorOf('m0')!

      world.kill(id, true)
      world.run(world.random() * 300)
      world.start(id)
      expect(untilOneReigns(world, 'none')).toBeLessThan(3_000)
      world.run(2_000)
      expectOneEach(world)
      expectNewTerms(world)
    }), { numRuns: 50 })
  }, 30_000)
})

describe('masters that do not hear each other and share a worker', () => {
  it('settle on one, while the other tries ever more seldom', () => {
    fc.assert(fc.property(seeds, seed => {
      const world = newWorld(seed, 2)

      world.link('m0', 'm1', false)
      world.workers.push({ masters: new Set(world.ids) })
      world.run(120_000)

      const { length } = world.reigns

      world.run(120_000)
      expect(world.reigns.length - length).toBeLessThan(10)
      expect(world.claimants().length).toBeGreaterThan(0)

      heal(world)
      world.run(HEAL_MS)
      expectOneEach(world)
      expectNewTerms(world)
    }), { numRuns: 30 })
  }, 30_000)
})
