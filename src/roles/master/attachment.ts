import { executionId, parseExecutionId } from '../../model/ids.ts'
import { isTaskEnd } from '../../model/states.ts'
import { OUTPUT_STREAMS } from '../output.ts'
import { jobView, startSkew, taskView } from './views.ts'
import type { JobEntry, TaskEntry } from './coordinator/state.ts'
import type { JobStore } from './job-store.ts'
import { mayHavePrinted } from './missing-output.ts'
import type { MissingOutput } from './missing-output.ts'
import type { Outputs } from './outputs.ts'
import type { Changes, Watch, Watchers } from './watchers.ts'
import type { ExecutionResult } from '../../model/result.ts'
import type { Channel } from '../../node/protocol/protocol.ts'
import type { SubmitReply, SubmitRequest } from '../../node/protocol/submit/messages.ts'
import type { OutputStream } from '../../node/protocol/task/messages.ts'

/** Output travels in pieces of this size at most. */
const PIECE = 256 * 1024

/** Runs before the last one whose output is told. */
const MAX_EARLIER = 100

export interface AttachmentComponents {
  jobs: Pick<JobStore, 'result' | 'conflicting'>
  outputs: Pick<Outputs, 'read' | 'sizeOf' | 'use'>
  missingOutput: Pick<MissingOutput, 'fetch'>
  watchers: Watchers
}

/**
 * Tells one client everything of one job until it ends: first how things stand,
 * then each change. The client reads at its own pace; what it misses meanwhile
 * is coalesced, output waits on disk.
 */
export class Attachment {
  readonly #components: AttachmentComponents
  readonly #entry: JobEntry
  readonly #channel: Channel<SubmitRequest, SubmitReply>
  readonly #output: boolean
  readonly #tail?: number
  readonly #offsets = new Map<string, number>()
  /** Executions of each task of which the client has output. */
  readonly #begun = new Map<string, Set<string>>()
  readonly #told = new Set<string>()
  /** Of each task of a map, the attempts before this one are told. */
  readonly #earlier = new Map<string, number>()
  /** Executions that have printed something while they were not, or not yet, those that are told. */
  readonly #passedOver = new Set<string>()
  /** Of the results that were told: all that is needed of them later. */
  readonly #starts: Array<Pick<ExecutionResult, 'start'>> = []

  constructor (components: AttachmentComponents, entry: JobEntry, channel: Channel<SubmitRequest, SubmitReply>, request: Extract<SubmitRequest, { kind: 'attach' }>) {
    this.#components = components
    this.#entry = entry
    this.#channel = channel
    this.#output = request.output
    this.#tail = request.tail

    for (const { execution, stream, offset } of request.offsets) {
      this.#offsets.set(`${execution}/${stream}`, offset)

      if (offset > 0) {
        this.#begin(execution)
      }
    }
  }

  async follow (follow: boolean, signal: AbortSignal): Promise<void> {
    const watch = this.#components.watchers.watch(this.#entry.job.id)

    try {
      await this.#channel.send({ kind: 'job', view: jobView(this.#entry) })
      await this.#sendAll()

      if (follow) {
        await this.#tellUntilItEnds(watch, signal)
      }

      await this.#sendAll()
      await this.#channel.send({ kind: 'end', view: jobView(this.#entry, startSkew(this.#starts), await this.#components.jobs.conflicting(this.#entry.job.id)) })
    } finally {
      watch.close()
    }
  }

  async #tellUntilItEnds (watch: Watch, signal: AbortSignal): Promise<void> {
    while (this.#entry.finishedAtMs == null) {
      await this.#tell(await watch.next(signal))
    }
  }

  async #tell (changes: Changes): Promise<void> {
    const changed = [...changes.tasks].flatMap(name => this.#entry.tasks.get(name) ?? [])

    for (const [task, transfer] of changes.transfers) {
      await this.#channel.send({ kind: 'transfer', task, ...transfer })
    }

    for (const task of changed) {
      // what its worker is has been told, or comes with the end
      const { info, ...view } = taskView(task, this.#entry)

      await this.#channel.send({ kind: 'task', view })
    }

    for (const [task, phase] of changes.phases) {
      await this.#channel.send({ ...phase, task })
    }

    for (const { task, report } of changes.progress.values()) {
      await this.#channel.send({ ...report, task })
    }

    // output before the result that it belongs to
    await this.#sendOutput(changes.output, changed)

    for (const task of changed) {
      await this.#sendResult(task)
    }
  }

  /** What there is of every task. */
  async #sendAll (): Promise<void> {
    for (const task of this.#entry.tasks.values()) {
      const execution = currentExecution(this.#entry.job.id, task)
      const begun = this.#begun.get(task.name) ?? []

      await this.#sendOutput(execution != null && task.state === 'running' ? [...begun, execution] : begun, this.#told.has(task.name) ? [] : [task])
      await this.#sendResult(task)
    }
  }

  /** Of executions that have printed more, and of tasks that may have ended. */
  async #sendOutput (grown: Iterable<string>, tasks: readonly TaskEntry[]): Promise<void> {
    if (!this.#output) {
      return
    }

    const executions = new Set(grown)

    for (const task of tasks) {
      const execution = currentExecution(this.#entry.job.id, task)

      if (execution == null) {
        continue
      }

      if (!isTaskEnd(task.state)) {
        // what grows is told by itself
        if (this.#passedOver.has(execution)) {
          executions.add(execution)
        }
      } else if (await this.#mayHavePrinted(execution)) {
        await this.#components.missingOutput.fetch(execution)
        executions.add(execution)
      }
    }

    for (const task of this.#entry.job.map == null ? [] : tasks) {
      await this.#sendEarlier(task)
    }

    for (const execution of executions) {
      if (!this.#isWanted(execution)) {
        this.#passedOver.add(execution)
        continue
      }

      this.#passedOver.delete(execution)
      await this.#sendExecution(execution)
    }
  }

  /** Of a command of a map that was run again, what it printed before; the last times, where they are many. */
  async #sendEarlier ({ name, worker, attempt }: TaskEntry): Promise<void> {
    if (worker == null) {
      return
    }

    for (let earlier = Math.max(this.#earlier.get(name) ?? 0, attempt - MAX_EARLIER); earlier < attempt; earlier++) {
      const execution = executionId({ job: this.#entry.job.id, task: name, worker, attempt: earlier })

      if (await this.#mayHavePrinted(execution)) {
        await this.#components.missingOutput.fetch(execution)
        await this.#sendExecution(execution)
      }
    }

    this.#earlier.set(name, attempt)
  }

  async #sendExecution (execution: string): Promise<void> {
    await this.#components.outputs.use(execution, async () => {
      for (const stream of OUTPUT_STREAMS) {
        await this.#sendStream(execution, stream)
      }
    })
  }

  /** To look for files that there are not costs more than all else that is told of a task. */
  async #mayHavePrinted (execution: string): Promise<boolean> {
    const result = this.#entry.job.kind === 'exec' ? await this.#components.jobs.result(execution) : undefined

    return result == null || mayHavePrinted(result)
  }

  /** Of a task that ran on both sides of a partition, one execution is told; a later attempt is told beside the one before. */
  #isWanted (execution: string): boolean {
    const { task: name, attempt } = parseExecutionId(execution)
    const task = this.#entry.tasks.get(name)
    const begun = this.#begun.get(name) ?? new Set<string>()

    if (begun.has(execution)) {
      return true
    }

    return task != null && currentExecution(this.#entry.job.id, task) === execution && [...begun].every(other => parseExecutionId(other).attempt < attempt)
  }

  #begin (execution: string): void {
    const { task } = parseExecutionId(execution)

    this.#begun.set(task, (this.#begun.get(task) ?? new Set()).add(execution))
  }

  async #sendStream (execution: string, stream: OutputStream): Promise<void> {
    const key = `${execution}/${stream}`

    while (true) {
      const offset = this.#offsets.get(key) ?? (this.#tail == null ? 0 : Math.max(0, await this.#components.outputs.sizeOf(execution, stream) - this.#tail))
      const data = await this.#components.outputs.read(execution, stream, offset, PIECE)

      if (data.byteLength === 0) {
        return
      }

      this.#begin(execution)
      await this.#channel.send({ kind: 'output', execution, task: parseExecutionId(execution).task, stream, offset, data })
      this.#offsets.set(key, offset + data.byteLength)
    }
  }

  async #sendResult (task: TaskEntry): Promise<void> {
    if (this.#told.has(task.name) || !isTaskEnd(task.state) || task.worker == null) {
      return
    }

    const result = await this.#components.jobs.result(executionId({ job: this.#entry.job.id, task: task.name, worker: task.worker, attempt: task.attempt }))

    if (result != null) {
      this.#told.add(task.name)
      this.#starts.push({ start: result.start })
      await this.#channel.send({ kind: 'result', task: task.name, result })
    }
  }
}

/** The one that is under way, or that counts. */
function currentExecution (job: string, task: TaskEntry): string | undefined {
  return task.worker == null ? undefined : executionId({ job, task: task.name, worker: task.worker, attempt: task.attempt })
}
