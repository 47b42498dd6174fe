import { onAbort } from '../../node/wait.ts'
import { ItemSet } from '../item-set.ts'
import type { TaskReport } from '../../node/protocol/task/messages.ts'

export type Phase = Extract<TaskReport, { kind: 'phase' }>
export type Progress = Extract<TaskReport, { kind: 'progress' }>

export interface Transfer {
  chunks: number
  of: number
  /** What went wrong on the way and was worked around. */
  note?: string
}

/** What has changed since a client was told last; coalesced, so that a slow client costs bounded memory. */
export interface Changes {
  tasks: Set<string>
  phases: Map<string, Phase>
  /** By task and command. */
  progress: Map<string, { task: string, report: Progress }>
  transfers: Map<string, Transfer>
  /** Executions of which there is more output on disk. */
  output: Set<string>
  ended: boolean
}

type Latest = Pick<Changes, 'phases' | 'progress' | 'transfers'>

/** One client that follows one job. */
export class Watch {
  #changes = noChanges()
  #wake = (): void => {}

  constructor (readonly job: string, private readonly onClose: (watch: Watch) => void) {}

  note (update: (changes: Changes) => void): void {
    update(this.#changes)
    this.#wake()
  }

  /** Takes all changes, waiting for the first; rejects when the signal aborts. */
  async next (signal: AbortSignal): Promise<Changes> {
    if (isEmpty(this.#changes)) {
      const { promise, resolve, reject } = Promise.withResolvers<void>()
      const onAbort = (): void => { reject(signal.reason) }

      signal.throwIfAborted()
      signal.addEventListener('abort', onAbort)
      this.#wake = resolve
      await promise.finally(() => { signal.removeEventListener('abort', onAbort) })
    }

    const changes = this.#changes
    this.#changes = noChanges()

    return changes
  }

  close (): void {
    this.onClose(this)
  }
}

/** One client that follows the items of one job: a bit for each that has ended and is not told yet. */
export class ItemWatch {
  readonly ended: ItemSet
  /** A task has changed since this was set to false. */
  changed = false
  #wake = Promise.withResolvers<void>()

  constructor (size: number, private readonly onClose: (watch: ItemWatch) => void) {
    this.ended = new ItemSet(size)
  }

  note (task: string, ended: boolean): void {
    this.changed = true

    if (ended) {
      this.ended.add(Number(task))
    }

    this.wake()
  }

  wake (): void {
    this.#wake.resolve()
  }

  /** Resolves at the next word since it was called last, and after `timeoutMs` where there is one; rejects when the signal aborts. */
  async next (timeoutMs: number | undefined, signal: AbortSignal): Promise<void> {
    const { promise, reject } = Promise.withResolvers<never>()
    const forget = onAbort(signal, reject)
    const timer = timeoutMs == null ? undefined : setTimeout(() => { this.wake() }, timeoutMs)

    try {
      await Promise.race([this.#wake.promise, promise])
    } finally {
      this.#wake = Promise.withResolvers()
      clearTimeout(timer)
      forget()
    }
  }

  close (): void {
    this.onClose(this)
  }
}

/** Who follows which job, and what the workers said last of it. */
export class Watchers {
  readonly #watches = new Map<string, Set<Watch>>()
  readonly #itemWatches = new Map<string, Set<ItemWatch>>()
  /** Last word of each task that is under way, for clients that come later. */
  readonly #latest = new Map<string, Latest>()

  watch (job: string): Watch {
    const watches = this.#watches.get(job) ?? new Set()
    const watch = new Watch(job, closed => {
      watches.delete(closed)

      if (watches.size === 0) {
        this.#watches.delete(job)
      }
    })
    const latest = this.#latest.get(job)

    if (latest != null) {
      watch.note(changes => {
        latest.phases.forEach((phase, task) => changes.phases.set(task, phase))
        latest.progress.forEach((progress, key) => changes.progress.set(key, progress))
        latest.transfers.forEach((transfer, task) => changes.transfers.set(task, transfer))
      })
    }

    this.#watches.set(job, watches.add(watch))

    return watch
  }

  /** @param size - items of the job */
  watchItems (job: string, size: number): ItemWatch {
    const watches = this.#itemWatches.get(job) ?? new Set()
    const watch = new ItemWatch(size, closed => {
      watches.delete(closed)

      if (watches.size === 0) {
        this.#itemWatches.delete(job)
      }
    })

    this.#itemWatches.set(job, watches.add(watch))

    return watch
  }

  phase (job: string, task: string, phase: Phase): void {
    this.#latestOf(job).phases.set(task, phase)
    this.#note(job, changes => { changes.phases.set(task, phase) })
  }

  progress (job: string, task: string, report: Progress): void {
    const key = `${task}/${report.command}`
    this.#latestOf(job).progress.set(key, { task, report })
    this.#note(job, changes => { changes.progress.set(key, { task, report }) })
  }

  transfer (job: string, task: string, transfer: Transfer): void {
    this.#note(job, changes => { changes.transfers.set(task, transfer) })
  }

  /** @param ended - nothing of it is under way any more */
  task (job: string, task: string, ended: boolean): void {
    const latest = ended ? this.#latest.get(job) : undefined

    if (latest != null) {
      latest.phases.delete(task)
      latest.transfers.delete(task)

      for (const [key, { task: name }] of latest.progress) {
        if (name === task) {
          latest.progress.delete(key)
        }
      }
    }

    this.#note(job, changes => { changes.tasks.add(task) })
    this.#itemWatches.get(job)?.forEach(watch => { watch.note(task, ended) })
  }

  /** More output is on disk; there is nothing to say but that. */
  output (job: string, execution: string): void {
    this.#note(job, changes => { changes.output.add(execution) })
  }

  end (job: string): void {
    this.#latest.delete(job)
    this.#note(job, changes => { changes.ended = true })
    this.#itemWatches.get(job)?.forEach(watch => { watch.wake() })
  }

  #note (job: string, update: (changes: Changes) => void): void {
    this.#watches.get(job)?.forEach(watch => { watch.note(update) })
  }

  #latestOf (job: string): Latest {
    const latest = this.#latest.get(job) ?? { phases: new Map(), progress: new Map(), transfers: new Map() }
    this.#latest.set(job, latest)

    return latest
  }
}

function noChanges (): Changes {
  return { tasks: new Set(), phases: new Map(), progress: new Map(), transfers: new Map(), output: new Set(), ended: false }
}

function isEmpty (changes: Changes): boolean {
  return !changes.ended && changes.output.size + changes.tasks.size + changes.phases.size + changes.progress.size + changes.transfers.size === 0
}
