import { setTimeout as delay } from 'node:timers/promises'
import { toError } from '../../model/errors.ts'

/** Pause after a job came in between. */
const RETRY_MS = 1_000

/** A worker that is never idle for a second goes without. */
const MOST_ATTEMPTS = 20

export interface IdleWorkComponents {
  /** Nothing is reserved, nothing runs. */
  isFree: () => boolean
  /** Does it; rejects with the signal's reason as soon as that fires, with nothing left of it. */
  work: (signal: AbortSignal) => Promise<void>
  /** It cannot be done. */
  onFailure: (err: Error) => void
}

/** Something that a worker does once for itself, in the background, and that gives way to every job. */
export class IdleWork {
  readonly #components: IdleWorkComponents
  readonly #stop = new AbortController()
  #attempt?: { stop: AbortController, done: Promise<void> }
  #running?: Promise<void>

  constructor (components: IdleWorkComponents) {
    this.#components = components
  }

  start (): void {
    this.#running ??= this.#run()
  }

  /** Somebody wants the machine: resolves when nothing is left of an attempt. */
  async giveWay (): Promise<void> {
    this.#attempt?.stop.abort(new Error('a job comes first'))
    await this.#attempt?.done
  }

  async stop (): Promise<void> {
    this.#stop.abort(new Error('the worker stops'))
    await this.giveWay()
    await this.#running
  }

  async #run (): Promise<void> {
    const { isFree, work, onFailure } = this.#components
    const { signal } = this.#stop

    for (let attempts = 0; attempts < MOST_ATTEMPTS && !signal.aborted; attempts++) {
      if (isFree()) {
        const stop = new AbortController()
        const working = work(AbortSignal.any([stop.signal, signal]))

        this.#attempt = { stop, done: working.then(() => {}, () => {}) }

        try {
          await working
          return
        } catch (err) {
          if (!stop.signal.aborted && !signal.aborted) {
            onFailure(toError(err))
            return
          }
        } finally {
          this.#attempt = undefined
        }
      }

      await delay(RETRY_MS, undefined, { signal, ref: false }).catch(() => {})
    }
  }
}
