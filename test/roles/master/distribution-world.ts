import { random } from '../../simulation/random.ts'
import { stepPlan } from '../../../src/roles/master/distribution/step.ts'
import { ROOT, emptyPlan } from '../../../src/roles/master/distribution/state.ts'
import type { PlanEffect, PlanEvent, PlanState } from '../../../src/roles/master/distribution/state.ts'

/** Draws that a seed repeats. */
export class Random {
  readonly #next: () => number

  constructor (seed: number) {
    this.#next = random(seed)
  }

  /** From 0 to below the bound. */
  int (bound: number): number {
    return Math.floor(this.#next() * bound)
  }

  chance (part: number): boolean {
    return this.#next() < part
  }

  pick<T> (values: readonly T[]): T {
    return values[this.int(values.length)]!
  }

  shuffle<T> (values: readonly T[]): T[] {
    return values.map(value => ({ value, at: this.#next() })).sort((a, b) => a.at - b.at).map(({ value }) => value)
  }
}

/** `freezes`: says nothing and takes nothing any more, until it is missed. `mute`: receives, but what it should pass on never leaves. */
export type Fault = 'dies' | 'freezes' | 'mute' | 'lies' | 'slanders'

export interface Machine {
  id: string
  /** Milliseconds that a chunk takes to leave or to arrive. */
  msPerChunk: number
  relays: boolean
  fault?: Fault
  faultAtMs: number
  joinsAtMs: number
}

interface Link {
  from: string
  to: string
  open: boolean
}

const TICK_MS = 500
/** A connection to a machine that is gone, and to one that only hangs. */
const MISSED_MS = 20
const HUNG_MS = 15_000
const END_MS = 30 * 60_000

/** The plan among machines under virtual time: chunks take their time, and some machines do not do what they are told. */
export class DistributionWorld {
  readonly state: PlanState
  readonly outcomes = new Map<string, 'served' | 'failed'>()
  readonly leftOut = new Set<string>()
  uploaded = 0
  nowMs = 0
  readonly #here = new Map<string, number>()
  readonly #gone = new Set<string>()
  #links: Link[] = []
  /** Looked at again whenever something has happened. */
  readonly #waiting = new Set<Link>()
  readonly #queue: Array<{ atMs: number, order: number, run: () => void }> = []
  #order = 0

  constructor (readonly chunks: number, readonly machines: Machine[], readonly onStep: (effects: PlanEffect[], world: DistributionWorld) => void) {
    this.state = emptyPlan(chunks)
  }

  /** Until nothing is left to happen. */
  run (): void {
    for (const machine of this.machines) {
      this.#at(machine.joinsAtMs, () => { this.#feed({ kind: 'want', worker: machine.id, relays: machine.relays, nowMs: this.nowMs }) })

      if (machine.fault === 'dies') {
        this.#at(machine.faultAtMs, () => {
          this.#gone.add(machine.id)
          this.#at(MISSED_MS, () => { this.#miss(machine.id) })
        })
      }

      if (machine.fault === 'freezes') {
        this.#at(machine.faultAtMs + HUNG_MS, () => {
          this.#gone.add(machine.id)
          this.#miss(machine.id)
        })
      }
    }

    const tick = (): void => {
      this.#feed({ kind: 'tick', nowMs: this.nowMs })

      if (this.machines.some(({ id, joinsAtMs }) => this.nowMs < joinsAtMs || (!this.outcomes.has(id) && !this.#gone.has(id)))) {
        this.#at(TICK_MS, tick)
      }
    }

    this.#at(TICK_MS, tick)

    while (this.#queue.length > 0 && this.nowMs < END_MS) {
      this.#queue.sort((a, b) => a.atMs - b.atMs || a.order - b.order)
      const next = this.#queue.shift()!

      this.nowMs = next.atMs
      next.run()

      const waiting = [...this.#waiting]

      this.#waiting.clear()
      waiting.forEach(link => { this.#pump(link) })
    }
  }

  isGone (id: string): boolean {
    return this.#gone.has(id)
  }

  #at (delayMs: number, run: () => void): void {
    this.#queue.push({ atMs: this.nowMs + delayMs, order: this.#order++, run })
  }

  #machine (id: string): Machine | undefined {
    return this.machines.find(machine => machine.id === id)
  }

  /** Everything it was part of ends. */
  #miss (id: string): void {
    for (const link of this.#links.filter(({ open, from, to }) => open && (from === id || to === id))) {
      link.open = false

      if (link.from === id) {
        this.#feed({ kind: 'link-failed', from: id, to: link.to, reason: 'it is gone', own: true, nowMs: this.nowMs })
      }
    }

    this.#feed({ kind: 'drop', worker: id, nowMs: this.nowMs })
  }

  #feed (event: PlanEvent): void {
    const effects = stepPlan(this.state, event)

    for (const effect of effects) {
      switch (effect.kind) {
        case 'link': {
          const link = { from: effect.from, to: effect.to, open: true }
          this.#links = [...this.#links.filter(({ open }) => open), link]
          this.#at(5, () => { this.#pump(link) })
          break
        }
        case 'unlink':
          this.#links.filter(({ open, from, to }) => open && from === effect.from && to === effect.to).forEach(link => { link.open = false })
          break
        case 'served':
        case 'failed':
          this.outcomes.set(effect.worker, effect.kind)
          break
        case 'left-out':
          this.leftOut.add(effect.worker)
          break
        case 'cleared':
          this.leftOut.delete(effect.worker)
          break
      }
    }

    this.onStep(effects, this)
  }

  #pump (link: Link): void {
    const { from, to } = link
    const sender = this.#machine(from)
    const receiver = this.#machine(to)!

    if (!link.open) {
      return
    }

    const has = (id: string): number => id === ROOT ? this.chunks : this.#here.get(id) ?? 0
    const works = (machine: Machine | undefined): boolean => machine?.fault !== 'freezes' || this.nowMs < machine.faultAtMs
    const mute = sender?.fault === 'mute' && this.nowMs >= sender.faultAtMs

    if (this.#gone.has(from) || this.#gone.has(to) || !works(sender) || !works(receiver) || mute || has(from) <= has(to)) {
      this.#waiting.add(link)
      return
    }

    const siblings = this.#links.filter(({ open, from: other }) => open && other === from).length
    const takesMs = Math.max((sender?.msPerChunk ?? 5) * siblings, receiver.msPerChunk)

    this.#at(takesMs, () => {
      if (!link.open || this.#gone.has(from) || this.#gone.has(to) || !works(sender) || !works(receiver)) {
        this.#waiting.add(link)
        return
      }

      if (from === ROOT) {
        this.uploaded++
        this.#feed({ kind: 'uploaded', chunks: 1, nowMs: this.nowMs })
      }

      const lied = sender?.fault === 'lies' && this.nowMs >= sender.faultAtMs
      const slander = receiver.fault === 'slanders' && sender != null

      if (lied || slander) {
        link.open = false
        this.#feed({ kind: 'lied', worker: to, sender: from, nowMs: this.nowMs })
        this.#feed({ kind: 'link-failed', from, to, reason: 'a chunk arrived damaged', own: false, nowMs: this.nowMs })
        return
      }

      this.#here.set(to, has(to) + 1)

      if (has(to) === this.chunks) {
        link.open = false
        this.#feed({ kind: 'link-done', from, to, nowMs: this.nowMs })
        this.#feed({ kind: 'complete', worker: to, nowMs: this.nowMs })
      } else {
        this.#feed({ kind: 'progress', worker: to, chunks: has(to), nowMs: this.nowMs })
        this.#pump(link)
      }
    })
  }
}
