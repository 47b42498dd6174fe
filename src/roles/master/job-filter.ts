import type { JobKind } from '../../model/job.ts'
import type { JobState } from '../../model/states.ts'
import type { JobFilter } from '../../node/protocol/submit/messages.ts'

/** What a job is chosen by. */
export interface FilteredJob {
  name?: string
  kind: JobKind
  state: JobState
  acceptedAtMs: number
  /** Some task of it did not end well. */
  failed: boolean
}

/**
 * Tells whether a job is one of those that are wanted. Pure; made once for a
 * question, since it is asked of every job that there is.
 */
export function jobFilter ({ state, withinMs, name, jobKind, failed }: JobFilter, nowMs: number): (job: FilteredJob) => boolean {
  const sinceMs = withinMs == null ? -Infinity : nowMs - withinMs
  const isNamed = name == null ? undefined : pattern(name)

  return job => job.acceptedAtMs >= sinceMs &&
    (state == null || job.state === state) &&
    (jobKind == null || job.kind === jobKind) &&
    (failed == null || job.failed === failed) &&
    (isNamed == null || (job.name != null && isNamed(job.name)))
}

/** `*` stands for any characters. In linear time, whatever the pattern: it comes from the network. */
function pattern (text: string): (name: string) => boolean {
  const [first = '', ...rest] = text.split('*')
  const last = rest.pop()

  if (last == null) {
    return name => name === text
  }

  return name => {
    if (!name.startsWith(first) || !name.endsWith(last) || name.length < first.length + last.length) {
      return false
    }

    let at = first.length

    for (const part of rest) {
      const found = name.indexOf(part, at)

      if (found === -1) {
        return false
      }

      at = found + part.length
    }

    return at <= name.length - last.length
  }
}
