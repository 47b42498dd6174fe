import { shortJobId } from '../../model/ids.ts'
import { withWords } from './words.ts'
import type { JobRow } from '../../node/protocol/submit/messages.ts'

export interface JobChoice {
  words: string
  /** `open` = queued or running, `failed` = with tasks that did not end well; empty = any. */
  state: '' | 'open' | 'finished' | 'failed' | 'cancelled'
}

export const ALL_JOBS: JobChoice = { words: '', state: '' }

/** The page is told of so many of the latest jobs, besides those that have not ended. */
export const LATEST_JOBS = 200

/** A master lists no more. */
export const MAX_LISTED = 10_000

/** Which older jobs a master is asked for, where the page was not told of all; undefined when what was told is all that can fit. Pure. */
export function olderPath ({ words, state }: JobChoice, told: number): string | undefined {
  // all that are open are told
  if (told < LATEST_JOBS || state === 'open' || (state === '' && words.trim() === '')) {
    return undefined
  }

  const conditions = new URLSearchParams({ limit: String(MAX_LISTED), ...(state === '' ? {} : state === 'failed' ? { failed: 'true' } : { state }) })

  return `/v1/jobs?${conditions.toString()}`
}

/** More are not chosen from. */
const MAX_CHOICES = 1_000

/** The same of measured jobs, to choose from. */
export function measuredPath (told: number): string | undefined {
  return told < LATEST_JOBS ? undefined : `/v1/jobs?limit=${MAX_CHOICES}&kind=run`
}

/** The jobs that are chosen, the latest first. Pure. */
export function jobLines (jobs: Iterable<JobRow>, { words, state }: JobChoice): JobRow[] {
  const fits = withWords(words)

  return [...jobs]
    .filter(job => isIn(job, state) && fits(`${job.title}\n${job.name ?? ''}\n${shortJobId(job.id)}\n${job.id}`))
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
