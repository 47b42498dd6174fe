import { addOutput, NO_OUTPUT, type Output } from './output.ts'
import { addRuns, keptRuns, NO_RUNS, type LiveRuns } from './samples.ts'
import type { JobInfo, JobEvent } from '../../library/events.ts'
import type { ItemEnd, StateCount, TaskView } from '../../node/protocol/submit/messages.ts'

/** Events as they come over HTTP: bytes as text or in base 64. */
export type JobMessage =
  | Exclude<JobEvent, { kind: 'output' } | { kind: 'items' }>
  | { kind: 'output', execution: string, task: string, stream: 'stdout' | 'stderr', offset: number } & ({ text: string } | { base64: string })
  | { kind: 'items', items: Array<Omit<ItemEnd, 'stdout' | 'stderr'>> }

export interface TaskState {
  view: TaskView
  /** What it does at the moment, while that is known. */
  doing?: string
  progress?: { command: number, runs: number, of?: number, medianNs?: number }
}

/** Without what it has printed, which is shown nowhere. */
export type FailedItem = Pick<ItemEnd, 'task' | 'workerName' | 'state' | 'reason'>

/** One job that is followed. */
export interface JobState {
  view?: JobInfo
  /** By task; of a job with items empty. */
  tasks: ReadonlyMap<string, TaskState>
  counts: readonly StateCount[]
  /** The latest items that have not ended well. */
  failedItems: readonly FailedItem[]
  output: ReadonlyMap<string, Output>
  /** By task, then by command. */
  samples: ReadonlyMap<string, ReadonlyMap<number, LiveRuns>>
  isOver: boolean
}

export const NO_JOB: JobState = { tasks: new Map(), counts: [], failedItems: [], output: new Map(), samples: new Map(), isOver: false }

export const MAX_FAILED_ITEMS = 200

export function reduceJob (state: JobState, event: JobMessage): JobState {
  switch (event.kind) {
    case 'job':
    case 'end':
      return {
        ...state,
        view: event.view,
        counts: event.view.counts ?? state.counts,
        tasks: new Map(event.view.tasks.map(view => [view.task, { ...state.tasks.get(view.task), ...sober(view) }])),
        isOver: event.kind === 'end'
      }
    case 'task':
      return change(state, event.view.task, known => ({ ...known, ...sober(event.view) }), event.view)
    case 'phase':
      return change(state, event.task, task => ({ ...task, doing: event.phase === 'running' ? event.detail : `waits for its machine${event.detail == null ? '' : `: ${event.detail}`}` }))
    case 'transfer':
      return change(state, event.task, task => ({ ...task, doing: `has ${event.chunks} of ${event.of} pieces of the payload${event.note == null ? '' : `; ${event.note}`}` }))
    case 'progress':
      return withSamples(change(state, event.task, ({ doing: _, ...task }) => ({ ...task, progress: { command: event.command, runs: event.runs, of: event.of, medianNs: event.medianNs } })), event)
    case 'output':
      // what items print is shown nowhere, and there may be 100,000 of them
      return state.view?.job.each != null
        ? state
        : { ...state, output: new Map(state.output).set(event.task, addOutput(state.output.get(event.task) ?? NO_OUTPUT, event)) }
    case 'counts':
      return { ...state, counts: event.counts }
    case 'items':
      return { ...state, failedItems: [...state.failedItems, ...event.items.flatMap(({ task, workerName, state, reason }) => state === 'done' ? [] : [{ task, workerName, state, reason }])].slice(-MAX_FAILED_ITEMS) }
    case 'result':
      // its statistics are asked for when the job has ended
      return withResult(state, event)
    default:
      // of a master of a later version
      return state
  }
}

function withSamples (state: JobState, { task, command, runs, latest }: Extract<JobMessage, { kind: 'progress' }>): JobState {
  if (latest == null || !state.tasks.has(task)) {
    return state
  }

  const commands = state.samples.get(task)

  return { ...state, samples: new Map(state.samples).set(task, new Map(commands).set(command, addRuns(commands?.get(command) ?? NO_RUNS, runs, latest, keptOf(state)))) }
}

/** All runs of a task that has ended, in place of those that were told. */
function withResult (state: JobState, { task, result }: Extract<JobMessage, { kind: 'result' }>): JobState {
  const measured = result.commands.filter(({ samples }) => samples.length > 0)

  return measured.length === 0 || !state.tasks.has(task)
    ? state
    : { ...state, samples: new Map(state.samples).set(task, new Map(measured.map(({ command, samples }) => [command, addRuns(NO_RUNS, samples.length, samples, keptOf(state))]))) }
}

function keptOf ({ tasks, view }: JobState): number {
  return keptRuns(tasks.size * (view?.job.commands.length ?? 1))
}

/** What was being done belongs to the state before. */
function sober (view: TaskView): Pick<TaskState, 'view' | 'doing'> {
  return { view, doing: undefined }
}

function change (state: JobState, name: string, how: (task: TaskState) => TaskState, view?: TaskView): JobState {
  const task = state.tasks.get(name) ?? (view == null ? undefined : { view })

  return task == null ? state : { ...state, tasks: new Map(state.tasks).set(name, how(task)) }
}
