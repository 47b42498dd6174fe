import { toError } from '../../model/errors.ts'
import { parseExecutionId, shortJobId } from '../../model/ids.ts'
import { DEFAULT_QUIET_MS } from '../../model/plan.ts'
import { measureOffset, monotonicNow } from '../../node/clock.ts'
import type { CoordinatorEffect, CoordinatorEvent } from './coordinator/state.ts'
import type { JobStore } from './job-store.ts'
import type { Masters } from './masters.ts'
import type { Instant, Slots, StartedJob } from './slots.ts'
import type { Job } from '../../model/job.ts'
import type { MeshNode } from '../../node/mesh-node.ts'

/** Time for START to arrive everywhere before the common instant, beyond the slowest link's own delay. */
const START_LEAD_MS = 25
const MAX_START_LEAD_MS = 2_000
const OFFSET_TIMEOUT_MS = 2_000
/** Of some 10 MB at most each, with all its items. */
const MAX_SEALED = 4

type StartEffect = Extract<CoordinatorEffect, { kind: 'start' }>

export interface StartsComponents {
  node: MeshNode
  jobs: JobStore
  slots: Slots
  masters: Pick<Masters, 'replicated'>
  job: (id: string) => Job | undefined
  dispatch: (event: CoordinatorEvent) => void
  log: (line: string) => void
}

/** START, once the assignments are on disk: here and at every live master. */
export class Starts {
  readonly #components: StartsComponents
  /** Jobs that were started last, as their clients sealed them: a fleet is told the same many times. */
  readonly #sealed = new Map<string, Promise<Uint8Array>>()
  #trouble?: string

  constructor (components: StartsComponents) {
    this.#components = components
  }

  /** Why these assignments are not on disk, or undefined: no START without, but everything else goes on. Many share one way to the disk and to the other masters. */
  async assign (executions: string[]): Promise<string | undefined> {
    const { jobs, masters } = this.#components

    try {
      if (executions.length > 0) {
        await masters.replicated(await jobs.assign(executions))
      }
    } catch (err) {
      return toError(err).message
    }
  }

  async start ({ starts, together, reserved }: StartEffect, assigned: Promise<string | undefined>): Promise<void> {
    const { slots } = this.#components
    const intents = starts.map(({ worker, executions }) => ({ intent: slots.intend(worker, executions, reserved), job: this.#jobOf(executions[0]!) }))
    const refused = await assigned

    try {
      if (refused != null) {
        throw new Error(refused)
      }

      if (reserved) {
        await this.#settle(starts.flatMap(({ executions }) => executions))
      }

      const instants = together ? await this.#commonInstant(starts.map(({ worker }) => worker)) : new Map<string, Instant>()

      await Promise.all(intents.map(async ({ intent, job }) => slots.start(intent, job, instants.get(intent.worker))))
    } catch (err) {
      intents.forEach(({ intent }) => { this.#notStarted(intent.worker, slots.abandon(intent), toError(err).message) })
    }
  }

  #jobOf (execution: string): StartedJob {
    const { job: id } = parseExecutionId(execution)

    return {
      id,
      sealed: async () => {
        const reading = this.#sealed.get(id) ?? this.#read(id)

        this.#sealed.delete(id)
        this.#sealed.set(id, reading)
        reading.catch(() => { this.#sealed.delete(id) })

        const [oldest] = this.#sealed.keys()

        if (this.#sealed.size > MAX_SEALED && oldest != null) {
          this.#sealed.delete(oldest)
        }

        return reading
      }
    }
  }

  async #read (id: string): Promise<Uint8Array> {
    const sealed = await this.#components.jobs.sealed(id)

    if (sealed == null) {
      throw new Error('its record is missing in the journal')
    }

    return sealed
  }

  /** START was not sent: the worker is free again, the task waits. */
  #notStarted (worker: string, executions: string[], reason: string): void {
    const [first] = executions

    // the same trouble is said once
    if (first != null && this.#trouble !== reason) {
      this.#trouble = reason
      this.#components.log(`job ${shortJobId(parseExecutionId(first).job)} cannot be started: ${reason}; trying again`)
    }

    for (const execution of executions) {
      this.#components.dispatch({ kind: 'answer', worker, execution, reply: { kind: 'refused', reason }, nowMs: Date.now() })
    }
  }

  /** What measures waits for quiet machines, all at the same time: the instant is chosen when the slowest one is. */
  async #settle (executions: string[]): Promise<void> {
    const { job, slots } = this.#components

    await Promise.all(executions.map(async execution => {
      const found = job(parseExecutionId(execution).job)
      const quietMs = found?.kind === 'run' ? found.quietMs ?? DEFAULT_QUIET_MS : 0

      if (quietMs > 0) {
        await slots.settle(execution, quietMs)
      }
    }))
  }

  /** One instant, on each worker's own clock as it is now. A worker whose clock cannot be read in time starts at once. */
  async #commonInstant (workers: string[]): Promise<Map<string, Instant>> {
    const { node } = this.#components
    const clocks = await Promise.all(workers.map(async worker => {
      const offset = await measureOffset(node, worker, { signal: AbortSignal.timeout(OFFSET_TIMEOUT_MS) }).catch(() => undefined)

      return { worker, offset }
    }))

    const slowest = Math.max(...clocks.map(({ offset }) => offset?.delayMs ?? 0))
    const instant = monotonicNow() + Math.min(START_LEAD_MS + 2 * slowest, MAX_START_LEAD_MS)

    return new Map(clocks.flatMap(({ worker, offset }) => offset == null ? [] : [[worker, { startAtMs: instant + offset.offsetMs, startErrorMs: offset.delayMs / 2 }]]))
  }
}
