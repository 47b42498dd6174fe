import { executionId, parseExecutionId } from '../../../model/ids.ts'
import { isTaskEnd } from '../../../model/states.ts'
import { advanceLists } from './advance.ts'
import { lookAtNextDoubted, onAnswer, onOutcomes, onRecallAnswered, onReturned, onStreamLost } from './answers.ts'
import { backOff, disengage, freshen, noteFiles } from './capacity.ts'
import { expire, watchDeadline } from './deadlines.ts'
import { addTargets, newJob, onArchive, onAssigned, onEnd, onForget, restore } from './facts.ts'
import { place } from './place.ts'
import { countedRecord, isFinal, note } from './records.ts'
import { reign, standDown } from './reign.ts'
import { restart } from './restarts.ts'
import { COMMANDS } from './state.ts'
import { CANCEL_PENDING, cancelOn, change, conclude, findTask, forEachTaskOf, hasBegun, release, requeue, rollBack, runAgain, settle } from './tasks.ts'
import { onTick } from './ticks.ts'
import { retrack, taskOf, tasksOf } from './track.ts'
import { onGone, onHolds, onRegistered, onWorkerState } from './workers.ts'
import type { CoordinatorEffect, CoordinatorEvent, CoordinatorState, Ended, JobEntry, Place, TaskEntry } from './state.ts'
import type { ExecutionKey } from '../../../model/ids.ts'

/** A client whose coordinator died while it accepted the job may be about to bring its files again. */
const GONE_MS = 60_000

/**
 * One step of a master: applies the event to the state (in place: it may hold
 * thousands of tasks) and returns what to do, in order. Pure otherwise: no
 * clock, no randomness, no I/O. A standby follows what happens, and has nothing
 * to say to workers.
 */
export function stepCoordinator (state: CoordinatorState, event: CoordinatorEvent): CoordinatorEffect[] {
  const effects: CoordinatorEffect[] = []

  apply(state, event, effects)
  advanceLists(state, event.nowMs, effects)
  expire(state, event.nowMs, effects)
  place(state, event.nowMs, effects)
  retrack(state)
  endJobs(state, event.nowMs, effects)
  tellRestarting(state, effects)

  return state.mode === 'reign' ? once(effects) : effects.filter(effect => !COMMANDS.has(effect.kind))
}

/** What is shown of these has changed, though they have said nothing. */
function tellRestarting ({ index: { fresh } }: CoordinatorState, effects: CoordinatorEffect[]): void {
  fresh.restarting.forEach(worker => { effects.push({ kind: 'worker-changed', worker }) })
  fresh.restarting.clear()
}

/** One word is enough for all that a worker has of a job that is cancelled. */
function once (effects: CoordinatorEffect[]): CoordinatorEffect[] {
  const told = new Set<string>()

  return effects.filter(effect => effect.kind !== 'cancel-on' || (!told.has(`${effect.job} ${effect.worker}`) && told.add(`${effect.job} ${effect.worker}`)))
}

function apply (state: CoordinatorState, event: CoordinatorEvent, effects: CoordinatorEffect[]): void {
  switch (event.kind) {
    case 'accept': {
      const known = state.jobs.get(event.job.id)
      const entry = known ?? newJob(event)

      state.jobs.set(event.job.id, entry)

      // another master has accepted it as well: it is for the workers of both, as the merged record says
      if (known?.finishedAtMs == null) {
        addTargets(state, entry, event.targets, event.nowMs)
      }

      effects.push(...tasksOf(state, entry).filter(task => isTaskEnd(task.state))
        .map((task): CoordinatorEffect => ({ kind: 'task-changed', job: event.job.id, task: task.name })))
      return
    }
    case 'restore':
      return restore(state, event, effects, record => { onResult(state, { kind: 'result', ...record, nowMs: event.nowMs }, effects) })
    case 'reign':
      return reign(state, event, effects)
    case 'caught-up':
      state.catchingUp = false
      return
    case 'stand-down':
      return standDown(state, event.nowMs, effects)
    case 'assigned':
      return onAssigned(state, event, effects)
    case 'end':
      return onEnd(state, event, effects)
    case 'archive':
      return onArchive(state, event)
    case 'forget':
      return onForget(state, event, effects)
    case 'worker-registered':
      return onRegistered(state, event, effects)
    case 'worker-state':
      return onWorkerState(state, event, effects)
    case 'worker-gone':
      return onGone(state, event, effects)
    case 'worker-holds':
      return onHolds(state, event, effects)
    // what comes late is of a reign that has ended: the next one asks for itself
    case 'answer':
      return state.mode === 'reign' ? onAnswer(state, event, effects) : undefined
    case 'outcomes':
      return state.mode === 'reign' ? onOutcomes(state, event, effects) : undefined
    case 'returned':
      return state.mode === 'reign' ? onReturned(state, event, effects) : undefined
    case 'recall-answered':
      return state.mode === 'reign' ? onRecallAnswered(state, event, effects) : undefined
    case 'stream-lost':
      return state.mode === 'reign' ? onStreamLost(state, event, effects) : undefined
    case 'payload-sent': {
      const found = findTask(state, event.execution)

      if (found != null) {
        found.entry.goneSinceMs = undefined
      }

      if (found != null && isAtWorkerOf(found.task, event.execution) && found.task.state === 'sending') {
        found.task.prepared = true
        noteFiles(state.workers.get(found.task.worker ?? ''), found.entry.job)
        change(state, found.entry, found.task, 'starting', event.nowMs, effects)
      }
      return
    }
    case 'payload-failed':
      return onPayloadFailed(state, event, effects)
    case 'result':
      return onResult(state, event, effects)
    case 'cancel':
      return onCancel(state, event, effects)
    case 'cancel-answered':
      // a result that says cancelled may still follow; it changes nothing
      return forEachTaskOf(state, event.worker, (entry, task) => {
        if (entry.job.id === event.job && task.state === 'cancelling' && task.worker === event.worker) {
          release(state, entry, task)
          conclude(state, entry, task, 'cancelled', undefined, event.nowMs, effects)
        }
      })
    case 'drain': {
      const worker = state.workers.get(event.worker)

      if (worker != null) {
        worker.draining = event.drain
        freshen(state, event.worker)
        effects.push({ kind: 'worker-changed', worker: event.worker })
      }
      return
    }
    case 'tick':
      return onTick(state, event.nowMs, effects)
    case 'alarm':
  }
}

/** A task that has moved on to another worker hears nothing of what was under way with the one before. */
function isAtWorkerOf (task: TaskEntry, execution: string): boolean {
  return task.worker === parseExecutionId(execution).worker
}

function onPayloadFailed (state: CoordinatorState, event: Extract<CoordinatorEvent, { kind: 'payload-failed' }>, effects: CoordinatorEffect[]): void {
  const found = findTask(state, event.execution)

  if (found == null || !isAtWorkerOf(found.task, event.execution) || found.task.state !== 'sending') {
    return
  }

  const { entry, task } = found
  const worker = task.worker ?? ''

  // nobody else can do it: it is started all the same, and the worker's record says what was wrong
  if (event.refused && task.target === worker) {
    task.prepared = true
    change(state, entry, task, 'starting', event.nowMs, effects)
    return
  }

  entry.goneSinceMs = event.isGone === true ? entry.goneSinceMs ?? event.nowMs : undefined
  backOff(state, worker, event.nowMs)

  if (entry.goneSinceMs != null && event.nowMs - entry.goneSinceMs >= GONE_MS) {
    rollBack(state, entry, task, effects)
    conclude(state, entry, task, 'lost', `${event.reason}: submit it again`, event.nowMs, effects)
  } else {
    requeue(state, entry, task, event.reason, event.nowMs, effects)
  }
}

function onResult (state: CoordinatorState, event: Extract<CoordinatorEvent, { kind: 'result' }>, effects: CoordinatorEffect[]): void {
  const { key, nowMs } = event
  const entry = state.jobs.get(key.job)
  const task = taskOf(state, entry, key.task)
  const execution = executionId(key)

  keepPace(entry, disengage(state, key.worker, execution), nowMs)

  const known = task?.records.get(execution)

  if (entry == null || task == null || (known != null && known.outcome === event.outcome && known.reason === event.reason)) {
    return
  }

  note(task, { key, outcome: event.outcome, reason: event.reason, how: event.how, simultaneous: event.simultaneous, workerName: state.workers.get(key.worker)?.info.name })

  // another record of the very same execution counts now: all masters keep the same of the two
  if (known != null && isTaskEnd(task.state)) {
    conclude(state, entry, task, 'lost', undefined, nowMs, effects)
    return
  }

  const isHere = task.worker === key.worker && task.attempt === key.attempt
  const counted = countedRecord(task)!

  // it runs, or may run, elsewhere too: its end is awaited
  if (!isHere && hasBegun(task) && task.doubted.size === 0) {
    change(state, entry, task, task.state, nowMs, effects)
    return
  }

  if (!isFinal(entry, task, counted)) {
    tryAgain(state, entry, task, counted, key, nowMs, effects)
    return
  }

  // A record is a fact: it replaces what was only inferred.
  rollBackOthers(state, entry, task, execution, effects)

  if (task.target == null && task.worker !== counted.key.worker) {
    task.info = undefined
  }

  settle(state, task, counted.key.worker)
  conclude(state, entry, task, 'lost', undefined, nowMs, effects)
}

/** After an end that is none for good. */
function tryAgain (state: CoordinatorState, entry: JobEntry, task: TaskEntry, counted: Ended, key: ExecutionKey, nowMs: number, effects: CoordinatorEffect[]): void {
  const isHere = task.worker === key.worker && task.attempt === key.attempt

  // it counted as lost, and is what the record says: all masters infer that from what is on disk
  if (isTaskEnd(task.state)) {
    conclude(state, entry, task, 'lost', undefined, nowMs, effects)
    return
  }

  if (task.rule == null) {
    if (isHere) {
      release(state, entry, task)
      runAgain(state, entry, task, `interrupted on ${task.info?.name ?? 'its worker'}: run again`, nowMs, effects)
    }

    return
  }

  // others may have begun the same attempt: what of them?
  if (task.attempt === key.attempt && task.doubted.delete(key.worker) && task.doubted.size > 0) {
    lookAtNextDoubted(task)
    return
  }

  if (isHere || (task.attempt <= counted.key.attempt && !hasBegun(task))) {
    if (isHere) {
      release(state, entry, task)
      task.worker = undefined
    }

    restart(state, entry, task, counted, nowMs, effects)
  }
}

/** How long one takes, by how long all of a START took. */
function keepPace (entry: JobEntry | undefined, place: Place | undefined, nowMs: number): void {
  if (entry != null && place != null) {
    const tookMs = Math.max(nowMs - place.sinceMs, 0) / place.size

    entry.paceMs = entry.paceMs == null ? tookMs : (entry.paceMs + tookMs) / 2
  }
}

/** What was being arranged for it elsewhere is not needed any more. */
function rollBackOthers (state: CoordinatorState, entry: JobEntry, task: TaskEntry, execution: string, effects: CoordinatorEffect[]): void {
  if (isTaskEnd(task.state)) {
    return
  }

  const others: CoordinatorEffect[] = []

  rollBack(state, entry, task, others)
  effects.push(...others.filter(effect => effect.kind !== 'rollback' || effect.execution !== execution))
}

function onCancel (state: CoordinatorState, event: Extract<CoordinatorEvent, { kind: 'cancel' }>, effects: CoordinatorEffect[]): void {
  const entry = state.jobs.get(event.job)

  if (entry == null || entry.cancelled) {
    return
  }

  entry.cancelled = true
  entry.expired = event.expired
  watchDeadline(state, entry)

  // it had ended before, for a master that knew of no cancel: all infer the same from what is on disk
  if (entry.finishedAtMs != null) {
    for (const task of tasksOf(state, entry)) {
      change(state, entry, task, task.state === 'lost' ? 'cancelled' : task.state, event.nowMs, effects)
    }

    return
  }

  for (const task of tasksOf(state, entry)) {
    switch (task.state) {
      case 'queued':
      case 'reserving':
      case 'sending':
        rollBack(state, entry, task, effects)
        conclude(state, entry, task, 'cancelled', undefined, event.nowMs, effects)
        break
      case 'starting':
      case 'running': {
        if (task.prepared) {
          rollBack(state, entry, task, effects)
          conclude(state, entry, task, 'cancelled', undefined, event.nowMs, effects)
          break
        }

        // running, or START is on its way
        const worker = task.worker ?? ''
        task.reason = state.workers.get(worker)?.connected === true ? undefined : CANCEL_PENDING
        cancelOthers(task, worker, event.job, effects)
        cancelOn(state, entry, task, worker, event.nowMs, effects)
        break
      }
    }
  }
}

/** Others that may have begun it hear of it as well. */
function cancelOthers (task: TaskEntry, worker: string, job: string, effects: CoordinatorEffect[]): void {
  for (const other of task.doubted) {
    if (other !== worker) {
      effects.push({ kind: 'cancel-on', worker: other, job })
    }
  }
}

function endJobs (state: CoordinatorState, nowMs: number, effects: CoordinatorEffect[]): void {
  const touched = new Set(effects.flatMap(effect => effect.kind === 'task-changed' ? [effect.job] : []))

  for (const id of touched) {
    const entry = state.jobs.get(id)

    if (entry != null && entry.finishedAtMs == null && entry.open === 0) {
      entry.finishedAtMs = nowMs
      entry.endSaid = state.mode === 'reign'
      state.index.open.delete(entry)
      watchDeadline(state, entry)
      effects.push({ kind: 'job-ended', job: id, atMs: nowMs })
    }
  }
}
