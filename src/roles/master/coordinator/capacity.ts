import { workerPayloads } from '../../../machine/variants.ts'
import { parseExecutionId } from '../../../model/ids.ts'
import type { Job } from '../../../model/job.ts'
import type { CoordinatorState, Place, WorkerEntry } from './state.ts'

/** After a broken stream or a failed transfer; doubled each time up to the maximum. */
const FAILURE_RETRY_MS = 500
const MAX_FAILURE_RETRY_MS = 15_000

/** What was just heard of may have made room there, or taken it. */
export function freshen (state: CoordinatorState, worker: string): void {
  state.index.fresh.workers.add(worker)
}

export function slotsOf (worker: WorkerEntry): number {
  return worker.info.slots ?? 1
}

/** Places that are taken: by this coordinator, or by whoever else, as its own word has it. */
export function placesTaken (worker: WorkerEntry): number {
  const places = new Set<Place | string>()

  for (const place of worker.engaged.values()) {
    if (place.isWhole) {
      return slotsOf(worker)
    }

    places.add(place)
  }

  for (const execution of worker.running) {
    if (!worker.engaged.has(execution)) {
      places.add(execution)
    }
  }

  return places.size
}

/** May it be asked for anything now? */
export function hasRoom (worker: WorkerEntry, nowMs: number): boolean {
  return worker.connected && !worker.draining && worker.info.refusal == null && worker.retryAtMs <= nowMs && takesWork(worker) && placesTaken(worker) < slotsOf(worker)
}

function takesWork (worker: WorkerEntry): boolean {
  switch (worker.state) {
    case 'waiting':
    case 'finished, delivering':
    case 'running':
      return true
    case 'reserved':
      // by somebody else
      return worker.engaged.size > 0
    default:
      return false
  }
}

/** These take one place there, all together. */
export function engage (state: CoordinatorState, id: string, executions: string[], nowMs: number): void {
  const worker = state.workers.get(id)

  if (worker != null) {
    const isWhole = executions.some(execution => state.jobs.get(parseExecutionId(execution).job)?.job.kind === 'run')
    const place: Place = { executions: new Set(executions), size: executions.length, isWhole, sinceMs: nowMs }

    executions.forEach(execution => {
      leave(worker, execution)
      worker.engaged.set(execution, place)
    })
    freshen(state, id)
  }
}

/** As `engage`, of one that has its place there already, as a rule. */
export function engageAgain (state: CoordinatorState, id: string, execution: string, nowMs: number): void {
  if (state.workers.get(id)?.engaged.has(execution) === false) {
    engage(state, id, [execution], nowMs)
  }
}

/** It is not, or no longer, there. Returns the place that has become free by that. */
export function disengage (state: CoordinatorState, id: string, execution: string): Place | undefined {
  const worker = state.workers.get(id)

  if (worker == null || (!worker.engaged.has(execution) && !worker.running.has(execution))) {
    return
  }

  worker.running.delete(execution)
  freshen(state, id)

  return leave(worker, execution)
}

function leave (worker: WorkerEntry, execution: string): Place | undefined {
  const place = worker.engaged.get(execution)

  worker.engaged.delete(execution)
  place?.executions.delete(execution)

  return place?.executions.size === 0 ? place : undefined
}

/** Not asked again before. */
export function rest (state: CoordinatorState, id: string, untilMs: number): void {
  const worker = state.workers.get(id)

  if (worker != null) {
    worker.retryAtMs = untilMs
    state.index.resting.set(id, untilMs)
    state.index.wakeAtMs = Math.min(state.index.wakeAtMs, untilMs)
    freshen(state, id)
  }
}

export function backOff (state: CoordinatorState, id: string, nowMs: number): void {
  const worker = state.workers.get(id)

  if (worker != null) {
    rest(state, id, nowMs + Math.min(FAILURE_RETRY_MS * 2 ** worker.failures, MAX_FAILURE_RETRY_MS))
    worker.failures = Math.min(worker.failures + 1, 10)
  }
}

/** Those whose rest is over are looked at. */
export function wake (state: CoordinatorState, nowMs: number): void {
  const { index } = state

  if (nowMs < index.wakeAtMs) {
    return
  }

  index.wakeAtMs = Infinity

  for (const [id, untilMs] of index.resting) {
    index.visits++

    if (untilMs <= nowMs) {
      index.resting.delete(id)
      freshen(state, id)
    } else {
      index.wakeAtMs = Math.min(index.wakeAtMs, untilMs)
    }
  }
}

/** Asked again at once: it has said itself that it is there for us. */
export function rouse (state: CoordinatorState, id: string, worker: WorkerEntry): void {
  if (worker.retryAtMs > 0) {
    worker.retryAtMs = 0
    state.index.resting.delete(id)
    freshen(state, id)
  }
}

/** It has said something, whatever that was. */
export function heard (state: CoordinatorState, id: string, nowMs: number): void {
  const worker = state.workers.get(id)

  if (worker != null) {
    worker.lastHeardMs = nowMs
    state.index.heard.delete(id)
    state.index.heard.add(id)
    state.index.lost.delete(id)
  }
}

/** Files that it was given last: so many are known to be there, of the others it is asked. */
const MAX_PAYLOADS = 64

/** Everything that the job needs is known to be there. */
export function hasFiles (worker: WorkerEntry, job: Job): boolean {
  return workerPayloads(job, worker.info).every(({ id }) => worker.payloads.has(id))
}

/** Everything that the job needs is there. */
export function noteFiles (worker: WorkerEntry | undefined, job: Job): void {
  for (const { id } of workerPayloads(job, worker?.info)) {
    worker?.payloads.delete(id)
    worker?.payloads.add(id)
  }

  for (const oldest of worker?.payloads ?? []) {
    if (worker!.payloads.size <= MAX_PAYLOADS) {
      return
    }

    worker!.payloads.delete(oldest)
  }
}

/** Something of it is not. */
export function forgetFiles (worker: WorkerEntry | undefined, job: Job): void {
  workerPayloads(job, worker?.info).forEach(({ id }) => worker?.payloads.delete(id))
}

/** As if it had never been there. Only for one that is lost, and that no task is at, for, or may be at. */
export function forgetWorker (state: CoordinatorState, id: string): void {
  const { index } = state

  state.workers.delete(id)
  state.unheard.delete(id)
  index.placesInAll -= index.places.get(id) ?? 0
  index.places.delete(id)
  index.free.delete(id)
  index.resting.delete(id)
  index.heard.delete(id)
  index.lost.delete(id)
  index.fresh.workers.delete(id)
}

/** The list of those with room, and the sum of all places, after what was heard of some. */
export function countRoom (state: CoordinatorState, nowMs: number): void {
  const { index } = state

  for (const id of index.fresh.workers) {
    const worker = state.workers.get(id)
    const places = worker?.connected === true && !worker.draining ? slotsOf(worker) : 0

    index.visits++
    index.placesInAll += places - (index.places.get(id) ?? 0)

    if (places === 0) {
      index.places.delete(id)
    } else {
      index.places.set(id, places)
    }

    if (worker != null && hasRoom(worker, nowMs)) {
      index.free.add(id)
    } else {
      index.free.delete(id)
    }
  }
}
