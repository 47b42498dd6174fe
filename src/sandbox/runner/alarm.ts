import { check } from './boot.ts'
import type { Libc } from '../native/libc.ts'

/** A real-time signal that nobody uses. Programs cannot send it here: the runner's threads are guarded. */
const SIGNAL = 50

const CLOCK_MONOTONIC = 1
/** The signal goes to one thread. */
const SIGEV_THREAD_ID = 4

/** Should the signal come between the last look at the clock and the call that it should interrupt, the next one follows. */
const AGAIN_NS = 10_000_000n

/**
 * Interrupts a blocking call of the thread that made it, with a timer of the
 * kernel: wait4 then returns -1 with EINTR. The handler must be C and gets an
 * int; abs(3) does.
 */
export class Alarm {
  readonly #libc: Libc
  readonly #id: number
  /** struct itimerspec: interval and first expiry, each seconds and nanoseconds. */
  readonly #spec = Buffer.alloc(32)
  readonly #never = Buffer.alloc(32)

  constructor (libc: Libc) {
    // struct sigevent: value, signal, kind, thread; padded to 64 bytes.
    const event = Buffer.alloc(64)
    const id = Buffer.alloc(8)

    this.#libc = libc
    libc.signal(SIGNAL, libc.harmlessHandler())
    check(libc, 'siginterrupt', libc.siginterrupt(SIGNAL, 1))
    event.writeInt32LE(SIGNAL, 8)
    event.writeInt32LE(SIGEV_THREAD_ID, 12)
    event.writeInt32LE(libc.gettid(), 16)
    check(libc, 'timer_create', libc.timerCreate(CLOCK_MONOTONIC, event, id))
    this.#id = id.readInt32LE(0)
    this.#spec.writeBigInt64LE(AGAIN_NS, 8)
  }

  /** Replaces an earlier one. */
  set (ms: number): void {
    const afterNs = BigInt(Math.max(1, ms)) * 1_000_000n

    this.#spec.writeBigInt64LE(afterNs / 1_000_000_000n, 16)
    this.#spec.writeBigInt64LE(afterNs % 1_000_000_000n, 24)
    this.#libc.timerSettime(this.#id, 0, this.#spec)
  }

  stop (): void {
    this.#libc.timerSettime(this.#id, 0, this.#never)
  }
}
