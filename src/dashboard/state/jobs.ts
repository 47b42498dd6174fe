import { shortJobId } from '../../model/ids.ts'
import type { JobRow } from '../../node/protocol/submit/messages.ts'

export interface JobChoice {
  words: string
  /** `open` = queued or running, `failed` = with tasks that did not end well; empty = any. */
  state: '' | 'open' | 'finished' | 'failed' | 'cancelled'
}

export const ALL_JOBS: JobChoice = { words: '', state: '' }

/** The jobs that are chosen, the latest first. Pure. */
export function jobLines (jobs: Iterable<JobRow>, { words, state }: JobChoice): JobRow[] {
  const wanted = words.toLowerCase().split(/\s+/).filter(word => word !== '')

  return [...jobs]
    .filter(job => isIn(job, state) && wanted.every(word => `${job.title}\n${job.name ?? ''}\n${shortJobId(job.id)}\n${job.id.toLowerCase()}`.toLowerCase().includes(word)))
    .sort((a, b) => b.acceptedAt - a.acceptedAt || (a.id < b.id ? 1 : -1))
}

function isIn (job: JobRow, state: JobChoice['state']): boolean {
  switch (state) {
    case '': return true
    case 'open': return job.state === 'queued' || job.state === 'running'
    case 'failed': return job.failed > 0
    default: return job.state === state
  }
}
