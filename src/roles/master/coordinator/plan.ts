import { meetDemand } from '../../../machine/demands.ts'
import { parseExecutionId } from '../../../model/ids.ts'
import { placesTaken } from './capacity.ts'
import { expandTargets, isBehind } from './map-lists.ts'
import { avoidKey } from './lanes.ts'
import { comesBefore } from './queue.ts'
import { emptyCoordinator } from './state.ts'
import { stepCoordinator } from './step.ts'
import { emptyIndex, newTrack, retrack, tasksOf } from './track.ts'
import { KEPT_FREE, misfitOf, obstacleOf } from './why.ts'
import type { CoordinatorEffect, CoordinatorState, JobEntry, Target, TaskEntry, WorkerEntry } from './state.ts'
import type { JobPlan, PlannedWorker } from '../../../model/job-plan.ts'
import type { Job } from '../../../model/job.ts'

/**
 * What would become of a job that is accepted now, for these targets
 * (`freezeTargets`). Reads only. Rows are in the order of the workers' names.
 *
 * @param viewer - of other clients' jobs nothing is told but that they are there
 */
export function planJob (state: CoordinatorState, job: Job, targets: readonly Target[], viewer: string, nowMs: number): Pick<JobPlan, 'tasks' | 'workers' | 'ahead'> {
  const rehearsal = rehearse(state, job, targets, nowMs)
  const workers = [...state.workers.values()].sort((a, b) => a.info.name < b.info.name ? -1 : 1)

  return {
    tasks: expandTargets(job, targets).length,
    workers: workers.map(worker => planWorker(state, worker, rehearsal, viewer, nowMs)),
    ahead: tasksAhead(state, job, nowMs)
  }
}

interface Rehearsal {
  /** The job as it would be. */
  entry: JobEntry
  /** One of its tasks that would be given to nobody yet. */
  queued?: TaskEntry
  /** Tasks by the one worker that they are for. */
  own: Map<string, TaskEntry[]>
  /** Workers that would be asked, or told to start. */
  given: Set<string>
}

/**
 * What is placed right after the job is accepted, by the very code that places
 * it then. Of what others have queued only that need be there which keeps a
 * place from being filled: nobody with room could do the rest, or it would have
 * been given away (see `place`).
 */
function rehearse (state: CoordinatorState, job: Job, targets: readonly Target[], nowMs: number): Rehearsal {
  const { free, resting, wakeAtMs, places, placesInAll, active } = state.index
  const stage: CoordinatorState = {
    ...emptyCoordinator(),
    mode: state.mode,
    reignedMs: state.reignedMs,
    catchingUp: !isSettled(state),
    workers: new Map([...state.workers].map(([id, worker]) => [id, { ...worker, engaged: new Map(worker.engaged), running: new Set(worker.running) }])),
    index: { ...emptyIndex(), free: new Set(free), resting: new Map(resting), wakeAtMs, places: new Map(places), placesInAll, active: new Map(active) }
  }

  addBlocking(stage, state)

  // of a hundred thousand items no more are given out at once than there are places
  const first = job.each == null ? [...targets] : targets.slice(0, placesInAll + 1)
  const effects = stepCoordinator(stage, { kind: 'accept', job, acceptedAtMs: nowMs, targets: first, nowMs })
  const entry = stage.jobs.get(job.id)!
  const own = new Map<string, TaskEntry[]>()

  for (const task of entry.tasks.values()) {
    if (task.target != null) {
      own.set(task.target, [...own.get(task.target) ?? [], task])
    }
  }

  const queued = [...entry.tasks.values()].find(({ state }) => state === 'queued')

  return { entry, queued, own, given: new Set(effects.flatMap(effect => givenBy(effect, job.id))) }
}

function givenBy (effect: CoordinatorEffect, job: string): string[] {
  const given = effect.kind === 'ask' ? [{ worker: effect.worker, executions: [effect.execution] }] : effect.kind === 'start' ? effect.starts : []

  return given.filter(({ executions }) => executions.some(execution => parseExecutionId(execution).job === job)).map(({ worker }) => worker)
}

/** What measures waits until a worker has nothing else to do, and what comes behind it waits as well: whose turn it is there only all of them together tell. */
function addBlocking (stage: CoordinatorState, state: CoordinatorState): void {
  const kept = new Set([...stage.index.free].filter(id => placesTaken(stage.workers.get(id)!) > 0))

  if (kept.size === 0) {
    return
  }

  for (const entry of state.index.open) {
    const tasks = entry.queued === 0 ? [] : entry.held != null ? [...entry.tasks.values()] : firstQueued(entry, kept, stage.index.placesInAll)

    if (tasks.length > 0) {
      const copy: JobEntry = {
        ...entry,
        open: 0,
        queued: 0,
        tasks: new Map(tasks.map(task => [task.name, { ...task, asked: new Set(task.asked), doubted: new Set(task.doubted), ...(task.avoids == null ? {} : { avoids: new Map(task.avoids) }), track: { ...newTrack(), active: task.track.active } }])),
        ...(entry.held == null ? {} : { held: new Map() }),
        ...(entry.group == null ? {} : { group: { ...entry.group, members: new Set(entry.group.members) } })
      }

      stage.jobs.set(entry.job.id, copy)
      tasksOf(stage, copy)
    }
  }

  retrack(stage)
  // none of them has just come
  Object.values(stage.index.fresh).forEach(some => { some.clear() })
}

/** What of a job may be given to one of these workers: no more of what anybody may do than there are places. */
function firstQueued ({ tasks }: JobEntry, workers: ReadonlySet<string>, places: number): TaskEntry[] {
  // for the same workers one is as good as another
  const left = new Map<string, number>()
  const isLeft = (task: TaskEntry): boolean => {
    const key = avoidKey(task)
    const rest = left.get(key) ?? places

    left.set(key, rest - 1)

    return rest > 0
  }

  return [...tasks.values()].filter(task => task.state === 'queued' && (task.target == null ? isLeft(task) : workers.has(task.target)))
}

function planWorker (state: CoordinatorState, worker: WorkerEntry, { entry, queued, own, given }: Rehearsal, viewer: string, nowMs: number): PlannedWorker {
  const { job } = entry
  const { peerId, name } = worker.info
  const row = { worker: peerId, name }
  const tasks = own.get(peerId)
  const [some] = entry.tasks.values()

  if (some == null || (tasks == null && own.size > 0)) {
    return { ...row, part: 'none', reason: notMeant(worker, job) }
  }

  const refused = tasks?.filter(({ state }) => state === 'not-run') ?? []
  const misfit = tasks == null ? misfitOf(worker, job, some.name) : undefined

  if (misfit != null) {
    return { ...row, part: 'none', reason: misfit }
  }

  if (tasks != null && refused.length === tasks.length) {
    return { ...row, part: 'refused', reason: refused[0]?.reason, tasks: tasks.length }
  }

  const next = tasks?.find(task => !refused.includes(task) && !isBehind(task)) ?? queued ?? some
  const wait = given.has(peerId) ? undefined : obstacleOf(state, entry, next, worker, viewer, nowMs) ?? whyNot(state, next)
  const reasons = [...wait == null ? [] : [wait], ...refused.length === 0 ? [] : [`${refused.length} of its ${tasks?.length} commands must not run there: ${refused[0]?.reason}`]]
  const met = job.map == null ? meetDemand(worker.info, job) : undefined

  return {
    ...row,
    part: wait == null ? 'at-once' : 'later',
    ...(reasons.length === 0 ? {} : { reason: reasons.join('; ') }),
    ...(tasks == null ? {} : { tasks: tasks.length }),
    ...(met != null && 'limits' in met ? { limits: met.limits } : {})
  }
}

/** One with room gets nothing. */
function whyNot (state: CoordinatorState, task: TaskEntry): string {
  return !isSettled(state)
    ? 'the coordinator has just begun, and asks the workers first what they hold'
    : task.state === 'queued' ? KEPT_FREE : 'is free, and others come first'
}

/** Of a job for certain workers, of which this is none. */
function notMeant (worker: WorkerEntry, job: Job): string {
  return job.placement.on === 'names'
    ? 'is not named (--on)'
    : misfitOf(worker, { ...job, map: undefined }, '') ?? 'no list of the map is for it'
}

/** Otherwise nothing new is offered to anybody for a moment. */
function isSettled (state: CoordinatorState): boolean {
  return state.mode === 'reign' && !state.catchingUp && state.unheard.size === 0
}

function tasksAhead (state: CoordinatorState, job: Job, nowMs: number): number {
  const own = [...state.index.open].filter(entry => entry.job.client === job.client && entry.queued > 0)
  const first = own.filter(entry => comesBefore({ priority: entry.job.priority ?? 0, acceptedAtMs: entry.acceptedAtMs }, { priority: job.priority ?? 0, acceptedAtMs: nowMs }) <= 0)

  return first.reduce((sum, { queued }) => sum + queued, 0)
}
