import { unmetDemand } from '../../../machine/demands.ts'
import { executionId, parseExecutionId } from '../../../model/ids.ts'
import { isTaskEnd } from '../../../model/states.ts'
import { onAnswer, onAskFailed } from './answers.ts'
import { place } from './place.ts'
import { backOff, change, disengage, findTask, release, requeue, rollBack, settle } from './tasks.ts'
import { onGone, onRegistered, onTick, onWorkerState } from './workers.ts'
import type { CoordinatorEffect, CoordinatorEvent, CoordinatorState, JobEntry, Target, TaskEntry } from './state.ts'

/**
 * One step of the coordinator: applies the event to the state (in place: it may
 * hold thousands of tasks) and returns what to do, in order. Pure otherwise: no
 * clock, no randomness, no I/O.
 */
export function stepCoordinator (state: CoordinatorState, event: CoordinatorEvent): CoordinatorEffect[] {
  const effects: CoordinatorEffect[] = []

  apply(state, event, effects)
  effects.push(...place(state, event.nowMs))
  endJobs(state, event.nowMs, effects)

  return effects
}

function apply (state: CoordinatorState, event: CoordinatorEvent, effects: CoordinatorEffect[]): void {
  switch (event.kind) {
    case 'accept':
      if (!state.jobs.has(event.job.id)) {
        const entry = newJob(event, event.nowMs)

        state.jobs.set(event.job.id, entry)
        effects.push(...[...entry.tasks.values()].filter(task => isTaskEnd(task.state))
          .map((task): CoordinatorEffect => ({ kind: 'task-changed', job: event.job.id, task: task.name })))
      }
      return
    case 'restore':
      return restore(state, event, effects)
    case 'worker-registered':
      return onRegistered(state, event, effects)
    case 'worker-state':
      return onWorkerState(state, event, effects)
    case 'worker-gone':
      return onGone(state, event, effects)
    case 'answer':
      return onAnswer(state, event, effects)
    case 'ask-failed':
      return onAskFailed(state, event, effects)
    case 'payload-sent': {
      const found = findTask(state, event.execution)

      if (found != null && isAtWorkerOf(found.task, event.execution) && found.task.state === 'sending') {
        found.task.prepared = true
        change(found.entry, found.task, 'starting', event.nowMs, effects)
      }
      return
    }
    case 'payload-failed': {
      const found = findTask(state, event.execution)

      if (found != null && isAtWorkerOf(found.task, event.execution) && found.task.state === 'sending') {
        const worker = found.task.worker ?? ''

        // nobody else can do it: it is started all the same, and the worker's record says what was wrong
        if (event.refused && found.task.target === worker) {
          found.task.prepared = true
          change(found.entry, found.task, 'starting', event.nowMs, effects)
          return
        }

        backOff(state.workers.get(worker), event.nowMs)
        requeue(state, found.entry, found.task, event.reason, event.nowMs, effects)
      }
      return
    }
    case 'result':
      return onResult(state, event, effects)
    case 'cancel':
      return onCancel(state, event, effects)
    case 'cancel-answered': {
      const entry = state.jobs.get(event.job)

      if (entry == null) {
        return
      }

      for (const task of entry.tasks.values()) {
        // a result that says cancelled may still follow; it changes nothing
        if (task.state === 'cancelling' && task.worker === event.worker) {
          release(state, entry, task)
          change(entry, task, 'cancelled', event.nowMs, effects)
        }
      }
      return
    }
    case 'drain': {
      const worker = state.workers.get(event.worker)

      if (worker != null) {
        worker.draining = event.drain
        effects.push({ kind: 'worker-changed', worker: event.worker })
      }
      return
    }
    case 'tick':
      return onTick(state, event.nowMs, effects)
  }
}

function newJob (init: { job: JobEntry['job'], acceptedAtMs: number, targets: Target[] }, nowMs: number): JobEntry {
  return {
    job: init.job,
    acceptedAtMs: init.acceptedAtMs,
    cancelled: false,
    tasks: new Map(init.targets.map(target => [target.task, newTask(init.job, target, nowMs)]))
  }
}

/** What its worker must not do ends before it begins; that follows from what was frozen, so it needs no record. */
function newTask (job: JobEntry['job'], target: Target, nowMs: number): TaskEntry {
  const reason = target.info == null ? undefined : unmetDemand(target.info, job)

  return {
    name: target.task,
    target: target.worker,
    info: target.info,
    state: reason == null ? 'queued' : 'not-run',
    ...(reason == null ? {} : { reason, worker: target.worker }),
    attempt: 0,
    asked: new Set(),
    prepared: false,
    unsure: false,
    sinceMs: nowMs
  }
}

/** A task that has moved on to another worker hears nothing of what was under way with the one before. */
function isAtWorkerOf (task: TaskEntry, execution: string): boolean {
  return task.worker === parseExecutionId(execution).worker
}

function restore (state: CoordinatorState, event: Extract<CoordinatorEvent, { kind: 'restore' }>, effects: CoordinatorEffect[]): void {
  const entry = newJob(event, event.nowMs)

  entry.cancelled = event.cancelled
  entry.finishedAtMs = event.finishedAtMs
  state.jobs.set(event.job.id, entry)

  // whether an assigned task began, only its worker can say
  for (const key of event.assigned) {
    const task = entry.tasks.get(key.task)

    if (task != null) {
      task.state = event.cancelled ? 'cancelling' : 'starting'
      task.worker = key.worker
      task.attempt = key.attempt
    }
  }

  for (const ended of event.ended) {
    const task = entry.tasks.get(ended.key.task)

    if (task != null) {
      task.state = ended.outcome
      task.reason = ended.reason
      task.worker = ended.key.worker
      task.attempt = ended.key.attempt
      task.simultaneous = ended.simultaneous
    }
  }

  for (const task of entry.tasks.values()) {
    if (task.state === 'queued' && event.cancelled) {
      task.state = 'cancelled'
    } else if (!isTaskEnd(task.state) && event.finishedAtMs != null) {
      task.state = 'lost'
    }

    // the mark of a job's end is not fsynced: it may be missing when everything has ended
    if (isTaskEnd(task.state) && event.finishedAtMs == null) {
      effects.push({ kind: 'task-changed', job: event.job.id, task: task.name })
    }

    const worker = task.worker ?? task.target

    // the workers of unfinished jobs are given time to come back before they count as lost
    if (!isTaskEnd(task.state) && worker != null && task.info != null && !state.workers.has(worker)) {
      state.workers.set(worker, {
        info: task.info,
        connected: false,
        state: 'lost',
        sinceMs: 0,
        lastHeardMs: event.nowMs,
        draining: false,
        retryAtMs: 0,
        failures: 0
      })
    }
  }
}

function onResult (state: CoordinatorState, event: Extract<CoordinatorEvent, { kind: 'result' }>, effects: CoordinatorEffect[]): void {
  const entry = state.jobs.get(event.key.job)
  const task = entry?.tasks.get(event.key.task)

  disengage(state, event.key.worker, executionId(event.key))

  if (entry == null || task == null) {
    return
  }

  // A result is a fact: it replaces what was only inferred, and never another worker's result.
  if (isTaskEnd(task.state) && task.state !== 'lost' && task.state !== 'cancelled') {
    return
  }

  if (task.worker != null && task.worker !== event.key.worker) {
    release(state, entry, task)
  }

  settle(state, task, event.key.worker)
  task.attempt = event.key.attempt
  task.reason = event.reason
  task.simultaneous = event.simultaneous ?? task.simultaneous
  release(state, entry, task)
  change(entry, task, event.outcome, event.nowMs, effects)
}

function onCancel (state: CoordinatorState, event: Extract<CoordinatorEvent, { kind: 'cancel' }>, effects: CoordinatorEffect[]): void {
  const entry = state.jobs.get(event.job)

  if (entry == null || entry.cancelled || entry.finishedAtMs != null) {
    return
  }

  entry.cancelled = true

  for (const task of entry.tasks.values()) {
    switch (task.state) {
      case 'queued':
        change(entry, task, 'cancelled', event.nowMs, effects)
        break
      case 'reserving':
      case 'sending':
        rollBack(state, entry, task, effects)
        change(entry, task, 'cancelled', event.nowMs, effects)
        break
      case 'starting':
      case 'running': {
        if (task.prepared) {
          rollBack(state, entry, task, effects)
          change(entry, task, 'cancelled', event.nowMs, effects)
          break
        }

        // running, or START is on its way
        const worker = task.worker ?? ''
        task.cancelSentMs = event.nowMs
        effects.push({ kind: 'cancel-on', worker, job: event.job })
        task.reason = state.workers.get(worker)?.connected === true ? undefined : 'cancel pending: its worker is not connected'
        change(entry, task, 'cancelling', event.nowMs, effects)
        break
      }
    }
  }
}

function endJobs (state: CoordinatorState, nowMs: number, effects: CoordinatorEffect[]): void {
  const touched = new Set(effects.flatMap(effect => effect.kind === 'task-changed' ? [effect.job] : []))

  for (const id of touched) {
    const entry = state.jobs.get(id)

    if (entry != null && entry.finishedAtMs == null && [...entry.tasks.values()].every(task => isTaskEnd(task.state))) {
      entry.finishedAtMs = nowMs
      effects.push({ kind: 'job-ended', job: id, atMs: nowMs })
    }
  }
}
