import { stripVTControlCharacters } from 'node:util'
import { commandTitle } from '../../model/job.ts'
import { parseMapTask } from '../../model/map.ts'
import { isTaskEnd } from '../../model/states.ts'
import { entryOf } from '../../model/task-commands.ts'
import { printable } from '../../model/text.ts'
import { oneLine } from '../../report/rows.ts'
import type { Job } from '../../model/job.ts'
import type { TaskState, WorkerState } from '../../model/states.ts'
import type { JobView, NodeRow, SubmitReply, TaskView } from '../../node/protocol/submit/messages.ts'

/** Of the last line that is shown of an output. */
const MAX_LINE = 200

export interface MapEntryState {
  task: string
  /** From 1 on, over all lists of its worker. */
  number: number
  title: string
  state: TaskState
  restarts: number
  reason?: string
}

export interface MapWorkerState {
  peerId: string
  name: string
  /** In the order in which they are done. */
  entries: MapEntryState[]
  /** When it was heard of last, by the clock of whoever asks. */
  heardMs?: number
  /** As the masters see it, where they were asked. */
  node?: WorkerState
  lastLine?: string
}

/** What is known of a map on its way, by peer id of its workers. Every event is taken in order. */
export class MapState {
  readonly workers = new Map<string, MapWorkerState>()
  readonly #entries = new Map<string, { entry: MapEntryState, worker: MapWorkerState }>()
  jobId = ''

  /** @param nowMs - of any clock that runs evenly. Returns the entries whose state has changed. */
  take (event: SubmitReply, nowMs: number): Array<{ entry: MapEntryState, worker: MapWorkerState }> {
    switch (event.kind) {
      case 'job':
      case 'end':
        this.#begin(event.view)
        return event.view.tasks.flatMap(view => this.#takeView(view))
      case 'task':
        this.#heard(event.view.task, nowMs)
        return this.#takeView(event.view)
      case 'output':
        this.#heard(event.task, nowMs)
        this.#takeOutput(event.task, event.data)
        return []
      case 'phase':
      case 'progress':
      case 'result':
        this.#heard(event.task, nowMs)
        return []
      default:
        return []
    }
  }

  takeNodes (rows: readonly NodeRow[], nowMs: number): void {
    for (const { role, peerId, state, lastHeardMs } of rows) {
      const worker = this.workers.get(peerId)

      if (role === 'worker' && worker != null) {
        worker.node = state as WorkerState
        worker.heardMs = Math.max(worker.heardMs ?? -Infinity, nowMs - lastHeardMs)
      }
    }
  }

  /** Where a task stands in its worker's list; undefined for one that the map does not have. */
  entryOf (task: string): { entry: MapEntryState, worker: MapWorkerState } | undefined {
    return this.#entries.get(task)
  }

  #begin ({ job, tasks }: JobView): void {
    this.jobId = job.id

    if (this.#entries.size > 0) {
      return
    }

    for (const view of [...tasks].sort(inOrder)) {
      const { worker: peerId } = parseMapTask(view.task)
      const worker = this.workers.get(peerId) ?? { peerId, name: '', entries: [] }
      const entry = { task: view.task, number: worker.entries.length + 1, title: titleOf(job, view.task), state: view.state, restarts: view.attempt }

      worker.name = printable(view.workerName === '' ? peerId.slice(-8) : view.workerName, 60)
      worker.entries.push(entry)
      this.workers.set(peerId, worker)
      this.#entries.set(view.task, { entry, worker })
    }
  }

  #takeView (view: TaskView): Array<{ entry: MapEntryState, worker: MapWorkerState }> {
    const known = this.#entries.get(view.task)

    if (known == null) {
      return []
    }

    const { entry } = known
    const changed = entry.state !== view.state || entry.restarts !== view.attempt

    entry.state = view.state
    entry.restarts = view.attempt
    entry.reason = view.reason == null ? undefined : printable(view.reason)

    return changed ? [known] : []
  }

  #takeOutput (task: string, data: Uint8Array): void {
    const known = this.#entries.get(task)

    if (known == null) {
      return
    }

    // enough of the end for one line, whatever it is
    const lines = stripVTControlCharacters(Buffer.from(data.subarray(-4 * MAX_LINE)).toString()).split(/\r|\n/).filter(line => line.trim() !== '')
    const last = lines.at(-1)

    if (last != null) {
      known.worker.lastLine = printable(last.trim(), MAX_LINE)
    }
  }

  #heard (task: string, nowMs: number): void {
    const known = this.#entries.get(task)

    if (known != null) {
      known.worker.heardMs = nowMs
    }
  }
}

function inOrder (a: TaskView, b: TaskView): number {
  const [first, second] = [parseMapTask(a.task), parseMapTask(b.task)]

  return first.list - second.list || first.entry - second.entry
}

function titleOf (job: Job, task: string): string {
  const command = job.commands[entryOf(job, task).command]

  return command == null ? '' : printable(oneLine(commandTitle(command)), 60)
}

/** What a worker does now, in one word or two, and with which entry. */
export function standingOf ({ entries, node }: MapWorkerState): { word: string, entry?: MapEntryState } {
  const running = entries.find(({ state }) => state === 'running' || state === 'cancelling')
  const again = entries.find(isRestarting)
  const next = entries.find(({ state }) => !isTaskEnd(state))

  if (next == null) {
    return { word: entries.every(({ state }) => state === 'done') ? 'finished' : entries.some(({ state }) => state !== 'done' && state !== 'cancelled') ? 'failed' : 'cancelled' }
  }

  if (node === 'lost') {
    return { word: 'lost', entry: running ?? again ?? next }
  }

  if (running != null) {
    return { word: running.state === 'cancelling' ? 'cancelling' : node === 'finished, delivering' ? node : 'running', entry: running }
  }

  return again != null ? { word: 'failed, restarting', entry: again } : { word: next.state === 'queued' ? 'waiting' : next.state, entry: next }
}

/** It has ended at least once, and has not begun again. */
export function isRestarting ({ state, restarts }: MapEntryState): boolean {
  return restarts > 0 && !isTaskEnd(state) && state !== 'running' && state !== 'cancelling'
}
