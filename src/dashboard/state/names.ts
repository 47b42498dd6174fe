import type { JobRow } from '../../node/protocol/submit/messages.ts'

/** Names of measured jobs, and how many there are of each; the one that was used last first. Pure. */
export function namesOf (jobs: Iterable<JobRow>): Array<{ name: string, jobs: number }> {
  const names = new Map<string, { jobs: number, at: number }>()

  for (const { name, kind, acceptedAt } of jobs) {
    if (name != null && kind === 'run') {
      const known = names.get(name)

      names.set(name, { jobs: (known?.jobs ?? 0) + 1, at: Math.max(known?.at ?? 0, acceptedAt) })
    }
  }

  return [...names].sort(([, a], [, b]) => b.at - a.at).map(([name, { jobs }]) => ({ name, jobs }))
}
