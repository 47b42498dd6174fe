import { random } from './random.ts'

interface Happening { atMs: number, order: number, run: () => void }

/** The world begins at this wall-clock time. */
const EPOCH_MS = 1_700_000_000_000

/**
 * Virtual time, and the processes that live in it. One thing happens after the
 * other; whatever a process awaits goes on before the next thing happens, so a
 * seed always gives the same history.
 */
export class World {
  nowMs = 0
  readonly random: () => number
  readonly history: string[] = []
  /** Called after everything that happened. */
  onStep = (): void => {}
  readonly #tells: boolean
  readonly #heap: Happening[] = []
  #order = 0
  /** Promises were settled: what waits for them goes on first. */
  #stirred = false

  /** `tells` = keep the history. */
  constructor (seed: number, tells = false) {
    this.random = random(seed)
    this.#tells = tells
  }

  say (line: () => string): void {
    if (this.#tells) {
      this.history.push(`${(this.nowMs / 1_000).toFixed(3).padStart(9)}  ${line()}`)
    }
  }

  /** From `low` to `high`. */
  between (low: number, high: number): number {
    return low + this.random() * (high - low)
  }

  chance (probability: number): boolean {
    return this.random() < probability
  }

  pick<T> (from: readonly T[]): T | undefined {
    return from[Math.floor(this.random() * from.length)]
  }

  stir (): void {
    this.#stirred = true
  }

  after (ms: number, run: () => void): void {
    const heap = this.#heap
    const happening = { atMs: this.nowMs + ms, order: this.#order++, run }
    let at = heap.length

    heap.push(happening)

    while (at > 0) {
      const parent = (at - 1) >>> 1

      if (!isBefore(happening, heap[parent]!)) {
        break
      }

      heap[at] = heap[parent]!
      at = parent
    }

    heap[at] = happening
  }

  /** Until then, or until `isOver` says so. */
  async run (ms: number, isOver = (): boolean => false): Promise<void> {
    const endMs = this.nowMs + ms
    const { now } = Date

    Date.now = () => EPOCH_MS + Math.floor(this.nowMs)

    try {
      await this.#settle()

      while (this.#heap.length > 0 && this.#heap[0]!.atMs <= endMs && !isOver()) {
        const next = this.#pop()

        this.nowMs = Math.max(this.nowMs, next.atMs)
        next.run()
        await this.#settle()
        this.onStep()
      }
    } finally {
      Date.now = now
    }

    if (!isOver()) {
      this.nowMs = endMs
    }
  }

  async #settle (): Promise<void> {
    while (this.#stirred) {
      this.#stirred = false
      // behind every promise that can go on
      await new Promise(resolve => { setImmediate(resolve) })
    }
  }

  #pop (): Happening {
    const heap = this.#heap
    const first = heap[0]!
    const last = heap.pop()!

    if (heap.length > 0) {
      let at = 0

      for (;;) {
        let child = 2 * at + 1

        if (child >= heap.length) {
          break
        }

        if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) {
          child++
        }

        if (isBefore(last, heap[child]!)) {
          break
        }

        heap[at] = heap[child]!
        at = child
      }

      heap[at] = last
    }

    return first
  }
}

function isBefore (a: Happening, b: Happening): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order)
}

/** One life of a node: timers, what comes from sockets and disks, its clocks. Nothing of it happens after its death, nor while it stands still. */
export class Process {
  readonly id: string
  alive = true
  /** Its wall clock is so far ahead of the world's. */
  wallAheadMs: number
  readonly #world: World
  readonly #monotonicMs: number
  #pausedUntilMs: number
  readonly #dueTimers: Array<() => void> = []
  readonly #dueInput: Array<() => void> = []

  constructor (world: World, id: string, wallAheadMs: number) {
    this.#world = world
    this.id = id
    this.wallAheadMs = wallAheadMs
    this.#monotonicMs = world.between(0, 1e6)
    this.#pausedUntilMs = world.nowMs
  }

  get isAwake (): boolean {
    return this.alive && this.#pausedUntilMs <= this.#world.nowMs
  }

  /** It has lived and not stood still for so long. */
  isSteady (ms: number): boolean {
    return this.alive && this.#pausedUntilMs <= this.#world.nowMs - ms
  }

  monotonic (): number {
    return this.#world.nowMs + this.#monotonicMs
  }

  wall (): number {
    return EPOCH_MS + Math.floor(this.#world.nowMs + this.wallAheadMs)
  }

  kill (): void {
    this.alive = false
  }

  /** Stands still. Afterwards its timers may well fire before it reads its sockets. */
  pause (ms: number): void {
    const world = this.#world
    const untilMs = world.nowMs + ms

    if (!this.alive || untilMs <= this.#pausedUntilMs) {
      return
    }

    this.#pausedUntilMs = untilMs
    world.after(ms, () => {
      if (!this.alive || this.#pausedUntilMs > world.nowMs) {
        return
      }

      const [timers, input] = [this.#dueTimers.splice(0), this.#dueInput.splice(0)]

      // each as a happening of its own, in this order
      for (const run of world.chance(0.7) ? [...timers, ...input] : [...input, ...timers]) {
        world.after(0, () => { this.#do(run) })
      }
    })
  }

  /** A timer. */
  after (ms: number, run: () => void): void {
    this.#world.after(ms, () => { this.#whenAwake(run, this.#dueTimers) })
  }

  every (ms: number, run: () => void): void {
    this.after(ms, () => {
      this.every(ms, run)
      run()
    })
  }

  /** Something comes from outside. */
  input (ms: number, run: () => void): void {
    this.#world.after(ms, () => { this.#whenAwake(run, this.#dueInput) })
  }

  async sleep (ms: number): Promise<void> {
    return new Promise(resolve => {
      this.after(ms, () => {
        this.#world.stir()
        resolve()
      })
    })
  }

  #whenAwake (run: () => void, due: Array<() => void>): void {
    if (!this.alive) {
      return
    }

    if (this.#pausedUntilMs > this.#world.nowMs) {
      due.push(run)
    } else {
      this.#do(run)
    }
  }

  #do (run: () => void): void {
    if (this.alive) {
      Date.now = () => this.wall()
      run()
    }
  }
}
