import type { AcquireOptions } from '../../store/lock-file.ts'
import type { HeldLock, MachineLock } from '../../store/lock.ts'

/** Whoever waits to measure waits for this long at most, beside what runs. */
const MOST_MS = 250

/** What follows at once shares the turn of what was before. */
const LINGER_MS = 25

interface Turn {
  lock: Promise<HeldLock>
  sinceMs: number
  users: number
  closing?: NodeJS.Timeout
}

/**
 * Turns on the machine. What is not measured shares it, and many short programs
 * share one turn: taking the locks costs more than running one of them. Nobody
 * joins a turn that has lasted, so that whoever waits for the machine alone
 * gets it.
 */
export class SharedTurns {
  readonly #lock: MachineLock
  #turn?: Turn

  constructor (lock: MachineLock) {
    this.#lock = lock
  }

  /** Rejects with the signal's reason when it is aborted while waiting. */
  async alone (options: AcquireOptions): Promise<HeldLock> {
    this.#leave()

    return this.#lock.acquire('exclusive', options)
  }

  async shared (options: AcquireOptions): Promise<HeldLock> {
    const young = this.#turn != null && performance.now() - this.#turn.sinceMs < MOST_MS ? this.#turn : undefined
    const turn = young ?? { lock: this.#lock.acquire('shared', options), sinceMs: Infinity, users: 0 }

    if (young == null) {
      this.#leave()
      await turn.lock
      turn.sinceMs = performance.now()
      this.#turn = turn
    }

    clearTimeout(turn.closing)
    turn.users++

    let released = false

    return {
      release: async () => {
        if (!released) {
          released = true
          turn.users--
          this.#settle(turn)
        }
      }
    }
  }

  async stop (): Promise<void> {
    const turn = this.#turn

    this.#leave()
    await (await turn?.lock)?.release()
  }

  /** Nobody joins it any more. */
  #leave (): void {
    const turn = this.#turn

    this.#turn = undefined

    if (turn != null) {
      this.#settle(turn)
    }
  }

  #settle (turn: Turn): void {
    clearTimeout(turn.closing)

    if (turn.users > 0) {
      return
    }

    const close = (): void => {
      if (this.#turn === turn) {
        this.#turn = undefined
      }

      void turn.lock.then(async lock => lock.release(), () => {})
    }

    if (this.#turn === turn && performance.now() - turn.sinceMs < MOST_MS) {
      turn.closing = setTimeout(close, LINGER_MS)
    } else {
      close()
    }
  }
}
