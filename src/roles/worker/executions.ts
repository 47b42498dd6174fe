import { setTimeout as delay } from 'node:timers/promises'
import { MeshmarkError, toError } from '../../model/errors.ts'
import { Output } from '../output.ts'
import { Delivery } from './delivery.ts'
import { runExecution } from './execution.ts'
import type { Boxes } from './boxes.ts'
import type { Outbox } from './outbox.ts'
import type { SlotStart } from './slot.ts'
import type { NoiseScope } from '../../machine/noise.ts'
import type { QuietWatch } from '../../machine/quiet-watch.ts'
import type { SomeLimits } from '../../model/limits.ts'
import type { Grant } from '../../model/machine.ts'
import type { ExecutionResult } from '../../model/result.ts'
import type { MeshNode } from '../../node/mesh-node.ts'
import type { ContentStore } from '../../store/content.ts'
import type { MachineLock } from '../../store/lock.ts'
import type { Spools } from '../../store/spool.ts'

const RETRY_MS = 500

/** A master restored from a backup learns of an execution when it asks for it again. */
const UNKNOWN_RETRY_MS = 15_000

export interface ExecutionsComponents {
  node: MeshNode
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

/** What this worker runs and what it still has to deliver. */
export class Executions {
  readonly #components: ExecutionsComponents
  readonly #deliveries = new Map<string, Promise<void>>()
  readonly #stop = new AbortController()
  #running?: Running
  #master?: string
  #onMaster = Promise.withResolvers<void>()

  constructor (components: ExecutionsComponents) {
    this.#components = components
  }

  get running (): { execution: string, waiting?: string } | undefined {
    return this.#running
  }

  get undelivered (): number {
    return this.#deliveries.size
  }

  /** What is not delivered, with what runs. */
  get held (): string[] {
    return [...this.#deliveries.keys()]
  }

  /** The master that results go to, from now on. */
  setMaster (peerId: string): void {
    this.#master = peerId
    this.#onMaster.resolve()
    this.#onMaster = Promise.withResolvers()
  }

  /** Takes up what an earlier life of this worker left undelivered. */
  async resume (): Promise<void> {
    for (const execution of await this.#components.outbox.unconfirmed()) {
      const result = await this.#components.outbox.result(execution)

      if (result != null) {
        const output = await Output.open(this.#components.spools, execution)
        const delivery = new Delivery(execution, output, () => true)
        delivery.finish(result)
        this.#deliver(delivery, output)
      }
    }
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

  /** Resolves when everything is delivered, or the signal aborts. */
  async delivered (signal: AbortSignal): Promise<void> {
    await Promise.race([
      Promise.all(this.#deliveries.values()),
      new Promise(resolve => { signal.addEventListener('abort', resolve) })
    ])
  }

  /** Ends what runs at once. Undelivered results stay on disk for the next start. */
  async stop (): Promise<void> {
    this.#running?.stop.abort(new Error('the worker was stopped while the program ran'))
    await this.#running?.done
    this.#stop.abort(new Error('the worker stops'))
    await Promise.allSettled(this.#deliveries.values())
  }

  async #run (running: Running, start: SlotStart): Promise<void> {
    const { boxes, ceilings, grants, content, outbox, lock, quiet, noise, spools, makeRoom, onEnded, onChange, log } = this.#components
    const { execution } = running
    let measuring = true
    let result: ExecutionResult | undefined
    let delivery: Delivery | undefined

    try {
      const output = await Output.open(spools, execution)
      const begun = delivery = new Delivery(execution, output, () => !measuring)

      this.#deliver(begun, output)
      await makeRoom()
      result = await runExecution({
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

          begun.note(report)
        },
        signal: running.stop.signal
      })

      await output.sync()
      await outbox.saveResult(result)
    } catch (err) {
      // a full disk must not keep the result from whoever waits for it; should this life end before, the next says `interrupted`
      log(`the record of execution ${execution} is not on disk: ${toError(err).message}`)
    } finally {
      if (result != null) {
        delivery?.finish(result)
      }

      this.#running = undefined
      await onEnded(execution)
      boxes.warm()
    }
  }

  #deliver (delivery: Delivery, output: Output): void {
    const done = this.#deliverForEver(delivery)
      .then(async () => {
        await this.#components.outbox.forget(delivery.execution)
        await output.remove()
      })
      .catch(err => {
        if (!this.#stop.signal.aborted) {
          this.#components.log(`delivery of ${delivery.execution}: ${toError(err).message}`)
        }
      })
      .finally(async () => {
        await output.close()
        this.#deliveries.delete(delivery.execution)
        this.#components.onChange()
      })

    this.#deliveries.set(delivery.execution, done)
  }

  /** Resolves when a master has stored the result. */
  async #deliverForEver (delivery: Delivery): Promise<void> {
    const { signal } = this.#stop
    let said = false

    while (true) {
      signal.throwIfAborted()
      const master = this.#master

      if (master == null) {
        await Promise.race([this.#onMaster.promise, aborted(signal)])
        continue
      }

      try {
        if (await delivery.deliver(this.#components.node, master, signal)) {
          return
        }

        // this master knows nothing of it, or not yet: kept for one that does
        await Promise.race([this.#onMaster.promise, delay(UNKNOWN_RETRY_MS, undefined, { signal }).catch(() => {})])
        continue
      } catch (err) {
        if (!signal.aborted && !said) {
          said = true
          this.#components.log(`delivery of ${delivery.execution.slice(18, 26).toLowerCase()} broke off: ${toError(err).message}; trying again`)
        }
      }

      // a new registration is the best moment to try again
      await Promise.race([this.#onMaster.promise, delay(RETRY_MS, undefined, { signal }).catch(() => {})])
    }
  }
}

async function aborted (signal: AbortSignal): Promise<void> {
  if (!signal.aborted) {
    await new Promise(resolve => { signal.addEventListener('abort', resolve, { once: true }) })
  }
}
