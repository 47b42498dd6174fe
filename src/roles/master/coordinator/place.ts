import { unmetDemand } from '../../../machine/demands.ts'
import { matches } from '../../../machine/match.ts'
import { executionId } from '../../../model/ids.ts'
import { isTaskEnd } from '../../../model/states.ts'
import { change, keyOf } from './tasks.ts'
import type { CoordinatorEffect, CoordinatorState, JobEntry, TaskEntry, WorkerEntry } from './state.ts'

/** How many idle workers are sent AVAILABLE for one `any` task; the first READY wins. */
const ASKED_AT_ONCE = 3

/** Members of a group that are ready wait this long for the slowest one. */
const GROUP_WAIT_MS = 60_000

/** A new coordinator offers nothing before all connected workers have said what they hold, or for this long. */
export const SETTLE_MS = 500

/**
 * Offers queued tasks to idle workers, fairly between clients, and starts what
 * is prepared.
 */
export function place (state: CoordinatorState, nowMs: number): CoordinatorEffect[] {
  const effects: CoordinatorEffect[] = []

  if (state.mode === 'standby') {
    return effects
  }

  askAgain(state, nowMs, effects)

  if (isSettled(state, nowMs)) {
    offer(state, nowMs, effects)
  }

  for (const entry of state.jobs.values()) {
    if (entry.finishedAtMs == null) {
      startPrepared(entry, nowMs, effects)
    }
  }

  return effects
}

export function isIdle (worker: WorkerEntry, nowMs: number): boolean {
  return worker.connected && (worker.state === 'waiting' || worker.state === 'finished, delivering') && !worker.draining && worker.info.refusal == null &&
    worker.engaged == null && worker.retryAtMs <= nowMs
}

function isSettled (state: CoordinatorState, nowMs: number): boolean {
  const reignedMs = state.reignedMs ?? nowMs

  // a clock that was set back does not make it last longer
  if (state.unheard.size > 0 && (nowMs < reignedMs || nowMs - reignedMs >= SETTLE_MS)) {
    state.unheard.clear()
  }

  return !state.catchingUp && state.unheard.size === 0
}

/** Did START arrive? AVAILABLE is answered with `known` if it did, and with anything else if it did not. */
function askAgain (state: CoordinatorState, nowMs: number, effects: CoordinatorEffect[]): void {
  for (const entry of state.jobs.values()) {
    if (entry.finishedAtMs != null) {
      continue
    }

    for (const task of entry.tasks.values()) {
      if (task.state !== 'starting') {
        continue
      }

      for (const id of task.doubted) {
        const worker = state.workers.get(id)

        // one that is busy with something else can tell as well
        if (worker?.connected === true && !task.asked.has(id) && worker.retryAtMs <= nowMs) {
          const execution = executionId(keyOf(entry, task, id))

          worker.engaged ??= execution
          task.asked.add(id)
          effects.push({ kind: 'ask', worker: id, execution })
        }
      }
    }
  }
}

function offer (state: CoordinatorState, nowMs: number, effects: CoordinatorEffect[]): void {
  const idle = new Map([...state.workers].filter(([, worker]) => isIdle(worker, nowMs)))

  if (idle.size === 0) {
    return
  }

  for (const entry of inFairOrder(state)) {
    const asked: TaskEntry[] = []

    for (const task of entry.tasks.values()) {
      if (idle.size === 0) {
        break
      }

      if (task.state !== 'queued') {
        continue
      }

      const workers = task.target != null
        ? [...idle.keys()].filter(id => id === task.target)
        : [...idle].filter(([, worker]) => matches(worker.info, entry.job.placement.where) === true && unmetDemand(worker.info, entry.job) == null).slice(0, ASKED_AT_ONCE).map(([id]) => id)

      for (const id of workers) {
        const execution = executionId(keyOf(entry, task, id))

        task.asked.add(id)
        state.workers.get(id)!.engaged = execution
        idle.delete(id)
        effects.push({ kind: 'ask', worker: id, execution })
      }

      if (workers.length > 0) {
        task.reason = undefined
        asked.push(task)
        change(entry, task, 'reserving', nowMs, effects)
      }
    }

    formGroup(entry, asked)
  }
}

/** Measured tasks that are offered for the first time together start together. */
function formGroup (entry: JobEntry, asked: TaskEntry[]): void {
  if (entry.job.kind !== 'run' || entry.group != null || entry.tasks.size < 2 || asked.length === 0) {
    return
  }

  entry.group = { members: new Set(asked.map(task => task.name)), started: false }

  for (const task of entry.tasks.values()) {
    task.simultaneous = entry.group.members.has(task.name)
  }
}

function startPrepared (entry: JobEntry, nowMs: number, effects: CoordinatorEffect[]): void {
  const prepared = [...entry.tasks.values()].filter(task => task.state === 'starting' && task.prepared)

  if (prepared.length === 0) {
    return
  }

  const { group } = entry
  const alone = prepared.filter(task => group == null || group.started || !group.members.has(task.name))

  for (const task of alone) {
    start(entry, [task], false, effects)
  }

  if (group == null || group.started) {
    return
  }

  const members = prepared.filter(task => group.members.has(task.name))

  if (members.length === 0) {
    return
  }

  group.deadlineMs ??= nowMs + GROUP_WAIT_MS

  if (members.length === group.members.size || group.deadlineMs <= nowMs) {
    for (const name of group.members) {
      if (!members.some(task => task.name === name)) {
        group.members.delete(name)
        entry.tasks.get(name)!.simultaneous = false
      }
    }

    group.started = true
    start(entry, members, members.length > 1, effects)
  }
}

function start (entry: JobEntry, tasks: TaskEntry[], together: boolean, effects: CoordinatorEffect[]): void {
  const starts = tasks.map(task => ({ worker: task.worker!, execution: executionId(keyOf(entry, task, task.worker!)) }))

  for (const task of tasks) {
    const key = keyOf(entry, task, task.worker!)

    // no longer ours to roll back: from here on only the worker knows
    task.prepared = false
    task.assigned.set(executionId(key), key)
  }

  effects.push(...starts.map(({ execution }): CoordinatorEffect => ({ kind: 'persist-assign', execution })))
  effects.push({ kind: 'start', starts, together })
}

/** Jobs with queued tasks: the client with the least under way first, then the oldest. */
function inFairOrder (state: CoordinatorState): JobEntry[] {
  const active = new Map<string, number>()
  const waiting: JobEntry[] = []

  for (const entry of state.jobs.values()) {
    if (entry.finishedAtMs != null) {
      continue
    }

    let queued = false

    for (const task of entry.tasks.values()) {
      if (task.state === 'queued') {
        queued = true
      } else if (!isTaskEnd(task.state)) {
        active.set(entry.job.client, (active.get(entry.job.client) ?? 0) + 1)
      }
    }

    if (queued && !entry.cancelled) {
      waiting.push(entry)
    }
  }

  return waiting.sort((a, b) =>
    (active.get(a.job.client) ?? 0) - (active.get(b.job.client) ?? 0) || a.acceptedAtMs - b.acceptedAtMs || (a.job.id < b.job.id ? -1 : 1))
}
