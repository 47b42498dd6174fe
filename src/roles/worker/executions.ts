import { MeshmarkError, toError } from '../../model/errors.ts'
import { parseExecutionId } from '../../model/ids.ts'
import { ExecutionOutput } from './execution-output.ts'
import { runExecution } from './execution.ts'
import { NO_OUTPUT, Parcel } from './parcel.ts'
import type { Boxes } from './boxes.ts'
import type { DataSets } from './data-sets.ts'
import type { Builds } from './builds/builds.ts'
import type { Deliveries } from './deliveries.ts'
import type { Outbox } from './outbox.ts'
import type { SealedJobs } from './sealed-jobs.ts'
import type { SharedTurns } from './shared-turns.ts'
import type { SlotStart } from './slot-state.ts'
import type { NoiseScope } from '../../machine/noise.ts'
import type { QuietWatch } from '../../machine/quiet-watch.ts'
import type { SomeLimits } from '../../model/limits.ts'
import type { Grant, WorkerInfo } from '../../model/machine.ts'
import type { ExecutionResult } from '../../model/result.ts'
import type { ContentStore } from '../../store/content.ts'
import type { Spools } from '../../store/spool.ts'

/** Records on their way to the disk, of executions that others already follow in their places. */
const MAX_SAVING = 64

export interface ExecutionsComponents {
  boxes: Boxes
  builds: Builds
  /** What this worker says of itself. */
  self: () => WorkerInfo
  /** What no job may exceed here. */
  ceilings: SomeLimits
  /** What jobs may do to the machine. */
  grants: Grant[]
  content: ContentStore
  /** What tasks bring back, until every master has it. */
  collected: ContentStore
  collectDir: string
  dataSets: DataSets
  jobs: SealedJobs
  outbox: Outbox
  turns: SharedTurns
  quiet: QuietWatch
  /** What of the machine its measurements depend on. */
  noise: NoiseScope
  /** Outputs that wait for delivery. */
  spools: Spools
  /** Gets whatever there is to say of an execution, and its end. */
  deliveries: Deliveries
  /** Ends what this worker does for itself on the machine. */
  makeRoom: () => Promise<void>
  /** Its program runs. */
  onUnderWay: (execution: string) => void
  /** Everything reaped, and the record on disk or, when another one follows in its place, about to be. Resolves when the place is free, or has gone on. */
  onEnded: (execution: string) => Promise<void>
  /** The state that users see has changed. */
  onChange: () => void
  log: (line: string) => void
}

interface Running {
  execution: string
  stop: AbortController
  measured: boolean
  isItem: boolean
  /** Why it has not begun. */
  waiting?: string
  done: Promise<void>
}

/** What this worker runs, each from START to its record. */
export class Executions {
  readonly #components: ExecutionsComponents
  readonly #running = new Map<string, Running>()
  readonly #saving = new Set<Promise<void>>()
  #noise: WorkerInfo['noise']

  constructor (components: ExecutionsComponents) {
    this.#components = components
  }

  get running (): ReadonlyArray<{ execution: string, waiting?: string }> {
    return [...this.#running.values()]
  }

  /** Of the last one that was measured in this life. */
  get noise (): WorkerInfo['noise'] {
    return this.#noise
  }

  /** Does something run that must have its machine alone? */
  get measuring (): boolean {
    return [...this.#running.values()].some(({ measured }) => measured)
  }

  start (start: SlotStart): void {
    const running: Running = { execution: start.execution, stop: new AbortController(), measured: start.measured, isItem: false, done: Promise.resolve() }

    this.#running.set(start.execution, running)
    running.done = this.#run(running, start)
  }

  /** It counts as begun and will not: the record says cancelled. */
  abandon (execution: string): void {
    const running: Running = { execution, stop: new AbortController(), measured: false, isItem: true, done: Promise.resolve() }

    this.#running.set(execution, running)
    running.done = this.#end(running, this.#withoutRun(execution, 'cancelled', 'cancelled before it began'), new ExecutionOutput(this.#components.spools, execution), true)
  }

  /** Kills and reaps; the record says cancelled. */
  cancel (execution: string): void {
    this.#running.get(execution)?.stop.abort(new MeshmarkError('failed', 'cancelled'))
  }

  /** Resolves when nothing runs. */
  async idle (): Promise<void> {
    // what has waited behind another one begins when that has ended
    while (this.#running.size + this.#saving.size > 0) {
      await Promise.all([...[...this.#running.values()].map(async ({ done }) => done), ...this.#saving])
    }
  }

  /** Ends what runs at once. */
  async stop (): Promise<void> {
    while (this.#running.size + this.#saving.size > 0) {
      this.#running.forEach(({ stop }) => { stop.abort(new Error('the worker was stopped while the program ran')) })
      await Promise.all([...[...this.#running.values()].map(async ({ done }) => done), ...this.#saving])
    }
  }

  async #run (running: Running, start: SlotStart): Promise<void> {
    const output = new ExecutionOutput(this.#components.spools, running.execution)
    let result: ExecutionResult

    try {
      result = await this.#runWith(output, running, start)
    } catch (err) {
      // there is a record whatever happens: without one its task would never end
      result = this.#withoutRun(running.execution, 'not-run', `the worker could not run it: ${toError(err).message}`)
    }

    // the next one of the job need not wait for the disk
    await this.#end(running, result, output, !start.more || this.#saving.size >= MAX_SAVING)
    this.#components.boxes.left(start.place)
  }

  async #end (running: Running, result: ExecutionResult, output: ExecutionOutput, wait: boolean): Promise<void> {
    const { deliveries, onEnded } = this.#components
    const { execution } = running
    const saved = this.#save(execution, result, output)

    if (wait) {
      await saved
    }

    if (result.noise != null) {
      this.#noise = { ...result.noise, at: result.finishedAt }
    }

    this.#running.delete(execution)

    const free = onEnded(execution)
    // whoever gets the record may have something else for the place, which must be free then
    const saving: Promise<void> = Promise.all([saved, free]).then(() => {
      deliveries.finish(execution, result)
      this.#saving.delete(saving)
    })

    this.#saving.add(saving)
    await free
  }

  async #save (execution: string, result: ExecutionResult, output: ExecutionOutput): Promise<void> {
    const { outbox, log } = this.#components

    try {
      await output.sync().catch(err => { log(`the output of execution ${execution} is not safe from a power cut: ${toError(err).message}`) })
      await outbox.saveResult(result, output.small)
    } catch (err) {
      // a full disk must not keep the result from whoever waits for it; should this life end before, the next says `interrupted`
      log(`the record of execution ${execution} is not on disk: ${toError(err).message}`)
    }
  }

  /** Without a parcel nobody would hear of it. */
  #withoutRun (execution: string, outcome: 'not-run' | 'cancelled', reason: string): ExecutionResult {
    const { deliveries } = this.#components

    if (!deliveries.held.includes(execution)) {
      deliveries.begin(new Parcel(execution, NO_OUTPUT, () => false), undefined)
    }

    return { key: parseExecutionId(execution), outcome, reason: reason.slice(0, 1_000), commands: [], startedAt: Date.now(), finishedAt: Date.now(), waitedMs: 0 }
  }

  async #runWith (output: ExecutionOutput, running: Running, start: SlotStart): Promise<ExecutionResult> {
    const { boxes, builds, self, ceilings, grants, content, collected, collectDir, dataSets, jobs, turns, quiet, noise, deliveries, makeRoom, onUnderWay, onChange, log } = this.#components
    const { execution } = running
    const parcel = new Parcel(execution, output, () => !running.measured, () => running.isItem, start.more)

    deliveries.begin(parcel, output)
    await makeRoom().catch(err => { log(`the worker's own measuring did not end: ${toError(err).message}`) })

    return runExecution({
      start,
      boxes,
      builds,
      self,
      ceilings,
      grants,
      content,
      collected,
      collectDir,
      dataSets,
      jobs,
      turns,
      quiet,
      noise,
      output,
      onJob: job => {
        running.isItem = job.each != null
      },
      onReport: report => {
        if (report.kind === 'phase') {
          const waiting = report.phase === 'waiting-for-machine' ? report.detail : undefined

          if (waiting !== running.waiting) {
            running.waiting = waiting
            onChange()
          }

          if (report.phase === 'running') {
            onUnderWay(execution)
          }
        }

        parcel.note(report)
      },
      signal: running.stop.signal
    })
  }
}
