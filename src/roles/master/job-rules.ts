import { MAX_ITEMS_BYTES } from '../../model/each.ts'
import { MAX_PRIORITY } from '../../model/job.ts'
import { MeshmarkError } from '../../model/errors.ts'
import { encodeJob } from '../../node/protocol/model/index.ts'
import { filesProblem } from './file-rules.ts'
import type { Job } from '../../model/job.ts'

/** What a job must be beyond its fields' own bounds, or it would never end. Throws `refused`; what our own clients make always passes. */
export function checkJob (job: Job): void {
  const { kind, commands, placement, each, priority = 0 } = job
  if (commands.length < 1 || (kind === 'exec' && commands.length > 1)) {
    throw refused(`it has ${commands.length} commands, and ${kind === 'exec' ? 'exactly' : 'at least'} one is needed`)
  }

  if (commands.some(({ argv }) => argv.length === 0)) {
    throw refused('a command has no words')
  }

  if (placement.on === 'names' && placement.names.length === 0) {
    throw refused('it names no worker')
  }

  if (Math.abs(priority) > MAX_PRIORITY) {
    throw refused(`its priority is ${priority}, and -${MAX_PRIORITY} to ${MAX_PRIORITY} is allowed`)
  }

  if (each != null) {
    checkItems(each.items, kind, placement)
  }

  const problem = filesProblem(job)

  if (problem != null) {
    throw refused(problem)
  }
}

function checkItems (items: string[], kind: Job['kind'], placement: Job['placement']): void {
  if (kind !== 'exec' || placement.on !== 'any') {
    throw refused('its items are not handed out to any free worker')
  }

  if (items.length === 0) {
    throw refused('it has no items')
  }

  const bytes = items.reduce((sum, item) => sum + Buffer.byteLength(item), 0)

  if (bytes > MAX_ITEMS_BYTES) {
    throw refused(`its items have ${bytes} bytes, and ${MAX_ITEMS_BYTES} are allowed`)
  }
}

/** The same job, submitted again: when it was submitted is for people, and differs. */
export function isSameJob (a: Job, b: Job): boolean {
  return Buffer.from(encodeJob({ ...a, submittedAt: 0 })).equals(encodeJob({ ...b, submittedAt: 0 }))
}

function refused (what: string): MeshmarkError {
  return new MeshmarkError('refused', `this job cannot be taken: ${what}`)
}
