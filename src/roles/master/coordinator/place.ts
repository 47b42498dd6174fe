import { executionId } from '../../../model/ids.ts'
import { batchSize } from './batch.ts'
import { countRoom, engage, hasFiles, hasRoom, placesTaken, slotsOf, wake } from './capacity.ts'
import { assign, formGroup, startPrepared } from './groups.ts'
import { isHeldFrom } from './holders.ts'
import { laneOf, mayDo } from './lanes.ts'
import { compareQueued } from './queue.ts'
import { wakeAvoided, wakeRestarts } from './restarts.ts'
import { change, keyOf, settle } from './tasks.ts'
import { retrack, retrackOne } from './track.ts'
import type { Lane } from './lanes.ts'
import type { QueuedTask } from './queue.ts'
import type { CoordinatorEffect, CoordinatorState, JobEntry, TaskEntry, WorkerEntry } from './state.ts'

/** How many workers with room are sent AVAILABLE for one task that any of them may do; the first READY wins. */
const ASKED_AT_ONCE = 3

/** How many are looked at to find the others. */
const LOOKED_AT = 32

/** A new coordinator offers nothing before all connected workers have said what they hold, or for this long. */
export const SETTLE_MS = 500

/**
 * Offers queued tasks to workers with room, fairly between clients, and starts
 * what is prepared. After each step nobody with room is left that could do
 * anything of what is queued, so the next step looks only at those of whom
 * something was heard, and at what was not queued before.
 */
export function place (state: CoordinatorState, nowMs: number, effects: CoordinatorEffect[]): void {
  retrack(state)

  if (state.mode === 'standby') {
    return
  }

  wake(state, nowMs)
  wakeRestarts(state, nowMs)
  wakeAvoided(state, nowMs)
  retrack(state)
  countRoom(state, nowMs)
  askAgain(state, nowMs, effects)

  if (isSettled(state, nowMs)) {
    offer(state, nowMs, effects)
  }

  retrack(state)
  startPrepared(state, nowMs, effects)
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
  const { index } = state
  const tasks = new Set(index.fresh.doubted)

  for (const id of index.fresh.workers) {
    index.doubted.get(id)?.forEach(task => { tasks.add(task) })
  }

  index.fresh.doubted.clear()

  for (const task of tasks) {
    const entry = state.jobs.get(task.job)

    index.visits++

    if (entry == null || task.state !== 'starting') {
      continue
    }

    for (const id of task.doubted) {
      const worker = state.workers.get(id)

      // one that is busy with something else can tell as well
      if (worker?.connected === true && !task.asked.has(id) && worker.retryAtMs <= nowMs) {
        const execution = executionId(keyOf(entry, task, id))

        if (placesTaken(worker) < slotsOf(worker)) {
          engage(state, id, [execution], nowMs)
        }

        task.asked.add(id)
        effects.push({ kind: 'ask', worker: id, execution })
      }
    }
  }
}

interface Pick {
  entry: JobEntry
  task: TaskEntry
}

function offer (state: CoordinatorState, nowMs: number, effects: CoordinatorEffect[]): void {
  const { index } = state
  const { fresh } = index
  const asked = new Map<JobEntry, TaskEntry[]>()

  countRoom(state, nowMs)

  for (const id of candidates(state)) {
    const worker = state.workers.get(id)

    index.visits++

    if (worker != null && hasRoom(worker, nowMs)) {
      fill(state, id, worker, asked, nowMs, effects)
    }
  }

  askOthers(state, asked, nowMs, effects)
  countRoom(state, nowMs)
  fresh.workers.clear()
  fresh.lanes.clear()
  asked.forEach((tasks, entry) => { formGroup(entry, tasks) })
}

/** Gives this worker all that it has room for. */
function fill (state: CoordinatorState, id: string, worker: WorkerEntry, asked: Map<JobEntry, TaskEntry[]>, nowMs: number, effects: CoordinatorEffect[]): void {
  let pick = best(state, id, worker)

  // what measures has the worker for itself: the others end first, and nothing is added to them
  while (pick != null && (pick.entry.job.kind !== 'run' || placesTaken(worker) === 0)) {
    give(state, id, worker, pick, asked, nowMs, effects)
    pick = hasRoom(worker, nowMs) ? best(state, id, worker) : undefined
  }
}

/** Those with room that may have something to do since the last step; who has had room for longest first. */
function * candidates (state: CoordinatorState): Generator<string> {
  const { index } = state
  const { fresh } = index
  const open = new Set([...fresh.lanes].filter(lane => lane.target == null))
  const named = [...fresh.lanes].flatMap(({ target }) => target ?? [])

  for (const id of [...fresh.workers, ...named]) {
    if (index.free.has(id)) {
      yield id
    }
  }

  if (open.size > 0) {
    for (const id of index.free) {
      // given away by now
      open.forEach(lane => {
        if (lane.isEmpty) {
          open.delete(lane)
        }
      })

      if (open.size === 0) {
        return
      }

      yield id
    }
  }
}

/** What this worker does next: of the client with the least under way, what comes first in its own queue; otherwise its oldest. */
function best (state: CoordinatorState, id: string, worker: WorkerEntry): Pick | undefined {
  const { index } = state
  const firsts = new Map<string, QueuedTask>()
  let found: { task: TaskEntry, active: number, acceptedAtMs: number } | undefined

  for (const lane of lanesFor(state, id, worker)) {
    for (const [client, queue] of lane.clients) {
      const first = lane.next(queue, worker)
      const other = firsts.get(client)

      index.visits++

      if (first != null && (other == null || compareQueued(first, other) < 0)) {
        firsts.set(client, first)
      }
    }
  }

  for (const [client, first] of firsts) {
    const active = index.active.get(client) ?? 0

    if (found == null || active < found.active ||
      (active === found.active && (first.acceptedAtMs < found.acceptedAtMs || (first.acceptedAtMs === found.acceptedAtMs && first.task.job < found.task.job)))) {
      found = { task: first.task, acceptedAtMs: first.acceptedAtMs, active }
    }
  }

  const entry = found == null ? undefined : state.jobs.get(found.task.job)

  return entry == null ? undefined : { entry, task: found!.task }
}

function * lanesFor (state: CoordinatorState, id: string, worker: WorkerEntry): Generator<Lane> {
  const own = state.index.lanes.get(laneOf(id))

  if (own != null) {
    yield own
  }

  for (const lane of state.index.openLanes) {
    if (lane.fits(worker.info)) {
      yield lane
    }
  }
}

function give (state: CoordinatorState, id: string, worker: WorkerEntry, { entry, task }: Pick, asked: Map<JobEntry, TaskEntry[]>, nowMs: number, effects: CoordinatorEffect[]): void {
  const { job } = entry

  if (job.kind === 'exec' && hasFiles(worker, job)) {
    start(state, id, entry, task, nowMs, effects)
    return
  }

  ask(state, id, entry, task, nowMs, effects)
  change(state, entry, task, 'reserving', nowMs, effects)
  retrackOne(state, task)
  asked.set(entry, [...asked.get(entry) ?? [], task])
}

/** AVAILABLE. */
function ask (state: CoordinatorState, id: string, entry: JobEntry, task: TaskEntry, nowMs: number, effects: CoordinatorEffect[]): void {
  const execution = executionId(keyOf(entry, task, id))

  task.asked.add(id)
  task.reason = undefined
  engage(state, id, [execution], nowMs)
  effects.push({ kind: 'ask', worker: id, execution })
}

/** START at once: it has room, as far as is known here, and says so when it has none. */
function start (state: CoordinatorState, id: string, entry: JobEntry, first: TaskEntry, nowMs: number, effects: CoordinatorEffect[]): void {
  const { index } = state
  const size = entry.job.each == null ? 1 : batchSize(entry.queued, index.placesInAll, entry.paceMs)
  const queue = first.track.lane?.clients.get(entry.job.client)
  const executions: string[] = []

  for (let task: TaskEntry | undefined = first; task?.job === first.job && executions.length < size; task = queue?.first()?.task) {
    task.reason = undefined
    settle(state, task, id)
    executions.push(assign(state, entry, task, id, effects))
    change(state, entry, task, 'starting', nowMs, effects)
    retrackOne(state, task)
  }

  engage(state, id, executions, nowMs)
  effects.push({ kind: 'start', starts: [{ worker: id, executions }], together: false, reserved: false })
}

/** Who has nothing else to do may be faster to answer than the one that was asked first. */
function askOthers (state: CoordinatorState, asked: Map<JobEntry, TaskEntry[]>, nowMs: number, effects: CoordinatorEffect[]): void {
  for (const [entry, tasks] of asked) {
    for (const task of tasks.filter(({ target }) => target == null)) {
      let looks = 0

      for (const id of state.index.free) {
        if (task.asked.size >= ASKED_AT_ONCE || ++looks > LOOKED_AT) {
          break
        }

        const worker = state.workers.get(id)

        state.index.visits++

        if (worker != null && !task.asked.has(id) && hasRoom(worker, nowMs) && (entry.job.kind !== 'run' || placesTaken(worker) === 0) && mayDo(worker.info, entry.job) && !isHeldFrom(entry, task, worker) && task.avoids?.has(id) !== true) {
          ask(state, id, entry, task, nowMs, effects)
        }
      }

      retrackOne(state, task)
    }
  }
}
