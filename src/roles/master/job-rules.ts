import { MeshmarkError } from '../../model/errors.ts'
import { encodeJob } from '../../node/protocol/model/index.ts'
import type { Job } from '../../model/job.ts'

/** What a job must be beyond its fields' own bounds, or it would never end. Throws `refused`; what our own clients make always passes. */
export function checkJob ({ kind, commands, placement }: Job): void {
  if (commands.length < 1 || (kind === 'exec' && commands.length > 1)) {
    throw refused(`it has ${commands.length} commands, and ${kind === 'exec' ? 'exactly' : 'at least'} one is needed`)
  }

  if (commands.some(({ argv }) => argv.length === 0)) {
    throw refused('a command has no words')
  }

  if (placement.on === 'names' && placement.names.length === 0) {
    throw refused('it names no worker')
  }
}

/** The same job, submitted again: when it was submitted is for people, and differs. */
export function isSameJob (a: Job, b: Job): boolean {
  return Buffer.from(encodeJob({ ...a, submittedAt: 0 })).equals(encodeJob({ ...b, submittedAt: 0 }))
}

function refused (what: string): MeshmarkError {
  return new MeshmarkError('refused', `this job cannot be taken: ${what}`)
}
