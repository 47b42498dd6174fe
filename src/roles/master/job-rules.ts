import { MAX_ITEMS_BYTES } from '../../model/each.ts'
import { MAX_PRIORITY } from '../../model/job.ts'
import { MeshmarkError } from '../../model/errors.ts'
import { encodeJob } from '../../node/protocol/model/index.ts'
import { MAX_ENTRIES, MAX_LISTS } from '../../model/map.ts'
import { filesProblem } from './file-rules.ts'
import type { JobMap } from '../../model/map.ts'
import type { Job } from '../../model/job.ts'

/** What a job must be beyond its fields' own bounds, or it would never end. Throws `refused`; what our own clients make always passes. */
export function checkJob (job: Job): void {
  const { kind, commands, placement, each, map, retry, retryLostMs, priority = 0 } = job

  if (commands.length < 1 || (kind === 'exec' && map == null && commands.length > 1)) {
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

  if (retry != null && (kind !== 'exec' || map != null)) {
    throw refused(map == null ? 'what is measured is not run again: leave out --retry' : 'the entries of a map have rules of their own for running again: give them a restart each, and the job no retry')
  }

  if (retryLostMs != null && map != null) {
    throw refused('nobody else can do what a map has for a worker that is lost: leave out --retry-lost')
  }

  if (map == null && commands.some(({ limits }) => limits != null)) {
    throw refused('only the commands of a map have limits of their own: give them to the job')
  }

  if (each != null) {
    checkItems(each.items, kind, placement)
  }

  const problem = filesProblem(job)

  if (problem != null) {
    throw refused(problem)
  }

  if (map != null) {
    checkMap(job, map)
  }
}

function checkMap ({ kind, placement, each, commands }: Job, { lists }: JobMap): void {
  if (kind !== 'exec' || placement.on !== 'all') {
    throw refused('a map hands out, on all workers that it is for: make it of kind exec, on all, and choose among workers in its lists')
  }

  if (each != null) {
    throw refused('it has items as well as a map')
  }

  if (lists.length === 0 || lists.length > MAX_LISTS) {
    throw refused(`its map has ${lists.length} lists, and 1 to ${MAX_LISTS} are allowed: split it`)
  }

  const entries = lists.flatMap(list => list.entries)

  if (lists.some(list => list.entries.length === 0)) {
    throw refused('a list of its map has no entries: leave it out')
  }

  if (entries.length > MAX_ENTRIES) {
    throw refused(`its map has ${entries.length} entries, and ${MAX_ENTRIES} are allowed: split it`)
  }

  const used = new Set(entries.map(({ command }) => command))
  const stray = [...used].find(command => command >= commands.length)
  const unused = commands.findIndex((_, command) => !used.has(command))

  if (stray != null) {
    throw refused(`an entry of its map is for command ${stray}, and it has ${commands.length}`)
  }

  if (unused >= 0) {
    throw refused(`no entry of its map is for command ${unused}: leave the command out`)
  }
}

function checkItems (items: string[], kind: Job['kind'], placement: Job['placement']): void {
  if (kind !== 'exec' || placement.on !== 'any') {
    throw refused('its items are not handed out to any free worker: make it of kind exec, on any, and choose among workers with --where')
  }

  if (items.length === 0) {
    throw refused('it has no items: give at least one')
  }

  const bytes = items.reduce((sum, item) => sum + Buffer.byteLength(item), 0)

  if (bytes > MAX_ITEMS_BYTES) {
    throw refused(`its items have ${bytes} bytes, and ${MAX_ITEMS_BYTES} are allowed: submit several jobs`)
  }
}

/** The same job, submitted again: when it was submitted is for people, and differs. */
export function isSameJob (a: Job, b: Job): boolean {
  return Buffer.from(encodeJob({ ...a, submittedAt: 0 })).equals(encodeJob({ ...b, submittedAt: 0 }))
}

function refused (what: string): MeshmarkError {
  return new MeshmarkError('refused', `this job cannot be taken: ${what}`)
}
