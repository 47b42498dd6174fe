import { setTimeout as delay } from 'node:timers/promises'
import { toError } from '../../model/errors.ts'
import { DEFAULT_QUIET_MS } from '../../model/plan.ts'
import { measureFloor } from '../../sandbox/index.ts'
import type { QuietWatch } from '../../machine/quiet-watch.ts'
import type { WorkerInfo } from '../../model/machine.ts'
import type { Box } from '../../sandbox/index.ts'
import type { MachineLock } from '../../store/lock.ts'

/** Pause after a job came in between. */
const RETRY_MS = 1_000

/** A worker that is never idle for a second goes without. */
const MOST_ATTEMPTS = 20

export interface FloorMeterComponents {
  createBox: (signal: AbortSignal) => Promise<Box>
  lock: MachineLock
  quiet: QuietWatch
  /** Nothing is reserved, nothing runs. */
  isFree: () => boolean
  onMeasured: () => void
  log: (line: string) => void
}

/**
 * Measures the floor of a worker's machine once, in the background: as any
 * measurement it waits for a quiet moment and has the machine for itself, but
 * it gives way to every job.
 */
export class FloorMeter {
  readonly #components: FloorMeterComponents
  readonly #stop = new AbortController()
  #floor: WorkerInfo['floor']
  #attempt?: { stop: AbortController, done: Promise<void> }
  #running?: Promise<void>

  constructor (components: FloorMeterComponents) {
    this.#components = components
  }

  /** Absent as long as it is not measured. */
  get floor (): WorkerInfo['floor'] {
    return this.#floor
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
    const { isFree, onMeasured, log } = this.#components
    const { signal } = this.#stop

    for (let attempts = 0; attempts < MOST_ATTEMPTS && !signal.aborted; attempts++) {
      if (isFree()) {
        const stop = new AbortController()
        const measuring = this.#measure(AbortSignal.any([stop.signal, signal]))

        this.#attempt = { stop, done: measuring.then(() => {}, () => {}) }

        try {
          this.#floor = await measuring
          onMeasured()
          return
        } catch (err) {
          if (!stop.signal.aborted && !signal.aborted) {
            log(`what starting a program costs here could not be measured: ${toError(err).message}`)
            return
          }
        } finally {
          this.#attempt = undefined
        }
      }

      await delay(RETRY_MS, undefined, { signal, ref: false }).catch(() => {})
    }
  }

  async #measure (signal: AbortSignal): Promise<WorkerInfo['floor']> {
    const { createBox, lock, quiet } = this.#components

    await quiet.wait(DEFAULT_QUIET_MS, signal)

    const held = await lock.acquire('exclusive', { signal })

    try {
      const box = await createBox(signal)

      try {
        return await measureFloor(box, { signal })
      } finally {
        await box.close()
      }
    } finally {
      await held.release()
    }
  }
}
