import { useMemo } from 'preact/hooks'
import { useAnswers } from './fetched.tsx'
import { useApp, useStore } from './hooks.ts'
import { Failure } from './notice.tsx'
import type { ComponentChildren } from 'preact'
import type { JobRow } from '../../node/protocol/submit/messages.ts'

interface AllJobs {
  /** By id. */
  jobs: ReadonlyMap<string, JobRow>
  /** How many the master has listed, where it was asked. */
  listed?: number
  isAsking: boolean
  /** Says why older ones did not come, where they did not. */
  failure: ComponentChildren
}

/** The jobs that the page is told of, and those that a master lists at this path besides. */
export function useJobs (path: string | undefined): AllJobs {
  const told = useStore(useApp().mesh).jobs
  const { answers, error, again } = useAnswers<{ jobs: JobRow[] }>(path == null ? [] : [path])
  const listed = answers?.[0]?.jobs
  // what is told is newer
  const jobs = useMemo(() => new Map([...(listed ?? []).map(job => [job.id, job] as const), ...told]), [told, listed])

  return {
    jobs,
    listed: listed?.length,
    isAsking: path != null && answers == null && error == null,
    failure: error == null ? null : <Failure title='Older jobs did not come' detail={error} onRetry={again} />
  }
}
