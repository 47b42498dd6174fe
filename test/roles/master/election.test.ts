import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { DETOUR_MS, MAX_TERM_STEP, newElection, PATIENCE_MS } from '../../../src/roles/master/election/state.ts'
import { beatFor, livePeers, routeToCoordinator, stepElection } from '../../../src/roles/master/election/step.ts'
import type { Beat, HeardClaim } from '../../../src/node/protocol/masters/messages.ts'
import type { ElectionEffect, ElectionEvent, ElectionState } from '../../../src/roles/master/election/state.ts'

/** m5 among others, with a clock that only the test moves. */
class Life {
  readonly state: ElectionState = newElection('m5', 'm5.1', 0)
  nowMs = 1_000
  #stamps = new Map<string, number>()

  step (event: Omit<ElectionEvent, 'nowMs'>): ElectionEffect[] {
    return stepElection(this.state, { ...event, nowMs: this.nowMs } as ElectionEvent)
  }

  /** Ticks until something is written or that time is over; what is written is on the disk at once unless it is held. */
  pass (ms: number, { persist = true } = {}): ElectionEffect[] {
    const effects: ElectionEffect[] = []

    for (const endMs = this.nowMs + ms; this.nowMs < endMs;) {
      this.nowMs += 50

      for (const effect of this.step({ kind: 'tick', random: 0 } as Omit<ElectionEvent, 'nowMs'>)) {
        effects.push(effect)

        if (effect.kind === 'persist-term' && persist) {
          effects.push(...this.persisted(effect.term))
        }
      }
    }

    return effects
  }

  persisted (term: number): ElectionEffect[] {
    return this.step({ kind: 'term-persisted', term } as Omit<ElectionEvent, 'nowMs'>)
  }

  /** A heartbeat from a peer that hears us. */
  beat (peer: string, said: Partial<Beat> = {}): ElectionEffect[] {
    const ours = beatFor(this.state, peer, this.nowMs)
    const sentMs = (this.#stamps.get(peer) ?? 0) + 1

    this.#stamps.set(peer, sentMs)

    return this.step({
      kind: 'beat',
      peer,
      beat: { incarnation: `${peer}.1`, sentMs, term: 0, ...(ours == null ? {} : { heard: { incarnation: 'm5.1', sentMs: ours.sentMs } }), ...said }
    } as Omit<ElectionEvent, 'nowMs'>)
  }

  /** Heartbeats of some peers for a while. */
  live (ms: number, said: Record<string, () => Partial<Beat>>, options?: { persist: boolean }): ElectionEffect[] {
    const effects: ElectionEffect[] = []

    for (const endMs = this.nowMs + ms; this.nowMs < endMs;) {
      for (const [peer, what] of Object.entries(said)) {
        effects.push(...this.beat(peer, what()))
      }

      effects.push(...this.pass(250, options))
    }

    return effects
  }
}

function claimOf (master: string, term: number, renewal: number, hops = 0): HeardClaim {
  return { claim: { term, master }, incarnation: `${master}.1`, renewal, hops }
}

function started (...peers: string[]): Life {
  const life = new Life()

  peers.forEach(peer => { life.step({ kind: 'peer-added', peer } as Omit<ElectionEvent, 'nowMs'>) })
  life.step({ kind: 'start' } as Omit<ElectionEvent, 'nowMs'>)

  return life
}

const kinds = (effects: ElectionEffect[]): string[] => effects.map(({ kind }) => kind)

describe('a master', () => {
  it('that is alone claims at its first tick', () => {
    const life = started()

    expect(kinds(life.step({ kind: 'tick', random: 1 } as Omit<ElectionEvent, 'nowMs'>))).toEqual(['persist-term'])
    expect(life.persisted(1)).toContainEqual({ kind: 'reign', claim: { term: 1, master: 'm5' } })
  })

  it('claims nothing before its term is on the disk', () => {
    const life = started()

    expect(kinds(life.pass(5_000, { persist: false }))).toEqual(['persist-term'])
    expect(life.state.reign).toBeUndefined()
    expect(life.state.coordinator).toBeUndefined()
  })

  it('tries again a while after the disk refused the term, with a higher one', () => {
    const life = started()

    life.pass(100, { persist: false })
    life.step({ kind: 'term-failed', term: 1 } as Omit<ElectionEvent, 'nowMs'>)
    expect(life.pass(900, { persist: false })).toEqual([])
    expect(life.pass(200, { persist: false })).toEqual([{ kind: 'persist-term', term: 2 }])
  })

  it('does not reign when somebody else has begun to while its term was written', () => {
    const life = started('m1')

    life.step({ kind: 'unreachable', peer: 'm1' } as Omit<ElectionEvent, 'nowMs'>)
    life.pass(100, { persist: false })
    life.beat('m1', { term: 1, claim: claimOf('m1', 1, 1) })
    expect(kinds(life.persisted(1))).not.toContain('reign')
    expect(life.state.coordinator).toEqual({ term: 1, master: 'm1' })
  })

  it('does not reign under a term that was seen elsewhere while it was written', () => {
    const life = started('m1')

    life.step({ kind: 'unreachable', peer: 'm1' } as Omit<ElectionEvent, 'nowMs'>)
    life.pass(100, { persist: false })
    life.step({ kind: 'worker-claim', claim: { term: 7, master: 'm9' } } as Omit<ElectionEvent, 'nowMs'>)
    expect(kinds(life.persisted(1))).not.toContain('reign')
    expect(life.pass(500)).toContainEqual({ kind: 'reign', claim: { term: 8, master: 'm5' } })
  })

  it('leaves the claim to a neighbour with a lower id, for so long', () => {
    const life = started('m1')

    expect(kinds(life.live(PATIENCE_MS, { m1: () => ({}) }))).not.toContain('persist-term')
    expect(kinds(life.live(500, { m1: () => ({}) }))).toContain('reign')
  })

  it('claims at once before a neighbour with a higher id that sees no claim either', () => {
    const life = started('m7')

    expect(kinds(life.live(500, { m7: () => ({}) }))).toContain('reign')
  })

  it('does not claim while a neighbour may still see the coordinator', () => {
    const life = started('m7')
    let renewal = 0
    const seesM1 = (): Partial<Beat> => ({ term: 1, claim: claimOf('m1', 1, renewal, 1) })

    life.live(1_000, { m7: () => { renewal += 250; return seesM1() } })
    expect(life.state.coordinator?.master).toBe('m1')
    expect(routeToCoordinator(life.state)).toBe('m7')

    // it is renewed no more, and m7 has not noticed yet
    expect(kinds(life.live(1_500, { m7: seesM1 }))).not.toContain('persist-term')
    expect(life.state.coordinator).toBeUndefined()
    expect(kinds(life.live(1_000, { m7: () => ({ term: 1 }) }))).toContain('reign')
  })

  it('waits for one that it hears and that does not hear it yet', () => {
    const life = started('m7')

    life.live(750, { m7: () => ({ term: 1, claim: claimOf('m7', 1, life.nowMs), heard: undefined }) })
    expect(life.state.term).toBe(1)
    expect(livePeers(life.state)).toEqual([])
    life.live(250, { m7: () => ({ term: 1, claim: claimOf('m7', 1, life.nowMs) }) })
    expect(life.state.coordinator).toEqual({ term: 1, master: 'm7' })
  })

  it('gives way to a higher claim, and not to a lower one', () => {
    const life = started('m1', 'm9')

    life.pass(2_000)
    expect(life.state.reign?.term).toBe(1)
    expect(kinds(life.beat('m1', { term: 1, claim: claimOf('m1', 1, 1) }))).not.toContain('stand-down')
    expect(kinds(life.beat('m9', { term: 1, claim: claimOf('m9', 1, 1) }))).toContain('stand-down')
    expect(life.state.coordinator).toEqual({ term: 1, master: 'm9' })
  })

  it('takes no claim for live again that its claimant has taken back', () => {
    const life = started('m1', 'm7')

    life.beat('m1', { term: 3, claim: claimOf('m1', 3, 1) })
    expect(life.state.coordinator?.master).toBe('m1')
    life.beat('m1', { term: 3, sentMs: 3 })
    expect(life.state.coordinator).toBeUndefined()
    // a heartbeat that this master never had, and that came before the claimant took it back
    life.beat('m7', { term: 3, claim: claimOf('m1', 3, 2, 1) })
    expect(life.state.coordinator).toBeUndefined()
    life.beat('m7', { term: 4, claim: claimOf('m1', 4, 4, 1) })
    expect(life.state.coordinator).toEqual({ term: 4, master: 'm1' })
  })

  it('passes over a heartbeat that comes late, after a later one or from before a restart', () => {
    const life = started('m1')

    life.beat('m1', { incarnation: 'm1.2', term: 3, sentMs: 9 })
    life.beat('m1', { incarnation: 'm1.2', term: 3, sentMs: 8, claim: claimOf('m1', 3, 8) })
    expect(life.state.coordinator).toBeUndefined()
    life.beat('m1', { incarnation: 'm1.1', term: 3, sentMs: 99, claim: claimOf('m1', 3, 99) })
    expect(life.state.coordinator).toBeUndefined()
    expect(beatFor(life.state, 'm1', life.nowMs)?.heard).toEqual({ incarnation: 'm1.2', sentMs: 9 })
  })

  it('answers at once who does not know yet that it is heard', () => {
    const life = started('m1')

    expect(life.beat('m1', { heard: undefined })).toContainEqual({ kind: 'beat', to: 'm1' })
    expect(beatFor(life.state, 'm1', life.nowMs)?.heard).toEqual({ incarnation: 'm1.1', sentMs: 1 })
    expect(life.beat('m1')).not.toContainEqual({ kind: 'beat', to: 'm1' })
  })

  it('that knew the coordinator through others only gives those time to find another way to it', () => {
    const waits = [0, 1].map(hops => {
      const life = started('m7', 'm9')

      life.live(500, { m7: () => ({ term: 1, claim: claimOf(hops === 0 ? 'm7' : 'm8', 1, life.nowMs, hops) }), m9: () => ({ term: 1 }) })
      expect(life.state.coordinator?.term).toBe(1)

      const startMs = life.nowMs

      while (life.state.reign == null) {
        life.live(50, { m7: () => ({ term: 1 }), m9: () => ({ term: 1 }) })
      }

      return life.nowMs - startMs
    })

    expect(waits[1]).toBeGreaterThanOrEqual(DETOUR_MS)
    expect(waits[1]).toBeGreaterThan(waits[0]!)
  })

  it('that was refused by a worker reads on for one heartbeat, and claims above', () => {
    const life = started()

    life.pass(200)
    expect(kinds(life.step({ kind: 'stale', highest: { term: 9, master: 'm1' } } as Omit<ElectionEvent, 'nowMs'>))).toContain('stand-down')
    expect(life.pass(200)).toEqual([])
    expect(life.pass(200)).toContainEqual({ kind: 'reign', claim: { term: 10, master: 'm5' } })
  })

  it('believes no worker that would use up the terms', () => {
    const life = started()

    life.pass(200)
    life.step({ kind: 'stale', highest: { term: MAX_TERM_STEP * 2, master: 'm1' } } as Omit<ElectionEvent, 'nowMs'>)
    expect(life.state.reign).toEqual({ term: 1, master: 'm5' })
  })
})

describe('whatever comes, in whatever order', () => {
  const peer = fc.constantFrom('m1', 'm3', 'm7', 'm9', 'm5')
  const claim = fc.record({ term: fc.nat(20), master: peer })
  const incarnation = fc.tuple(peer, fc.nat(3)).map(([id, n]) => `${id}.${n}`)
  const beat = fc.record({
    incarnation,
    sentMs: fc.nat(3_000),
    term: fc.nat(20),
    claim: fc.option(fc.record({ claim, incarnation, renewal: fc.nat(3_000), hops: fc.nat(5) }), { nil: undefined }),
    heard: fc.option(fc.record({ incarnation: fc.constantFrom('m5.1', 'm5.0'), sentMs: fc.nat(20_000) }), { nil: undefined })
  })
  const event = fc.oneof(
    { weight: 16, arbitrary: fc.record({ kind: fc.constant('tick'), random: fc.double({ min: 0, max: 0.999, noNaN: true }) }) },
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('beat'), peer, beat }) },
    { weight: 4, arbitrary: fc.constant({ kind: 'persist' }) },
    fc.record({ kind: fc.constantFrom('peer-added', 'peer-removed', 'unreachable'), peer }),
    fc.record({ kind: fc.constant('stale'), highest: claim }),
    fc.record({ kind: fc.constant('worker-claim'), claim }),
    fc.record({ kind: fc.constantFrom('term-failed', 'term-persisted'), term: fc.nat(25) })
  )
  const timed = fc.array(fc.tuple(fc.oneof({ weight: 9, arbitrary: fc.nat(400) }, { weight: 1, arbitrary: fc.nat(5_000) }), event), { minLength: 40, maxLength: 120 })

  it('terms only grow, each reign has a term of its own that was on the disk, and reigning and standing by take turns', () => {
    let reigns = 0

    fc.assert(fc.property(timed, events => {
      const state = newElection('m5', 'm5.1', 0)
      let nowMs = 0
      let reigning = false
      let lastTerm = 0
      let wanted: number | undefined
      const onDisk = new Set<number>()
      const step = (said: any): void => {
        if (said.kind === 'term-persisted') {
          onDisk.add(said.term)
        }

        const before = state.term

        for (const effect of stepElection(state, { ...said, nowMs })) {
          switch (effect.kind) {
            case 'persist-term':
              wanted = effect.term
              break
            case 'reign':
              expect(reigning).toBe(false)
              expect(onDisk).toContain(effect.claim.term)
              expect(effect.claim.term).toBeGreaterThan(lastTerm)
              lastTerm = effect.claim.term
              reigning = true
              reigns++
              break
            case 'stand-down':
              expect(reigning).toBe(true)
              reigning = false
              break
            case 'coordinator':
              expect(effect.claim).toEqual(state.coordinator)
              break
          }
        }

        expect(state.term).toBeGreaterThanOrEqual(before)
        expect(state.reign != null).toBe(reigning)
        expect(state.coordinator == null || state.reign == null || state.coordinator.master === 'm5').toBe(true)
        expect(state.peers.has('m5')).toBe(false)
      }

      step({ kind: 'start' })

      for (const [afterMs, said] of events) {
        nowMs += afterMs
        step(said.kind === 'persist' ? { kind: 'term-persisted', term: wanted ?? 0 } : said)

        for (const id of state.peers.keys()) {
          const stamp = state.peers.get(id)!.stampMs

          expect(beatFor(state, id, nowMs)?.sentMs).toBeGreaterThan(stamp)
        }
      }
    }), { numRuns: 500 })

    // it is no test if nobody ever reigns
    expect(reigns).toBeGreaterThan(50)
  })
})
