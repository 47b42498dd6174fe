import { beatFor, livePeers, routeToCoordinator, stepElection } from '../../../src/roles/master/election/step.ts'
import { BEAT_MS, newElection } from '../../../src/roles/master/election/state.ts'
import { compareClaims } from '../../../src/roles/claim.ts'
import type { ElectionEvent, ElectionState } from '../../../src/roles/master/election/state.ts'
import type { Beat } from '../../../src/node/protocol/masters/messages.ts'
import type { Claim } from '../../../src/node/protocol/register/messages.ts'

const TICK_MS = 75
/** A connection that is closed is dialled again at once. */
const REDIAL_MS = 30

/** One direction between two masters. */
interface Way { up: boolean, loss: number, minMs: number, maxMs: number, arrivedMs: number }

interface Process {
  state: ElectionState
  /** Its monotonic clock, beside the world's. */
  offsetMs: number
  nextTickMs: number
  nextBeatMs: number
  pausedUntilMs: number
  /** What came in meanwhile. */
  queue: Array<() => void>
}

export interface Master { id: string, term: number, starts: number, process?: Process }
interface Worker { highest?: Claim, masters: Set<string> }
interface Timer { atMs: number, order: number, run: () => void }

type Event = ElectionEvent extends infer E ? E extends { nowMs: number } ? Omit<E, 'nowMs'> : never : never

/**
 * Masters with virtual time, without sockets: heartbeats are delayed, lost, cut
 * off in one or both directions; processes stand still, die and come again with
 * what their disk has. The same seed gives the same history.
 */
export class World {
  nowMs = 0
  readonly masters = new Map<string, Master>()
  readonly workers: Worker[] = []
  /** Every reign that ever began: claims must never repeat. */
  readonly reigns: Array<{ atMs: number, claim: Claim }> = []
  readonly random: () => number
  /** How long a term takes to the disk, at most. */
  diskMs = 20
  readonly #ways = new Map<string, Way>()
  readonly #timers: Timer[] = []
  #order = 0

  constructor (seed: number, count: number) {
    this.random = seeded(seed)

    for (let index = 0; index < count; index++) {
      this.masters.set(`m${index}`, { id: `m${index}`, term: 0, starts: 0 })
    }

    for (const from of this.masters.keys()) {
      for (const to of this.masters.keys()) {
        this.#ways.set(`${from}>${to}`, { up: true, loss: 0, minMs: 1, maxMs: 20, arrivedMs: 0 })
      }
    }
  }

  get ids (): string[] {
    return [...this.masters.keys()]
  }

  running (): string[] {
    return this.ids.filter(id => this.masters.get(id)?.process != null)
  }

  way (from: string, to: string): Way {
    return this.#ways.get(`${from}>${to}`)!
  }

  /** Both directions. */
  link (a: string, b: string, up: boolean): void {
    this.way(a, b).up = up
    this.way(b, a).up = up
  }

  /** Knows all others from its journal. Nothing happens when it runs. */
  start (id: string): void {
    const master = this.masters.get(id)!

    if (master.process != null) {
      return
    }

    // ids of 26 characters, in the order of the starts, as ULIDs have it
    const incarnation = `${id}.${String(++master.starts).padStart(26, '0')}`

    master.process = {
      state: newElection(id, incarnation, master.term),
      offsetMs: this.random() * 1e6,
      nextTickMs: this.nowMs,
      nextBeatMs: this.nowMs,
      pausedUntilMs: 0,
      queue: []
    }

    for (const peer of this.ids) {
      this.say(id, { kind: 'peer-added', peer })
    }

    this.say(id, { kind: 'start' })
    this.ids.filter(peer => peer !== id).forEach(peer => { this.#redial(id, peer) })
    this.#wake(id)
  }

  /** `silent` = its machine is gone, and nothing says that the connections are closed. */
  kill (id: string, silent = false): void {
    this.masters.get(id)!.process = undefined

    if (!silent) {
      this.running().forEach(peer => { this.#redial(peer, id) })
    }
  }

  pause (id: string, ms: number): void {
    const process = this.masters.get(id)?.process

    if (process != null) {
      process.pausedUntilMs = Math.max(process.pausedUntilMs, this.nowMs + ms)
    }
  }

  claimants (): Claim[] {
    return this.running().flatMap(id => this.masters.get(id)?.process?.state.reign ?? [])
  }

  coordinatorOf (id: string): string | undefined {
    return this.masters.get(id)?.process?.state.coordinator?.master
  }

  routeOf (id: string): string | undefined {
    const state = this.masters.get(id)?.process?.state

    return state == null ? undefined : routeToCoordinator(state)
  }

  hears (a: string, b: string): boolean {
    const state = this.masters.get(a)?.process?.state

    return state != null && livePeers(state).includes(b)
  }

  /** Running masters that reach each other, in both directions, through whomever. */
  components (): string[][] {
    const left = new Set(this.running())
    const components: string[][] = []

    for (const first of left) {
      const component = [first]
      left.delete(first)

      for (const id of component) {
        for (const other of left) {
          if (this.way(id, other).up && this.way(other, id).up) {
            component.push(other)
            left.delete(other)
          }
        }
      }

      components.push(component.sort())
    }

    return components
  }

  after (ms: number, run: () => void): void {
    this.#timers.push({ atMs: this.nowMs + ms, order: this.#order++, run })
  }

  /** `watch` sees the world after everything that happened. */
  run (ms: number, watch: () => void = () => {}): void {
    const endMs = this.nowMs + ms

    for (;;) {
      let next = -1

      this.#timers.forEach((timer, index) => {
        const best = this.#timers[next]

        if (timer.atMs <= endMs && (best == null || timer.atMs < best.atMs || (timer.atMs === best.atMs && timer.order < best.order))) {
          next = index
        }
      })

      const [timer] = next < 0 ? [] : this.#timers.splice(next, 1)

      if (timer == null) {
        break
      }

      this.nowMs = Math.max(this.nowMs, timer.atMs)
      timer.run()
      watch()
    }

    this.nowMs = endMs
  }

  say (id: string, event: Event): void {
    const master = this.masters.get(id)
    const process = master?.process

    if (master == null || process == null) {
      return
    }

    for (const effect of stepElection(process.state, { ...event, nowMs: this.#clockOf(process) })) {
      switch (effect.kind) {
        case 'persist-term':
          this.after(this.random() * this.diskMs, () => {
            master.term = Math.max(master.term, effect.term)
            this.#deliver(id, process, () => { this.say(id, { kind: 'term-persisted', term: effect.term }) })
          })
          break
        case 'reign':
          this.reigns.push({ atMs: this.nowMs, claim: effect.claim })
          break
        case 'beat':
          this.#beat(id, effect.to)
          break
      }
    }
  }

  #clockOf (process: Process): number {
    return this.nowMs + process.offsetMs
  }

  #wake (id: string): void {
    const process = this.masters.get(id)?.process

    if (process == null) {
      return
    }

    if (process.pausedUntilMs > this.nowMs) {
      // the timers may well come before the sockets
      this.after(process.pausedUntilMs - this.nowMs, () => {
        const first = this.random() < 0.5

        if (first && this.masters.get(id)?.process === process) {
          this.say(id, { kind: 'tick', random: this.random() })
        }

        process.queue.splice(0).forEach(run => { run() })

        if (this.masters.get(id)?.process === process) {
          this.#wake(id)
        }
      })
      return
    }

    if (process.nextTickMs <= this.nowMs) {
      process.nextTickMs = this.nowMs + TICK_MS * (0.8 + 0.4 * this.random())
      this.say(id, { kind: 'tick', random: this.random() })
      this.#command(id)
    }

    if (process.nextBeatMs <= this.nowMs) {
      process.nextBeatMs = this.nowMs + BEAT_MS
      this.#beat(id)
    }

    this.after(Math.max(0, Math.min(process.nextTickMs, process.nextBeatMs) - this.nowMs), () => {
      if (this.masters.get(id)?.process === process) {
        this.#wake(id)
      }
    })
  }

  #beat (from: string, only?: string): void {
    const process = this.masters.get(from)?.process

    for (const to of process == null ? [] : only == null ? this.ids.filter(id => id !== from) : [only]) {
      const beat = beatFor(process!.state, to, this.#clockOf(process!))

      if (beat != null) {
        this.#send(from, to, beat)
      }
    }
  }

  #send (from: string, to: string, beat: Beat): void {
    const way = this.way(from, to)
    const receiver = this.masters.get(to)?.process

    if (!way.up || receiver == null || this.random() < way.loss) {
      return
    }

    // most come in order, as on a stream; some of an older stream come late
    const inOrder = this.random() < 0.95
    const atMs = this.nowMs + way.minMs + this.random() * (way.maxMs - way.minMs)

    way.arrivedMs = inOrder ? Math.max(way.arrivedMs, atMs) : way.arrivedMs
    this.after((inOrder ? way.arrivedMs : atMs) - this.nowMs, () => {
      this.#deliver(to, receiver, () => { this.say(to, { kind: 'beat', peer: from, beat }) })
    })
  }

  #deliver (to: string, process: Process, run: () => void): void {
    if (this.masters.get(to)?.process !== process) {
      return
    }

    if (process.pausedUntilMs > this.nowMs) {
      process.queue.push(() => {
        if (this.masters.get(to)?.process === process) {
          run()
        }
      })
    } else {
      run()
    }
  }

  #redial (from: string, to: string): void {
    const process = this.masters.get(from)?.process

    // what is on its way comes before the end of the connection
    this.after(this.way(to, from).maxMs + this.random() * REDIAL_MS, () => {
      // a dial that is lost on its way says nothing
      if (process != null && this.masters.get(to)?.process == null && this.way(from, to).up && this.way(to, from).up) {
        this.#deliver(from, process, () => { this.say(from, { kind: 'unreachable', peer: to }) })
      }
    })
  }

  /** Whoever reigns commands its workers, which obey the highest claim only. */
  #command (id: string): void {
    for (const worker of this.workers) {
      const reign = this.masters.get(id)?.process?.state.reign

      if (reign == null || !worker.masters.has(id)) {
        continue
      }

      if (worker.highest == null || compareClaims(reign, worker.highest) >= 0) {
        worker.highest = reign
      } else {
        this.say(id, { kind: 'stale', highest: worker.highest })
      }
    }
  }
}

/** mulberry32, a small deterministic random source. */
function seeded (seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0

    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed)

    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t

    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}
