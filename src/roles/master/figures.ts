import { countStates } from './views.ts'
import type { CoordinatorState } from './coordinator/state.ts'
import type { ContentUsage } from '../../store/content.ts'

/** What a master is worth knowing by, in numbers; nothing of it names a job. */
export interface Figures {
  coordinates: boolean
  term: number
  /** Workers by the state that users see. */
  workers: Record<string, number>
  /** Jobs that have not ended, by whether a task of them has begun. */
  jobs: { queued: number, running: number }
  /** Tasks of those jobs by state. */
  tasks: Record<string, number>
  payloadBytes: number
  payloadLimitBytes: number
}

/** Of the jobs that have not ended: what has ended is counted by nobody again. */
export function figuresOf ({ state, term, content }: { state: CoordinatorState, term: number, content: ContentUsage }): Figures {
  const figures: Figures = {
    coordinates: state.mode === 'reign',
    term,
    workers: {},
    jobs: { queued: 0, running: 0 },
    tasks: {},
    payloadBytes: content.bytes,
    payloadLimitBytes: content.maxBytes
  }

  for (const worker of state.workers.values()) {
    add(figures.workers, worker.connected ? worker.state : 'lost', 1)
  }

  for (const entry of state.jobs.values()) {
    if (entry.finishedAtMs == null) {
      const counts = countStates(entry)

      figures.jobs[counts.every(({ state }) => state === 'queued') ? 'queued' : 'running']++
      counts.forEach(({ state, count }) => { add(figures.tasks, state, count) })
    }
  }

  return figures
}

function add (counts: Record<string, number>, key: string, count: number): void {
  counts[key] = (counts[key] ?? 0) + count
}
