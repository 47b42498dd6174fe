import { executionId } from '../../model/ids.ts'
import { isTaskEnd } from '../../model/states.ts'
import { MAX_INLINE_BYTES, MAX_ITEM_ENDS } from '../../node/protocol/submit/views.ts'
import { ItemSet } from '../item-set.ts'
import { OUTPUT_STREAMS } from '../output.ts'
import { countStates, itemEnd, itemsJobView } from './views.ts'
import type { JobEntry, TaskEntry } from './coordinator/state.ts'
import type { JobStore } from './job-store.ts'
import { mayHavePrinted } from './missing-output.ts'
import type { MissingOutput } from './missing-output.ts'
import type { Outputs } from './outputs.ts'
import type { ItemWatch, Watchers } from './watchers.ts'
import type { Channel } from '../../node/protocol/protocol.ts'
import type { ItemEnd, SubmitReply, SubmitRequest } from '../../node/protocol/submit/messages.ts'
import type { OutputStream } from '../../node/protocol/task/messages.ts'

/** Longer output travels in pieces of this size. */
const PIECE = 256 * 1024
/** Output of one message with many items. */
const BATCH_BYTES = 256 * 1024
/** Counts are looked at this often at most: it takes a walk over all tasks. */
const COUNTS_MS = 250
/** Ends that come this close to each other travel together; one that comes alone waits for nothing. */
const GATHER_MS = 50

export interface ItemAttachmentComponents {
  jobs: Pick<JobStore, 'result'>
  outputs: Pick<Outputs, 'read' | 'use'>
  missingOutput: Pick<MissingOutput, 'fetch'>
  watchers: Pick<Watchers, 'watchItems'>
}

type Request = Extract<SubmitRequest, { kind: 'attach-items' }>

/**
 * Tells one client of a job with items: how many there are in each state, and
 * of every item that has ended, once, how, with all that it printed. What the
 * client does not read stays on the disk; in memory it is a bit for each item
 * and one message on its way.
 */
export class ItemAttachment {
  readonly #components: ItemAttachmentComponents
  readonly #entry: JobEntry
  readonly #channel: Channel<SubmitRequest, SubmitReply>
  readonly #request: Request
  readonly #told: ItemSet
  readonly #watch: ItemWatch
  #batch: ItemEnd[] = []
  #batchBytes = 0
  #sentAtMs = -Infinity
  #countedAtMs = -Infinity
  /** The first item that has not been told, where order is kept. */
  #next = 1

  constructor (components: ItemAttachmentComponents, entry: JobEntry, channel: Channel<SubmitRequest, SubmitReply>, request: Request) {
    const size = entry.tasks.size

    this.#components = components
    this.#entry = entry
    this.#channel = channel
    this.#request = request
    this.#told = ItemSet.from(size, request.told)
    this.#watch = components.watchers.watchItems(entry.job.id, size)
    // those that have ended by now
    this.#watch.ended.fill()
  }

  async follow (signal: AbortSignal): Promise<void> {
    try {
      await this.#channel.send({ kind: 'job', view: itemsJobView(this.#entry, this.#request.texts) })

      while (true) {
        const isLast = !this.#request.follow || this.#entry.finishedAtMs != null

        await this.#tellEnded(signal)
        await this.#tellCounts()

        if (isLast) {
          break
        }

        await this.#wait(signal)
      }

      await this.#channel.send({ kind: 'end', view: itemsJobView(this.#entry, false) })
    } finally {
      this.#watch.close()
    }
  }

  async #wait (signal: AbortSignal): Promise<void> {
    const countMs = this.#countedAtMs + COUNTS_MS - performance.now()

    await this.#watch.next(this.#watch.changed ? Math.max(0, countMs) : undefined, signal)

    for (let leftMs = this.#gatherMs(); leftMs > 0; leftMs = this.#gatherMs()) {
      await this.#watch.next(leftMs, signal)
    }
  }

  /** What is left of the time in which ends are gathered. */
  #gatherMs (): number {
    return this.#entry.finishedAtMs != null ? 0 : this.#sentAtMs + GATHER_MS - performance.now()
  }

  async #tellEnded (signal: AbortSignal): Promise<void> {
    for (let item = this.#takeNext(); item != null; item = this.#takeNext()) {
      signal.throwIfAborted()

      const task = this.#entry.tasks.get(String(item))

      if (task != null && isTaskEnd(task.state) && !this.#told.has(item)) {
        await this.#tell(task)
        this.#told.add(item)
      }
    }

    await this.#flush()
  }

  /** One that may have ended. In order it is the first that is not told, if that has ended. */
  #takeNext (): number | undefined {
    // of those that have ended by now the lowest comes first anyway
    if (!this.#request.ordered || !this.#request.follow) {
      return this.#watch.ended.take()
    }

    while (this.#told.has(this.#next)) {
      this.#next++
    }

    const task = this.#entry.tasks.get(String(this.#next))

    return task != null && isTaskEnd(task.state) ? this.#next : undefined
  }

  async #tell (task: TaskEntry): Promise<void> {
    const { jobs, missingOutput } = this.#components
    const execution = task.worker == null ? undefined : executionId({ job: this.#entry.job.id, task: task.name, worker: task.worker, attempt: task.attempt })
    const result = execution == null ? undefined : await jobs.result(execution)
    const end = itemEnd(task, this.#entry, result)

    if (execution != null && result != null && mayHavePrinted(result)) {
      await missingOutput.fetch(execution, result)
      await this.#takeOutput(end, execution)
    }

    const inline = (end.stdout?.byteLength ?? 0) + (end.stderr?.byteLength ?? 0)

    if (this.#batchBytes + inline > BATCH_BYTES || this.#batch.length >= MAX_ITEM_ENDS) {
      await this.#flush()
    }

    this.#batch.push(end)
    this.#batchBytes += inline

    if (end.stdoutBytes + end.stderrBytes > inline) {
      await this.#flush()
      await this.#sendPieces(execution!, end)
    }
  }

  /** Both streams inside the end, or none of them. */
  async #takeOutput (end: ItemEnd, execution: string): Promise<void> {
    const isBegun = this.#request.offsets.some(({ execution: begun }) => begun === execution)

    await this.#components.outputs.use(execution, async output => {
      end.stdoutBytes = output.size('stdout')
      end.stderrBytes = output.size('stderr')

      if (end.stdoutBytes + end.stderrBytes <= MAX_INLINE_BYTES && !isBegun) {
        for (const stream of OUTPUT_STREAMS.filter(stream => end[`${stream}Bytes`] > 0)) {
          end[stream] = await output.read(stream, 0, end[`${stream}Bytes`])
        }
      }
    })
  }

  async #sendPieces (execution: string, end: ItemEnd): Promise<void> {
    for (const stream of OUTPUT_STREAMS) {
      const size = end[`${stream}Bytes`]

      for (let offset = this.#offsetOf(execution, stream); offset < size;) {
        const data = await this.#components.outputs.read(execution, stream, offset, Math.min(PIECE, size - offset))

        if (data.byteLength === 0) {
          throw new Error(`${stream} of ${execution} ends at byte ${offset}, and had ${size}`)
        }

        await this.#channel.send({ kind: 'output', execution, task: end.task, stream, offset, data })
        offset += data.byteLength
      }
    }
  }

  #offsetOf (execution: string, stream: OutputStream): number {
    return this.#request.offsets.find(known => known.execution === execution && known.stream === stream)?.offset ?? 0
  }

  async #flush (): Promise<void> {
    const items = this.#batch

    if (items.length > 0) {
      this.#batch = []
      this.#batchBytes = 0
      this.#sentAtMs = performance.now()
      await this.#channel.send({ kind: 'items', items })
    }
  }

  async #tellCounts (): Promise<void> {
    const nowMs = performance.now()

    if (this.#watch.changed && nowMs - this.#countedAtMs >= COUNTS_MS) {
      this.#watch.changed = false
      this.#countedAtMs = nowMs
      await this.#channel.send({ kind: 'counts', counts: countStates(this.#entry) })
    }
  }
}
