import { executionId, parseExecutionId } from '../../model/ids.ts'
import { isTaskEnd } from '../../model/states.ts'
import { OUTPUT_STREAMS } from '../output.ts'
import { jobView, startSkew, taskView } from './views.ts'
import type { JobEntry, TaskEntry } from './coordinator/state.ts'
import type { JobStore } from './job-store.ts'
import type { MissingOutput } from './missing-output.ts'
import type { Outputs } from './outputs.ts'
import type { Changes, Watch, Watchers } from './watchers.ts'
import type { ExecutionResult } from '../../model/result.ts'
import type { Channel } from '../../node/protocol/protocol.ts'
import type { SubmitReply, SubmitRequest } from '../../node/protocol/submit/messages.ts'
import type { OutputStream } from '../../node/protocol/task/messages.ts'

/** Output travels in pieces of this size at most. */
const PIECE = 256 * 1024

export interface AttachmentComponents {
  jobs: JobStore
  outputs: Outputs
  missingOutput: MissingOutput
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
  readonly #offsets = new Map<string, number>()
  /** Executions of each task of which the client has output. */
  readonly #begun = new Map<string, Set<string>>()
  readonly #told = new Set<string>()
  readonly #results: ExecutionResult[] = []

  constructor (components: AttachmentComponents, entry: JobEntry, channel: Channel<SubmitRequest, SubmitReply>, request: Extract<SubmitRequest, { kind: 'attach' }>) {
    this.#components = components
    this.#entry = entry
    this.#channel = channel
    this.#output = request.output

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
      await this.#sendOutput()
      await this.#sendResults()

      if (follow) {
        await this.#tellUntilItEnds(watch, signal)
      }

      await this.#sendOutput()
      await this.#sendResults()
      await this.#channel.send({ kind: 'end', view: jobView(this.#entry, startSkew(this.#results), await this.#components.jobs.conflicting(this.#entry.job.id)) })
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
    for (const [task, { chunks, of }] of changes.transfers) {
      await this.#channel.send({ kind: 'transfer', task, chunks, of })
    }

    for (const name of changes.tasks) {
      const task = this.#entry.tasks.get(name)

      if (task != null) {
        await this.#channel.send({ kind: 'task', view: taskView(task, this.#entry) })
      }
    }

    for (const [task, phase] of changes.phases) {
      await this.#channel.send({ ...phase, task })
    }

    for (const { task, report } of changes.progress.values()) {
      await this.#channel.send({ ...report, task })
    }

    // output before the result that it belongs to
    await this.#sendOutput()
    await this.#sendResults()
  }

  async #sendOutput (): Promise<void> {
    if (!this.#output) {
      return
    }

    const { outputs, missingOutput } = this.#components
    const { job, tasks } = this.#entry
    const printing = outputs.executionsOf(job.id)

    for (const task of tasks.values()) {
      const execution = currentExecution(job.id, task)

      if (execution != null && isTaskEnd(task.state)) {
        await missingOutput.fetch(execution)
      }

      if (execution != null && !printing.includes(execution)) {
        printing.push(execution)
      }
    }

    for (const execution of printing) {
      if (this.#isWanted(execution)) {
        for (const stream of OUTPUT_STREAMS) {
          await this.#sendStream(execution, stream)
        }
      }
    }
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
      const offset = this.#offsets.get(key) ?? 0
      const data = await this.#components.outputs.read(execution, stream, offset, PIECE)

      if (data.byteLength === 0) {
        return
      }

      this.#begin(execution)
      await this.#channel.send({ kind: 'output', execution, task: parseExecutionId(execution).task, stream, offset, data })
      this.#offsets.set(key, offset + data.byteLength)
    }
  }

  async #sendResults (): Promise<void> {
    for (const task of this.#entry.tasks.values()) {
      if (this.#told.has(task.name) || !isTaskEnd(task.state) || task.worker == null) {
        continue
      }

      const result = await this.#components.jobs.result(executionId({ job: this.#entry.job.id, task: task.name, worker: task.worker, attempt: task.attempt }))

      if (result != null) {
        this.#told.add(task.name)
        this.#results.push(result)
        await this.#channel.send({ kind: 'result', task: task.name, result })
      }
    }
  }
}

/** The one that is under way, or that counts. */
function currentExecution (job: string, task: TaskEntry): string | undefined {
  return task.worker == null ? undefined : executionId({ job, task: task.name, worker: task.worker, attempt: task.attempt })
}
