import { parseExecutionId } from '../../model/ids.ts'
import type { ExecutionKey } from '../../model/ids.ts'
import type { ProfileChange } from '../../model/profile.ts'
import type { Outcome } from '../../model/result.ts'
import type { WorkerState } from '../../model/states.ts'

/** Some 250 bytes each. */
export const MAX_CHANGES = 100_000
export const MAX_AGE_MS = 24 * 60 * 60 * 1000

/** Workers of which the clock is remembered; more than a registry keeps. */
const MAX_WORKERS = 10_000

interface RecordedWorker {
  peerId: string
  name: string
  slots: number
}

type Recorded =
  | { atMs: number, worker: RecordedWorker, state: WorkerState }
  | { atMs: number, worker: RecordedWorker, outcome: Outcome, startedAtMs: number, endedAtMs: number, execution: string, client: string }

/** Who asks, and for what. */
export interface RecordingQuery {
  /** Changes from then on; what held at that moment comes first. */
  sinceMs?: number
  /** Only executions of this job, and no states. */
  job?: string
  /** May this be told of the jobs of that client? */
  isVisible: (client: string) => boolean
}

/** Where a reader has got to. */
export type Cursor = number

/**
 * The last day of all workers, as one master has seen it: their states and the
 * executions that have ended. Bounded; what falls out is forgotten, but for the
 * state in which it left each worker. Pure: it is told the time.
 */
export class Recording {
  readonly #bounds: { changes: number, ageMs: number }
  #changes: Recorded[] = []
  /** How many there were before the first one that is kept. */
  #dropped = 0
  /** State of each worker before the first change that is kept. */
  readonly #before = new Map<string, Extract<Recorded, { state: WorkerState }>>()
  /** As it was told last. */
  readonly #now = new Map<string, { worker: RecordedWorker, state: WorkerState }>()
  /** The least that a record ever came later than its worker's clock said that it had ended: how far that clock is behind this one, at most. */
  readonly #lags = new Map<string, number>()

  constructor (bounds: { changes?: number, ageMs?: number } = {}) {
    this.#bounds = { changes: bounds.changes ?? MAX_CHANGES, ageMs: bounds.ageMs ?? MAX_AGE_MS }
  }

  get size (): number {
    return this.#changes.length
  }

  /** A worker has changed, or may have. Returns whether it is in another state than before. */
  state (info: { peerId: string, name: string, slots?: number }, state: WorkerState, nowMs: number): boolean {
    const known = this.#now.get(info.peerId)
    const worker = this.#workerOf(info.peerId, info.name, info.slots)

    if (known?.state === state && known.worker === worker) {
      return false
    }

    this.#remember(this.#now, info.peerId, { worker, state })
    this.#add({ atMs: nowMs, worker, state })

    return true
  }

  /**
   * The record of an execution has come. Its times are the worker's clock; they
   * are moved by what that clock is behind, so that none lies in the future and
   * one that was delivered late is where it belongs.
   */
  ended ({ key, outcome, startedAt, finishedAt }: { key: ExecutionKey, outcome: Outcome, startedAt: number, finishedAt: number }, execution: string, client: string, nowMs: number): void {
    const lag = Math.min(nowMs - finishedAt, this.#lags.get(key.worker) ?? Infinity)
    const endedAtMs = Math.max(0, Math.round(finishedAt + lag))

    this.#remember(this.#lags, key.worker, lag)
    this.#add({
      atMs: nowMs,
      worker: this.#workerOf(key.worker),
      outcome,
      startedAtMs: Math.max(0, endedAtMs - Math.max(0, Math.round(finishedAt - startedAt))),
      endedAtMs,
      execution,
      client
    })
  }

  /** The place behind the last change. */
  get end (): Cursor {
    return this.#dropped + this.#changes.length
  }

  /** What a query begins with: the state of each worker at `sinceMs`, and whatever came later, as far as `end`. */
  * from ({ sinceMs = 0, job, isVisible }: RecordingQuery, end = this.end): Generator<ProfileChange> {
    const states = new Map(this.#before)
    let at = 0

    for (; at < this.#changes.length && this.#changes[at]!.atMs < sinceMs; at++) {
      const change = this.#changes[at]!

      if ('state' in change) {
        states.set(change.worker.peerId, change)
      }
    }

    const first = this.#dropped + at

    if (job == null) {
      for (const change of states.values()) {
        // who has been away since before is not of that time
        if (change.state !== 'lost') {
          yield shown({ ...change, atMs: Math.max(change.atMs, sinceMs) }, true)
        }
      }
    }

    yield * this.after(first, { job, isVisible }, end)
  }

  /** What came since; what has been forgotten meanwhile is left out. As far as `end`. */
  * after (cursor: Cursor, { job, isVisible }: Omit<RecordingQuery, 'sinceMs'>, end = this.end): Generator<ProfileChange> {
    // by number: while a reader takes its time, more may come and the first may go
    for (let at = cursor; at < end; at++) {
      const change = this.#changes[at - this.#dropped]

      if (change != null && (job == null || ('execution' in change && change.execution.startsWith(`${job}/`)))) {
        yield shown(change, !('client' in change) || isVisible(change.client))
      }
    }
  }

  #add (change: Recorded): void {
    this.#changes.push(change)

    const { changes, ageMs } = this.#bounds
    let surplus = Math.max(0, this.#changes.length - changes)

    while (surplus < this.#changes.length && this.#changes[surplus]!.atMs < change.atMs - ageMs) {
      surplus++
    }

    // many at a time: to move all of them for each that goes would cost more than everything else
    if (surplus > Math.min(1_000, changes / 10)) {
      for (const gone of this.#changes.splice(0, surplus)) {
        if ('state' in gone) {
          this.#remember(this.#before, gone.worker.peerId, gone)
        }
      }

      this.#dropped += surplus
    }
  }

  /** One object for as long as nothing about it changes. */
  #workerOf (peerId: string, name?: string, slots?: number): RecordedWorker {
    const known = this.#now.get(peerId)?.worker

    return known != null && (name == null || (known.name === name && known.slots === (slots ?? 1)))
      ? known
      : { peerId, name: name ?? peerId.slice(-8), slots: slots ?? 1 }
  }

  #remember<T> (map: Map<string, T>, worker: string, value: T): void {
    map.delete(worker)
    map.set(worker, value)

    if (map.size > MAX_WORKERS) {
      map.delete(map.keys().next().value!)
    }
  }
}

function shown (change: Recorded, isVisible: boolean): ProfileChange {
  const { atMs, worker: { peerId: worker, name: workerName, slots } } = change

  if ('state' in change) {
    return { kind: 'state', atMs, worker, workerName, state: change.state, slots }
  }

  const { outcome, startedAtMs, endedAtMs, execution } = change

  return { kind: 'task', atMs, worker, workerName, outcome, startedAtMs, endedAtMs, ...(isVisible ? pick(execution) : {}) }
}

function pick (execution: string): { job: string, task: string } {
  const { job, task } = parseExecutionId(execution)

  return { job, task }
}
