import { isTaskEnd } from '../../../model/states.ts'
import { Alarms } from './alarms.ts'
import { avoidKey, Lane, laneKey } from './lanes.ts'
import { isBehind } from './map-lists.ts'
import { isPaused } from './pauses.ts'
import type { CoordinatorState, JobEntry, TaskEntry } from './state.ts'

/** Where the indexes have a task: what must be undone when it changes. */
export interface Track {
  open: boolean
  active: boolean
  lane?: Lane
  /** In the queue of its lane, as it was put there last; 0 = it is in none. */
  ticket: number
  acceptedAtMs: number
  /** Workers that it is at, for, or may be at. */
  workers: readonly string[]
  doubted: readonly string[]
  /** Workers that it keeps from the other tasks of its job. */
  held: readonly string[]
  /** The worker that nobody else could run it again for. */
  restarting: readonly string[]
}

/**
 * What would otherwise have to be looked for among all tasks, jobs and workers.
 * Whoever changes a task touches it; before anybody looks at the indexes, those
 * that were touched are put where they belong now.
 */
export interface Index {
  touched: Set<TaskEntry>
  tickets: number
  /** Jobs that have not ended. */
  open: Set<JobEntry>
  /** Open tasks by the workers that they are at, for, or may be at. */
  byWorker: Map<string, Set<TaskEntry>>
  /** Queued tasks. */
  lanes: Map<string, Lane>
  /** Those lanes that are for no worker by name: a job for all has one for each worker. */
  openLanes: Set<Lane>
  /** Client -> its tasks that are under way. */
  active: Map<string, number>
  /** Those that may start. */
  prepared: Map<JobEntry, Set<TaskEntry>>
  /** Tasks by the workers that may have begun them. */
  doubted: Map<string, Set<TaskEntry>>
  cancelling: Set<TaskEntry>
  /** Accepted by a worker behind others, and not begun. */
  waiting: Set<TaskEntry>
  /** Workers with a free place, those that have had one for longest first. */
  free: Set<string>
  /** Workers that are not asked before a time. */
  resting: Map<string, number>
  /** When the first of them is. */
  wakeAtMs: number
  /** Tasks that wait for the time of their restart. */
  restarts: Alarms<TaskEntry>
  /** Tasks that wait, and are not given to some workers before a time. */
  avoiding: Alarms<TaskEntry>
  /** Those that wait for their restart and are for one worker, by it. */
  restarting: Map<string, Set<TaskEntry>>
  /** Jobs that are to be cancelled at a time. */
  deadlines: Alarms<JobEntry>
  /** Workers, those that were heard last at the end. */
  heard: Set<string>
  /** Workers that are lost, those that were lost last at the end. */
  lost: Set<string>
  /** Places of connected workers. */
  places: Map<string, number>
  placesInAll: number
  /** To be looked at in this step: nothing else can have become possible. */
  fresh: { workers: Set<string>, lanes: Set<Lane>, doubted: Set<TaskEntry>, prepared: Set<TaskEntry>, ended: Set<TaskEntry>, restarting: Set<string> }
  /** Entries that were looked at so far, for whoever wants to know what a step costs. */
  visits: number
}

export function emptyIndex (): Index {
  return {
    touched: new Set(),
    tickets: 0,
    open: new Set(),
    byWorker: new Map(),
    lanes: new Map(),
    openLanes: new Set(),
    active: new Map(),
    prepared: new Map(),
    doubted: new Map(),
    cancelling: new Set(),
    waiting: new Set(),
    free: new Set(),
    resting: new Map(),
    wakeAtMs: Infinity,
    restarts: new Alarms(),
    avoiding: new Alarms(),
    restarting: new Map(),
    deadlines: new Alarms(),
    heard: new Set(),
    lost: new Set(),
    places: new Map(),
    placesInAll: 0,
    fresh: { workers: new Set(), lanes: new Set(), doubted: new Set(), prepared: new Set(), ended: new Set(), restarting: new Set() },
    visits: 0
  }
}

export function newTrack (): Track {
  return { open: false, active: false, ticket: 0, acceptedAtMs: 0, workers: NONE, doubted: NONE, held: NONE, restarting: NONE }
}

const NONE: readonly string[] = []

/** It is changed, or may be, until the end of this step. */
export function touch (state: CoordinatorState, task: TaskEntry): void {
  state.index.touched.add(task)
}

export function taskOf (state: CoordinatorState, entry: JobEntry | undefined, name: string): TaskEntry | undefined {
  const task = entry?.tasks.get(name)

  if (task != null) {
    touch(state, task)
  }

  return task
}

/** All of a job, to be changed. */
export function tasksOf (state: CoordinatorState, entry: JobEntry): TaskEntry[] {
  const tasks = [...entry.tasks.values()]

  tasks.forEach(task => { touch(state, task) })

  return tasks
}

/** Puts what was touched where it belongs now. */
export function retrack (state: CoordinatorState): void {
  for (const task of state.index.touched) {
    place(state, task)
  }

  state.index.touched.clear()
}

/** At once: the rest of the step builds on it. */
export function retrackOne (state: CoordinatorState, task: TaskEntry): void {
  state.index.touched.delete(task)
  place(state, task)
}

function place (state: CoordinatorState, task: TaskEntry): void {
  const { index } = state
  const { track } = task
  const entry = state.jobs.get(task.job)

  index.visits++

  // its job was removed, or read anew
  if (entry?.tasks.get(task.name) !== task) {
    return
  }

  const isOpen = entry.finishedAtMs == null && !isTaskEnd(task.state)
  const isActive = isOpen && task.state !== 'queued'
  const { client } = entry.job

  if (isOpen !== track.open) {
    track.open = isOpen
    entry.open += isOpen ? 1 : -1
  }

  if (entry.finishedAtMs == null) {
    index.open.add(entry)
  } else {
    index.open.delete(entry)
  }

  if (isActive !== track.active) {
    track.active = isActive
    count(index.active, client, isActive ? 1 : -1)
  }

  const isWaiting = isOpen && task.state === 'queued' && !entry.cancelled
  const isHeldUp = isOpen && isBehind(task)

  if (isWaiting && isPaused(task)) {
    index.restarts.set(task, task.restart!.atMs)
  } else {
    index.restarts.delete(task)
  }

  if (isWaiting && task.avoids != null && task.avoids.size > 0) {
    index.avoiding.set(task, Math.min(...task.avoids.values()))
  } else {
    index.avoiding.delete(task)
  }

  setRestarting(state, task, isWaiting && !isHeldUp && isPaused(task) && task.target != null ? [task.target] : NONE)
  enqueue(state, entry, task, isWaiting && !isHeldUp && !isPaused(task))
  // nothing that befalls its worker matters to what cannot begin yet
  track.workers = move(index.byWorker, task, track.workers, isOpen && !(isHeldUp && task.state === 'queued') ? workersOf(task) : NONE)
  track.doubted = move(index.doubted, task, track.doubted, isOpen && task.state === 'starting' ? [...task.doubted] : NONE)

  if (entry.held != null) {
    keep(state, entry, task, heldBy(task))
  }

  if (track.doubted.length > 0) {
    index.fresh.doubted.add(task)
  }

  toggle(index.cancelling, task, isOpen && task.state === 'cancelling')
  toggle(index.waiting, task, isOpen && task.state === 'starting' && task.waiting != null)

  if (isOpen && task.state === 'starting' && task.prepared) {
    if (addTo(index.prepared, entry, task)) {
      index.fresh.prepared.add(task)
    }
  } else {
    removeFrom(index.prepared, entry, task)
  }
}

function enqueue (state: CoordinatorState, entry: JobEntry, task: TaskEntry, isQueued: boolean): void {
  const { index } = state
  const { track } = task
  const { client } = entry.job

  // one that has gone and come back in the same step as well
  if (track.lane != null && (!isQueued || track.acceptedAtMs !== entry.acceptedAtMs || track.lane.avoids !== avoidKey(task))) {
    const { lane } = track

    track.ticket = 0
    track.lane = undefined
    entry.queued--
    lane.leave(client)

    if (lane.isEmpty) {
      index.lanes.delete(lane.key)
      index.openLanes.delete(lane)
      index.fresh.lanes.delete(lane)
    }
  }

  if (isQueued && track.lane == null) {
    const key = laneKey(entry, task)
    let lane = index.lanes.get(key)

    if (lane == null) {
      lane = new Lane(key, entry, task)
      index.lanes.set(key, lane)

      if (lane.target == null) {
        index.openLanes.add(lane)
      }

      index.fresh.lanes.add(lane)
    }

    // of one that has others already nobody with room may do these; a worker by name may be kept free for one that measures, and this one does not
    if (lane.target != null) {
      index.fresh.lanes.add(lane)
    }

    track.ticket = ++index.tickets
    track.lane = lane
    track.acceptedAtMs = entry.acceptedAtMs
    entry.queued++
    lane.push(entry, task, track.ticket)
  }
}

/** A job leaves the state with all its tasks. */
export function untrack (state: CoordinatorState, entry: JobEntry): void {
  for (const task of entry.tasks.values()) {
    const { index } = state
    const { track } = task

    index.touched.delete(task)
    index.fresh.doubted.delete(task)
    index.fresh.prepared.delete(task)
    index.fresh.ended.delete(task)
    index.restarts.delete(task)
    index.avoiding.delete(task)
    setRestarting(state, task, NONE)
    enqueue(state, entry, task, false)
    track.workers = move(index.byWorker, task, track.workers, NONE)
    track.doubted = move(index.doubted, task, track.doubted, NONE)
    index.cancelling.delete(task)
    index.waiting.delete(task)

    if (track.active) {
      track.active = false
      count(index.active, entry.job.client, -1)
    }
  }

  state.index.deadlines.delete(entry)
  state.index.prepared.delete(entry)
  state.index.open.delete(entry)
}

function setRestarting ({ index }: CoordinatorState, task: TaskEntry, workers: readonly string[]): void {
  const before = task.track.restarting

  task.track.restarting = move(index.restarting, task, before, workers)

  if (before.length !== workers.length) {
    [...before, ...workers].forEach(worker => { index.fresh.restarting.add(worker) })
  }
}

/** Where it may be, or has ended: where it failed before is free for others. */
function heldBy (task: TaskEntry): string[] {
  return isTaskEnd(task.state) ? task.worker == null ? [] : [task.worker] : [...new Set([...workersOf(task), ...givenElsewhere(task)])]
}

/** Where another coordinator may have begun it, beside the worker that it is at here. */
function givenElsewhere ({ attempt, assigned, records, elsewhere }: TaskEntry): string[] {
  return [...elsewhere].flatMap(execution => {
    const key = assigned.get(execution)

    return key != null && key.attempt >= attempt && !records.has(execution) ? [key.worker] : []
  })
}

function keep (state: CoordinatorState, entry: JobEntry, task: TaskEntry, workers: readonly string[]): void {
  const { track } = task

  // it may be free for another one of the job
  track.held.filter(worker => !workers.includes(worker)).forEach(worker => { state.index.fresh.workers.add(worker) })
  track.held = move(entry.held!, task, track.held, workers)
}

function workersOf (task: TaskEntry): string[] {
  const known = task.worker ?? task.target

  return task.asked.size === 0 && task.doubted.size === 0
    ? known == null ? [] : [known]
    : [...new Set([...known == null ? [] : [known], ...task.asked, ...task.doubted])]
}

function move (index: Map<string, Set<TaskEntry>>, task: TaskEntry, from: readonly string[], to: readonly string[]): readonly string[] {
  if (from.length === to.length && from.every((worker, at) => worker === to[at])) {
    return from
  }

  from.forEach(worker => { removeFrom(index, worker, task) })
  to.forEach(worker => { addTo(index, worker, task) })

  return to
}

function addTo<K> (index: Map<K, Set<TaskEntry>>, key: K, task: TaskEntry): boolean {
  const tasks = index.get(key) ?? new Set()
  const isNew = !tasks.has(task)

  tasks.add(task)
  index.set(key, tasks)

  return isNew
}

function removeFrom<K> (index: Map<K, Set<TaskEntry>>, key: K, task: TaskEntry): void {
  const tasks = index.get(key)

  tasks?.delete(task)

  if (tasks?.size === 0) {
    index.delete(key)
  }
}

function toggle (tasks: Set<TaskEntry>, task: TaskEntry, isIn: boolean): void {
  if (isIn) {
    tasks.add(task)
  } else {
    tasks.delete(task)
  }
}

function count (counts: Map<string, number>, key: string, by: number): void {
  const sum = (counts.get(key) ?? 0) + by

  if (sum === 0) {
    counts.delete(key)
  } else {
    counts.set(key, sum)
  }
}
