import { MeshmarkError, toError } from '../../model/errors.ts'
import { parseExecutionId } from '../../model/ids.ts'
import { Output } from '../output.ts'
import { runExecution } from './execution.ts'
import { NO_OUTPUT, Parcel } from './parcel.ts'
import type { Boxes } from './boxes.ts'
import type { Deliveries } from './deliveries.ts'
import type { Outbox } from './outbox.ts'
import type { SlotStart } from './slot.ts'
import type { NoiseScope } from '../../machine/noise.ts'
import type { QuietWatch } from '../../machine/quiet-watch.ts'
import type { SomeLimits } from '../../model/limits.ts'
import type { Grant } from '../../model/machine.ts'
import type { ExecutionResult } from '../../model/result.ts'
import type { ContentStore } from '../../store/content.ts'
import type { MachineLock } from '../../store/lock.ts'
import type { Spools } from '../../store/spool.ts'

export interface ExecutionsComponents {
  boxes: Boxes
  /** What no job may exceed here. */
  ceilings: SomeLimits
  /** What jobs may do to the machine. */
  grants: Grant[]
  content: ContentStore
  outbox: Outbox
  lock: MachineLock
  quiet: QuietWatch
  /** What of the machine its measurements depend on. */
  noise: NoiseScope
  /** Outputs that wait for delivery. */
  spools: Spools
  /** Gets whatever there is to say of an execution, and its end. */
  deliveries: Deliveries
  /** Ends what this worker does for itself on the machine. */
  makeRoom: () => Promise<void>
  /** The record is on disk, everything reaped: the slot is free again. */
  onEnded: (execution: string) => Promise<void>
  /** The state that users see has changed. */
  onChange: () => void
  log: (line: string) => void
}

interface Running {
  execution: string
  stop: AbortController
  /** Why it has not begun. */
  waiting?: string
  done: Promise<void>
}

/** What this worker runs, from START to its record. */
export class Executions {
  readonly #components: ExecutionsComponents
  #running?: Running

  constructor (components: ExecutionsComponents) {
    this.#components = components
  }

  get running (): { execution: string, waiting?: string } | undefined {
    return this.#running
  }

  start (execution: string, start: SlotStart): void {
    const stop = new AbortController()

    this.#running = { execution, stop, done: Promise.resolve() }
    this.#running.done = this.#run(this.#running, start)
  }

  /** Kills and reaps; the record says cancelled. */
  cancel (execution: string): void {
    if (this.#running?.execution === execution) {
      this.#running.stop.abort(new MeshmarkError('failed', 'cancelled'))
    }
  }

  /** Resolves when nothing runs. */
  async idle (): Promise<void> {
    await this.#running?.done
  }

  /** Ends what runs at once. */
  async stop (): Promise<void> {
    this.#running?.stop.abort(new Error('the worker was stopped while the program ran'))
    await this.#running?.done
  }

  async #run (running: Running, start: SlotStart): Promise<void> {
    const { outbox, spools, deliveries, boxes, onEnded, log } = this.#components
    const { execution } = running
    let result: ExecutionResult | undefined

    try {
      const output = await Output.open(spools, execution).catch(toError)

      result = output instanceof Error
        ? this.#refuse(execution, `the worker cannot keep what it prints: ${output.message}`)
        : await this.#runWith(output, running, start)
      await outbox.saveResult(result)
    } catch (err) {
      // a full disk must not keep the result from whoever waits for it; should this life end before, the next says `interrupted`
      log(`the record of execution ${execution} is not on disk: ${toError(err).message}`)
    } finally {
      if (result != null) {
        deliveries.finish(execution, result)
      }

      this.#running = undefined
      await onEnded(execution)
      boxes.warm()
    }
  }

  /** There is a record whatever happens: without one its task would never end. */
  #refuse (execution: string, reason: string): ExecutionResult {
    this.#components.deliveries.begin(new Parcel(execution, NO_OUTPUT, () => false), undefined)

    return { key: parseExecutionId(execution), outcome: 'not-run', reason: reason.slice(0, 1_000), commands: [], startedAt: Date.now(), finishedAt: Date.now(), waitedMs: 0 }
  }

  async #runWith (output: Output, running: Running, start: SlotStart): Promise<ExecutionResult> {
    const { boxes, ceilings, grants, content, lock, quiet, noise, deliveries, makeRoom, onChange, log } = this.#components
    const { execution } = running
    let measuring = true
    const parcel = new Parcel(execution, output, () => !measuring)

    deliveries.begin(parcel, output)
    await makeRoom().catch(err => { log(`the worker's own measuring did not end: ${toError(err).message}`) })

    const result = await runExecution({
      execution,
      start,
      boxes,
      ceilings,
      grants,
      content,
      lock,
      quiet,
      noise,
      output,
      onJob: job => { measuring = job.kind === 'run' },
      onReport: report => {
        if (report.kind === 'phase') {
          running.waiting = report.phase === 'waiting-for-machine' ? report.detail : undefined
          onChange()
        }

        parcel.note(report)
      },
      signal: running.stop.signal
    })

    await output.sync().catch(err => { log(`the output of execution ${execution} is not safe from a power cut: ${toError(err).message}`) })

    return result
  }
}
