import { Heap } from './heap.ts'
import type { JobEntry, TaskEntry } from './state.ts'

/** A task in a queue. It counts as long as `track.ticket` of its task is this one. */
export interface QueuedTask {
  task: TaskEntry
  ticket: number
  acceptedAtMs: number
  priority: number
}

/** Left behind by tasks that were taken out of the middle; more than this and they are cleared away. */
const STALE = 32

/** One client's queued tasks: those of the highest priority first, of these those of the oldest job, then in the order of the job. */
export class TaskQueue {
  readonly #heap = new Heap(compareQueued)
  #size = 0

  get size (): number {
    return this.#size
  }

  push (task: TaskEntry, { job, acceptedAtMs }: JobEntry, ticket: number): void {
    this.#heap.push({ task, ticket, acceptedAtMs, priority: job.priority ?? 0 })
    this.#size++
  }

  /** One of its tasks has left it: what it has of that task counts no more. */
  leave (): void {
    this.#size--

    if (this.#heap.size > 2 * this.#size + STALE) {
      this.#heap.keep(isValid)
    }
  }

  first (): QueuedTask | undefined {
    while (this.#heap.first != null && !isValid(this.#heap.first)) {
      this.#heap.removeFirst()
    }

    return this.#heap.first
  }
}

function isValid ({ task, ticket }: QueuedTask): boolean {
  return task.track.ticket === ticket
}

/** Of two tasks of one client, which comes first; those of one job in its order. */
export function compareQueued (a: QueuedTask, b: QueuedTask): number {
  return comesBefore(a, b) || (a.task.job === b.task.job ? a.task.order - b.task.order : a.task.job < b.task.job ? -1 : 1)
}

/** Which of two tasks of one client is next; 0 = their jobs are equal in that. */
export function comesBefore (a: Pick<QueuedTask, 'priority' | 'acceptedAtMs'>, b: Pick<QueuedTask, 'priority' | 'acceptedAtMs'>): number {
  return b.priority - a.priority || a.acceptedAtMs - b.acceptedAtMs
}
