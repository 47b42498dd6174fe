import type { TaskReport } from '../../node/protocol/task/messages.ts'

export type Phase = Extract<TaskReport, { kind: 'phase' }>
export type Progress = Extract<TaskReport, { kind: 'progress' }>

/** What has changed since a client was told last; coalesced, so that a slow client costs bounded memory. */
export interface Changes {
  tasks: Set<string>
  phases: Map<string, Phase>
  /** By task and command. */
  progress: Map<string, { task: string, report: Progress }>
  transfers: Map<string, { chunks: number, of: number }>
  /** There is more output on disk. */
  output: boolean
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

/** Who follows which job, and what the workers said last of it. */
export class Watchers {
  readonly #watches = new Map<string, Set<Watch>>()
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

  phase (job: string, task: string, phase: Phase): void {
    this.#latestOf(job).phases.set(task, phase)
    this.#note(job, changes => { changes.phases.set(task, phase) })
  }

  progress (job: string, task: string, report: Progress): void {
    const key = `${task}/${report.command}`
    this.#latestOf(job).progress.set(key, { task, report })
    this.#note(job, changes => { changes.progress.set(key, { task, report }) })
  }

  transfer (job: string, task: string, chunks: number, of: number): void {
    this.#note(job, changes => { changes.transfers.set(task, { chunks, of }) })
  }

  task (job: string, task: string): void {
    this.#note(job, changes => { changes.tasks.add(task) })
  }

  /** More output is on disk; there is nothing to say but that. */
  output (job: string): void {
    this.#note(job, changes => { changes.output = true })
  }

  end (job: string): void {
    this.#latest.delete(job)
    this.#note(job, changes => { changes.ended = true })
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
  return { tasks: new Set(), phases: new Map(), progress: new Map(), transfers: new Map(), output: false, ended: false }
}

function isEmpty (changes: Changes): boolean {
  return !changes.ended && !changes.output && changes.tasks.size + changes.phases.size + changes.progress.size + changes.transfers.size === 0
}
