import type { JobState, TaskState, WorkerState } from '../../model/states.ts'

/** How a state looks: a colour and a shape, always beside its word. */
export type Tone = 'good' | 'busy' | 'wait' | 'warn' | 'bad' | 'off'

const WORKERS: Record<WorkerState, Tone> = {
  waiting: 'good',
  reserved: 'busy',
  running: 'busy',
  'failed, restarting': 'bad',
  'finished, delivering': 'busy',
  draining: 'off',
  lost: 'bad'
}

const JOBS: Record<JobState, Tone> = { queued: 'wait', running: 'busy', finished: 'good', cancelled: 'off' }

const TASKS: Record<TaskState, Tone> = {
  queued: 'wait',
  reserving: 'wait',
  sending: 'busy',
  starting: 'busy',
  running: 'busy',
  cancelling: 'warn',
  done: 'good',
  failed: 'bad',
  limit: 'bad',
  'not-run': 'bad',
  cancelled: 'off',
  interrupted: 'bad',
  lost: 'bad'
}

/** `off` for a state that a later master may know. */
export function workerTone (state: string): Tone {
  return WORKERS[state as WorkerState] ?? (state === 'coordinator' || state === 'standby' ? 'good' : 'off')
}

export function taskTone (state: string): Tone {
  return TASKS[state as TaskState] ?? 'off'
}

/** A job that is finished but not well is not shown as good. */
export function jobTone ({ state, failed }: { state: JobState, failed: number }): Tone {
  return state === 'finished' && failed > 0 ? 'bad' : JOBS[state] ?? 'off'
}

/** `finished, 2 failed` */
export function jobWords ({ state, failed }: { state: JobState, failed: number }): string {
  return failed > 0 ? `${state}, ${failed} failed` : state
}

/** Words of the wire that read better apart. */
export function taskWords (state: string): string {
  return state === 'not-run' ? 'not run' : state === 'limit' ? 'stopped at a limit' : state
}
