import { unmetDemand } from '../../../machine/demands.ts'
import { executionId } from '../../../model/ids.ts'
import { isTaskEnd } from '../../../model/states.ts'
import { entryOf } from '../../../model/task-commands.ts'
import { heard } from './capacity.ts'
import { watchDeadline } from './deadlines.ts'
import { expandTargets, linkLists, stopsList } from './map-lists.ts'
import { endBy, countedRecord, note, takeStock } from './records.ts'
import { change, hasBegun, rollBack } from './tasks.ts'
import { newTrack, taskOf, tasksOf, untrack } from './track.ts'
import type { CoordinatorEffect, CoordinatorEvent, CoordinatorState, Ended, JobEntry, Target, TaskEntry } from './state.ts'

type EventOf<K extends CoordinatorEvent['kind']> = Extract<CoordinatorEvent, { kind: K }>

export function newJob (init: Pick<JobEntry, 'job' | 'acceptedAtMs'>): JobEntry {
  return {
    job: init.job,
    acceptedAtMs: init.acceptedAtMs,
    cancelled: false,
    tasks: new Map(),
    open: 0,
    queued: 0,
    ...(init.job.placement.on === 'some' ? { held: new Map() } : {})
  }
}

/** Those that it does not have yet. */
export function addTargets (state: CoordinatorState, entry: JobEntry, targets: readonly Target[], nowMs: number): void {
  for (const target of expandTargets(entry.job, targets)) {
    if (!entry.tasks.has(target.task)) {
      entry.tasks.set(target.task, newTask(entry.job, target, entry.tasks.size, nowMs))
    }
  }

  linkLists(entry)
  watchDeadline(state, entry)
  tasksOf(state, entry)
}

/** What its worker must not do ends before it begins; that follows from what was frozen, so it needs no record. */
function newTask (job: JobEntry['job'], target: Target, order: number, nowMs: number): TaskEntry {
  const rule = job.map == null ? job.retry : entryOf(job, target.task).restart
  const reason = target.info == null ? undefined : unmetDemand(target.info, job, target.task)

  return {
    job: job.id,
    name: target.task,
    order,
    target: target.worker,
    info: target.info,
    state: reason == null ? 'queued' : 'not-run',
    ...(reason == null ? {} : { reason, worker: target.worker }),
    attempt: 0,
    ...(rule == null ? {} : { rule }),
    assigned: new Map(),
    records: new Map(),
    asked: new Set(),
    prepared: false,
    doubted: new Set(),
    elsewhere: new Set(),
    sinceMs: nowMs,
    track: newTrack()
  }
}

/**
 * A job as the journal has it. Of one that is known already only what is new
 * counts: records, assignments, targets, the cancel. What its records mean is
 * for `onRecord` to say, as of any that comes.
 */
export function restore (state: CoordinatorState, event: EventOf<'restore'>, effects: CoordinatorEffect[], onRecord: (record: Ended) => void): void {
  const known = state.jobs.get(event.job.id)
  const entry = known ?? newJob(event)

  state.jobs.set(event.job.id, entry)
  entry.acceptedAtMs = event.acceptedAtMs

  // a cancel of a known one comes as an event of its own
  if (known == null) {
    entry.cancelled = event.cancelled
    entry.expired = event.expired
  }

  addTargets(state, entry, event.targets, event.nowMs)

  event.assigned.forEach(key => entry.tasks.get(key.task)?.assigned.set(executionId(key), key))

  for (const ended of known == null ? event.ended : []) {
    const task = entry.tasks.get(ended.key.task)

    if (task != null) {
      note(task, ended)
    }
  }

  for (const task of entry.tasks.values()) {
    // what this master itself is about is not disturbed
    if (known == null || (state.mode === 'standby' && !hasBegun(task)) || task.state === 'queued') {
      takeStock(entry, task, event.nowMs)
    }
  }

  if (known != null) {
    event.ended.forEach(onRecord)
  }

  if (event.finishedAtMs != null && known != null && state.mode === 'reign' && entry.finishedAtMs == null) {
    entry.endHeardAtMs = event.finishedAtMs
  } else if (event.finishedAtMs != null) {
    entry.endSaid = true
    finish(state, entry, event.finishedAtMs)
  }

  for (const task of entry.tasks.values()) {
    // the mark of a job's end may be missing when everything has ended
    if (known != null || (isTaskEnd(task.state) && entry.finishedAtMs == null)) {
      effects.push({ kind: 'task-changed', job: event.job.id, task: task.name })
    }

    expectWorker(state, task, event.nowMs)
  }
}

/** The workers of unfinished jobs are given time to come back before they count as lost. */
function expectWorker (state: CoordinatorState, task: TaskEntry, nowMs: number): void {
  const worker = task.worker ?? task.target

  if (!isTaskEnd(task.state) && worker != null && task.info != null && !state.workers.has(worker)) {
    state.workers.set(worker, {
      info: task.info,
      connected: false,
      state: 'lost',
      sinceMs: 0,
      lastHeardMs: nowMs,
      draining: false,
      retryAtMs: 0,
      failures: 0,
      engaged: new Map(),
      running: new Set(),
      payloads: new Set()
    })
    heard(state, worker, nowMs)
  }
}

export function onAssigned (state: CoordinatorState, { key, nowMs }: EventOf<'assigned'>, effects: CoordinatorEffect[]): void {
  const entry = state.jobs.get(key.job)
  const task = taskOf(state, entry, key.task)
  const execution = executionId(key)

  if (entry == null || task == null || task.assigned.has(execution)) {
    return
  }

  task.assigned.set(execution, key)

  if (entry.finishedAtMs != null || (isTaskEnd(task.state) && !(task.state === 'cancelled' && task.records.size === 0))) {
    return
  }

  // one that runs here, or may, is not given up for one that may run there
  if (state.mode === 'reign' && hasBegun(task) && task.doubted.size === 0) {
    task.elsewhere.add(execution)
    return
  }

  if (task.state === 'running' && key.attempt <= task.attempt) {
    return
  }

  rollBack(state, entry, task, effects)
  takeStock(entry, task, nowMs)
  change(state, entry, task, task.state, nowMs, effects)
}

export function onEnd (state: CoordinatorState, event: EventOf<'end'>, effects: CoordinatorEffect[]): void {
  const entry = state.jobs.get(event.job)

  if (entry == null) {
    return
  }

  // who reigns judges for itself, for as long as it reigns
  if (state.mode === 'reign' && entry.finishedAtMs == null) {
    entry.endHeardAtMs = event.atMs
    return
  }

  const isNews = entry.finishedAtMs == null

  entry.endSaid = true
  finish(state, entry, event.atMs)

  if (isNews) {
    for (const task of entry.tasks.values()) {
      change(state, entry, task, task.state, event.nowMs, effects)
    }

    effects.push({ kind: 'job-ended', job: event.job, atMs: event.atMs })
  }
}

/** What has no record when a job has ended was cancelled or lost. */
function finish (state: CoordinatorState, entry: JobEntry, atMs: number): void {
  entry.finishedAtMs = atMs
  watchDeadline(state, entry)

  for (const task of tasksOf(state, entry)) {
    const counted = countedRecord(task)

    if (isTaskEnd(task.state)) {
      continue
    }

    task.asked.clear()
    task.doubted.clear()
    task.prepared = false
    task.waiting = undefined

    if (counted == null) {
      task.notBegun = task.before == null ? undefined : stopsList(entry, task.before)
      task.reason = task.notBegun ?? task.reason
      task.state = entry.cancelled || task.notBegun != null ? 'cancelled' : 'lost'
    } else {
      endBy(task, counted)
    }
  }
}

/** One that has ended and is so for all masters; nothing else is given up. */
export function onArchive (state: CoordinatorState, event: EventOf<'archive'>): void {
  const entry = state.jobs.get(event.job)

  if (entry?.finishedAtMs != null && entry.endSaid === true) {
    untrack(state, entry)
    state.jobs.delete(event.job)
  }
}

export function onForget (state: CoordinatorState, event: EventOf<'forget'>, effects: CoordinatorEffect[]): void {
  const entry = state.jobs.get(event.job)

  if (entry == null) {
    return
  }

  for (const task of entry.tasks.values()) {
    rollBack(state, entry, task, effects)
  }

  finish(state, entry, entry.finishedAtMs ?? event.nowMs)
  untrack(state, entry)
  state.jobs.delete(event.job)
  effects.push({ kind: 'job-forgotten', job: entry.job })
}
