import type { JobEntry, TaskEntry } from './state.ts'

/** A task in a queue. It counts as long as `track.ticket` of its task is this one. */
interface Entry {
  task: TaskEntry
  ticket: number
  acceptedAtMs: number
}

/** Left behind by tasks that were taken out of the middle; more than this and they are cleared away. */
const STALE = 32

/** One client's queued tasks: those of the oldest job first, then in the order of the job. A binary heap. */
export class TaskQueue {
  #entries: Entry[] = []
  #size = 0

  get size (): number {
    return this.#size
  }

  push (task: TaskEntry, { acceptedAtMs }: JobEntry, ticket: number): void {
    this.#entries.push({ task, ticket, acceptedAtMs })
    this.#size++
    this.#rise(this.#entries.length - 1)
  }

  /** One of its tasks has left it: what it has of that task counts no more. */
  leave (): void {
    this.#size--

    if (this.#entries.length > 2 * this.#size + STALE) {
      const entries = this.#entries.filter(isValid)

      // sorted is a heap as well
      this.#entries = entries.sort(compare)
    }
  }

  first (): { task: TaskEntry, acceptedAtMs: number } | undefined {
    while (this.#entries.length > 0 && !isValid(this.#entries[0]!)) {
      this.#removeFirst()
    }

    return this.#entries[0]
  }

  #removeFirst (): void {
    const last = this.#entries.pop()!

    if (this.#entries.length > 0) {
      this.#entries[0] = last
      this.#sink()
    }
  }

  #rise (at: number): void {
    const entries = this.#entries

    for (let parent = (at - 1) >> 1; at > 0 && compare(entries[at]!, entries[parent]!) < 0; parent = (at - 1) >> 1) {
      [entries[at], entries[parent]] = [entries[parent]!, entries[at]!]
      at = parent
    }
  }

  #sink (): void {
    const entries = this.#entries

    for (let at = 0; ;) {
      let least = at

      for (const child of [2 * at + 1, 2 * at + 2]) {
        if (child < entries.length && compare(entries[child]!, entries[least]!) < 0) {
          least = child
        }
      }

      if (least === at) {
        return
      }

      [entries[at], entries[least]] = [entries[least]!, entries[at]!]
      at = least
    }
  }
}

function isValid ({ task, ticket }: Entry): boolean {
  return task.track.ticket === ticket
}

function compare (a: Entry, b: Entry): number {
  return a.acceptedAtMs - b.acceptedAtMs || (a.task.job === b.task.job ? a.task.order - b.task.order : a.task.job < b.task.job ? -1 : 1)
}
