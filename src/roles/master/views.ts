import { commandTitle } from '../../model/job.ts'
import { executionId } from '../../model/ids.ts'
import { isTaskEnd } from '../../model/states.ts'
import { formatDuration } from '../../model/units.ts'
import { avoidedNames } from './coordinator/avoidance.ts'
import { isBehind } from './coordinator/map-lists.ts'
import { isPaused } from './coordinator/pauses.ts'
import { shownState } from './coordinator/shown.ts'
import { waitsForGroup } from './coordinator/why.ts'
import type { CoordinatorState, JobEntry, TaskEntry, WorkerEntry } from './coordinator/state.ts'
import type { FilteredJob } from './job-filter.ts'
import type { MasterView } from './masters.ts'
import type { ExecutionKey } from '../../model/ids.ts'
import type { ExecutionResult } from '../../model/result.ts'
import type { JobState, TaskState } from '../../model/states.ts'
import type { ItemEnd, JobRow, JobView, NodeRow, StateCount, TaskView } from '../../node/protocol/submit/messages.ts'

/** Characters: a row of a list must not be longer than its reader takes. */
const MAX_TITLE = 2_000

const MAX_DUPLICATES = 100
const MAX_ADDRESSES = 64

/** The coordinator's state as clients see it. `conflicting` are records beside others of the very same executions. */
export function jobView (entry: JobEntry, startSkewNs?: number, conflicting: ExecutionResult[] = []): JobView {
  return {
    job: entry.job,
    state: jobState(entry),
    tasks: [...entry.tasks.values()].map(task => taskView(task, entry, conflicting.filter(({ key }) => key.task === task.name))),
    acceptedAt: entry.acceptedAtMs,
    finishedAt: entry.finishedAtMs,
    startSkewNs
  }
}

/** Of a job with items: no task by name, and its items only where they are asked for. */
export function itemsJobView (entry: JobEntry, texts: boolean): JobView {
  const { job } = entry

  return {
    job: texts || job.each == null ? job : { ...job, each: { items: [] } },
    state: jobState(entry),
    tasks: [],
    counts: countStates(entry),
    acceptedAt: entry.acceptedAtMs,
    finishedAt: entry.finishedAtMs
  }
}

export function countStates (entry: JobEntry): StateCount[] {
  const counts = new Map<TaskState, number>()

  for (const { state } of entry.tasks.values()) {
    counts.set(state, (counts.get(state) ?? 0) + 1)
  }

  return [...counts].map(([state, count]) => ({ state, count }))
}

/** What became of an item, without its output. `result` is the record that counts, where there is one. */
export function itemEnd (task: TaskEntry, entry: JobEntry, result: ExecutionResult | undefined): ItemEnd {
  const command = result?.commands[0]
  const sample = command?.samples.at(-1)
  const reason = expiryOf(task, entry) ?? task.reason ?? result?.reason ?? command?.notRun?.message

  return {
    task: task.name,
    ...(result == null ? {} : { execution: executionId(result.key), startedAt: result.startedAt }),
    workerName: task.info?.name ?? '',
    state: task.state,
    ...(reason == null ? {} : { reason }),
    ...(sample == null ? {} : { exit: sample.exit, wallNs: sample.wallNs }),
    ...(sample?.limit == null ? {} : { limit: sample.limit }),
    stdoutBytes: 0,
    stderrBytes: 0
  }
}

export function taskView (task: TaskEntry, entry: JobEntry, conflicting: ExecutionResult[] = [], nowMs = Date.now()): TaskView {
  return {
    task: task.name,
    worker: task.worker,
    workerName: task.info?.name ?? 'any worker',
    state: task.state,
    reason: reasonOf(task, entry, nowMs),
    attempt: task.attempt,
    simultaneous: task.simultaneous,
    info: task.info,
    ...duplicatesOf(task, conflicting)
  }
}

function reasonOf (task: TaskEntry, entry: JobEntry, nowMs: number): string | undefined {
  const avoided = task.state === 'queued' ? avoidedNames(task, nowMs, entry.deniers) : undefined

  if (isPaused(task) || avoided != null) {
    const pause = isPaused(task) ? ` in ${formatDuration(Math.max(0, task.restart!.atMs - nowMs))}` : ''

    return `${task.reason ?? 'waiting for a free worker'}${pause}${avoided == null ? '' : `, ${avoided}`}`
  }

  if (waitsForGroup(entry, task)) {
    return 'ready; waits for the others that start with it'
  }

  return expiryOf(task, entry) ?? task.reason ?? (task.state !== 'queued' || entry.cancelled ? undefined : isBehind(task) ? 'waits for the entry before it' : 'waiting for a free worker')
}

function expiryOf ({ state }: TaskEntry, { job, expired }: JobEntry): string | undefined {
  return expired === true && (state === 'cancelled' || state === 'cancelling') ? `its deadline of ${formatDuration(job.deadlineMs ?? 0)} has passed` : undefined
}

/** What beside the record that counts is there; before the end, all of it. */
function duplicatesOf (task: TaskEntry, conflicting: ExecutionResult[]): Pick<TaskView, 'duplicates'> {
  const isOther = ({ key }: { key: ExecutionKey }): boolean => !isTaskEnd(task.state) || key.worker !== task.worker || key.attempt !== task.attempt
  const nameOf = ({ worker }: ExecutionKey): string =>
    [...task.records.values()].find(({ key }) => key.worker === worker)?.workerName ?? (worker === task.worker ? task.info?.name : undefined) ?? worker.slice(-8)
  const duplicates = [
    ...[...task.records.values()].filter(isOther).map(({ key, outcome, reason }) => ({ execution: executionId(key), workerName: nameOf(key), outcome, reason })),
    ...conflicting.map(({ key, outcome, reason }) => ({ execution: executionId(key), workerName: nameOf(key), outcome, reason, conflict: true }))
  ].slice(0, MAX_DUPLICATES)

  return duplicates.length === 0 ? {} : { duplicates }
}

export function jobRow (entry: JobEntry, viewer: string): JobRow {
  const tasks = [...entry.tasks.values()]

  return {
    id: entry.job.id,
    name: entry.job.name,
    title: titleOf(entry).slice(0, MAX_TITLE).toWellFormed(),
    kind: entry.job.kind,
    state: jobState(entry),
    acceptedAt: entry.acceptedAtMs,
    finishedAt: entry.finishedAtMs,
    tasks: tasks.length,
    ended: tasks.filter(task => isTaskEnd(task.state)).length,
    failed: tasks.filter(task => isTaskEnd(task.state) && task.state !== 'done').length,
    mine: entry.job.client === viewer
  }
}

function titleOf ({ job: { commands, each, map }, tasks }: JobEntry): string {
  return map != null
    ? `map of ${tasks.size} ${tasks.size === 1 ? 'command' : 'commands'}`
    : [...commands.map(commandTitle), ...(each == null ? [] : [`${each.items.length} items`])].join(' · ')
}

/** `connectedMs`: how long this master has been there, as far as the one that is asked can say. */
export function masterRow (master: MasterView, { version, connectedMs }: { version: string, connectedMs: number }): NodeRow {
  const { behind = 0 } = master

  return {
    role: 'master',
    peerId: master.peerId,
    name: master.name,
    state: master.state,
    ...(master.state === 'standby' && behind > 0 ? { detail: `${behind} ${behind === 1 ? 'record' : 'records'} behind` } : {}),
    draining: false,
    sinceMs: master.state === 'lost' ? master.lastHeardMs ?? 0 : Math.max(0, Math.round(connectedMs)),
    lastHeardMs: master.lastHeardMs ?? 0,
    term: master.term,
    version,
    addresses: master.addresses.slice(0, MAX_ADDRESSES)
  }
}

/** Is this the execution whose record counts for its task? */
export function isCounted (entry: JobEntry, key: ExecutionKey): boolean {
  const task = entry.tasks.get(key.task)

  return task != null && isTaskEnd(task.state) && task.worker === key.worker && task.attempt === key.attempt
}

export function workerRow (coordinator: CoordinatorState, worker: WorkerEntry, nowMs: number, version: string): NodeRow {
  const sinceLastWord = Math.max(0, nowMs - worker.lastHeardMs)
  const { state, sinceMs } = shownState(coordinator, worker)

  return {
    role: 'worker',
    peerId: worker.info.peerId,
    name: worker.info.name,
    state,
    detail: worker.detail,
    draining: worker.draining,
    sinceMs: sinceMs == null ? worker.sinceMs + sinceLastWord : Math.max(0, nowMs - sinceMs),
    lastHeardMs: sinceLastWord,
    info: worker.info,
    version,
    addresses: []
  }
}

/**
 * From the first start to the last at most, of those that started together:
 * each may have been earlier or later by what is not known of its clock.
 * Undefined for fewer than two.
 */
export function startSkew (results: Array<Pick<ExecutionResult, 'start'>>): number | undefined {
  const starts = results.flatMap(({ start }) => start?.simultaneous === true ? [{ at: start.skewNs, error: start.errorNs ?? 0 }] : [])

  return starts.length < 2 ? undefined : Math.max(...starts.map(({ at, error }) => at + error)) - Math.min(...starts.map(({ at, error }) => at - error))
}

/** What a list of jobs may choose by; costs less than the row. */
export function filteredJob (entry: JobEntry): FilteredJob {
  const { job: { name, kind }, acceptedAtMs } = entry

  return {
    ...(name == null ? {} : { name }),
    kind,
    acceptedAtMs,
    state: jobState(entry),
    failed: [...entry.tasks.values()].some(({ state }) => isTaskEnd(state) && state !== 'done')
  }
}

function jobState (entry: JobEntry): JobState {
  if (entry.finishedAtMs != null) {
    // a cancel that came when everything had run changes nothing
    return entry.cancelled && [...entry.tasks.values()].some(task => task.state === 'cancelled') ? 'cancelled' : 'finished'
  }

  return [...entry.tasks.values()].every(task => task.state === 'queued') ? 'queued' : 'running'
}
