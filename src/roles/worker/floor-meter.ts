import { DEFAULT_QUIET_MS } from '../../model/plan.ts'
import { measureFloor } from '../../sandbox/index.ts'
import { IdleWork } from './idle-work.ts'
import type { QuietWatch } from '../../machine/quiet-watch.ts'
import type { WorkerInfo } from '../../model/machine.ts'
import type { Box } from '../../sandbox/index.ts'
import type { MachineLock } from '../../store/lock.ts'

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
  readonly #work: IdleWork
  #floor: WorkerInfo['floor']

  constructor (components: FloorMeterComponents) {
    this.#components = components
    this.#work = new IdleWork({
      isFree: components.isFree,
      work: async signal => {
        this.#floor = await this.#measure(signal)
        components.onMeasured()
      },
      onFailure: ({ message }) => { components.log(`what starting a program costs here could not be measured: ${message}`) }
    })
  }

  /** Absent as long as it is not measured. */
  get floor (): WorkerInfo['floor'] {
    return this.#floor
  }

  start (): void {
    this.#work.start()
  }

  /** Somebody wants the machine: resolves when nothing is left of an attempt. */
  async giveWay (): Promise<void> {
    await this.#work.giveWay()
  }

  async stop (): Promise<void> {
    await this.#work.stop()
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
