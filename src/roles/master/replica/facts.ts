import { createHash } from 'node:crypto'
import { asRecord, canonical, parseJson, smaller } from './bytes.ts'

/**
 * What masters share: records by key, of which each kind has its own rule for
 * two versions of one key. Every rule is commutative, associative and
 * idempotent, so masters that have seen the same records hold the same, in
 * whatever order they came.
 *
 *   job/<id>                 sealed job; the smaller bytes stay, others go to conflict/job/<id>/<hash>
 *   accepted/<id>            {acceptedAtMs, targets}: the earliest, and the targets of both
 *   assign/<execution>       set, grows only
 *   cancel/<id>              set, grows only
 *   result/<execution>       the smaller bytes stay, others go to conflict/<execution>/<hash>
 *   end/<id>                 {atMs}: the latest; whose record is not here by then counts as lost
 *   conflict/…               set, grows only: nothing that was said is lost
 *   tombstone/<id>           {atMs}: the latest; takes all of the above away, for as long as it lives
 *   revoked/<peerId>         set, grows only
 *   token/<id>               uses left: the fewest; revoked: once is for ever
 *   member/<peerId>          the latest atMs (joinedAt where there is none)
 *   master/<peerId>          the latest atMs
 *   http/<peerId>            {urls, atMs} of a master: the latest
 *   drain/<peerId>           {drain, atMs, by}: the latest, at the same instant the greater `by`
 */
export type FactKey = string

/** Two versions of one key become this; `undefined` is not a version. */
type Join = (mine: Uint8Array, theirs: Uint8Array) => Uint8Array

const JOINS: Record<string, Join> = {
  accepted: joinAcceptances,
  end: latest(fact => [fact.atMs]),
  tombstone: latest(fact => [fact.atMs]),
  token: joinTokens,
  member: latest(fact => [fact.atMs ?? fact.joinedAt]),
  master: latest(fact => [fact.atMs]),
  http: latest(fact => [fact.atMs]),
  drain: latest(fact => [fact.atMs, fact.by])
}

/** Of this master alone: never said to another, never believed from one. */
const LOCAL = new Set(['term', 'local', 'log', 'damaged'])

/** With a job goes all that is about it. */
const OF_JOB = ['job', 'accepted', 'assign', 'result', 'cancel', 'end', 'conflict']

const KEPT_ASIDE = new Set(['job', 'result'])

/** False for the records of this master alone. Unknown kinds are facts of a newer version. */
export function isFact (key: string): boolean {
  return key.includes('/') && !LOCAL.has(kindOf(key)) && !key.startsWith('!')
}

/**
 * What `key` holds after both have been seen; `undefined` = what is here stays
 * as it is.
 */
export function merge (key: FactKey, mine: Uint8Array | undefined, theirs: Uint8Array): Uint8Array | undefined {
  if (mine == null) {
    return theirs
  }

  if (Buffer.compare(mine, theirs) === 0) {
    return undefined
  }

  const joined = (JOINS[kindOf(key)] ?? smaller)(mine, theirs)

  return Buffer.compare(joined, mine) === 0 ? undefined : joined
}

/** The record that keeps the version which `merge` lets go, where nothing may be lost. */
export function conflictOf (key: FactKey, mine: Uint8Array | undefined, theirs: Uint8Array): { key: FactKey, value: Uint8Array } | undefined {
  const kind = kindOf(key)

  if (mine == null || !KEPT_ASIDE.has(kind) || Buffer.compare(mine, theirs) === 0) {
    return undefined
  }

  const value = smaller(mine, theirs) === mine ? theirs : mine
  const hash = createHash('sha256').update(value).digest('hex').slice(0, 16)

  return { key: `conflict/${kind === 'job' ? key : key.slice('result/'.length)}/${hash}`, value }
}

/** The job that a record is about, and with whose tombstone it goes; undefined for records about anything else. */
export function jobOf (key: FactKey): string | undefined {
  const [kind = '', first, second] = key.split('/', 3)

  if (!OF_JOB.includes(kind)) {
    return undefined
  }

  return kind === 'conflict' && first === 'job' ? second : first
}

/** Where everything about a job is: whole keys, and prefixes (which end in a slash). */
export function keysOfJob (id: string): { keys: string[], prefixes: string[] } {
  return {
    keys: [`job/${id}`, `accepted/${id}`, `cancel/${id}`, `end/${id}`],
    prefixes: [`assign/${id}/`, `result/${id}/`, `conflict/${id}/`, `conflict/job/${id}/`]
  }
}

/** The job that a tombstone is of; undefined for every other key. */
export function buriedBy (key: FactKey): string | undefined {
  return kindOf(key) === 'tombstone' ? key.slice('tombstone/'.length) : undefined
}

function kindOf (key: string): string {
  const slash = key.indexOf('/')

  return slash < 0 ? key : key.slice(0, slash)
}

/**
 * The greatest of a total order, which is all that a last writer's rule needs:
 * what can be read comes after what cannot, then the fields in turn, then the
 * smaller bytes.
 */
function latest (fields: (fact: Record<string, unknown>) => unknown[]): Join {
  return (mine, theirs) => {
    const [a, b] = [mine, theirs].map(bytes => {
      const fact = asRecord(parseJson(bytes))

      return fact == null ? undefined : fields(fact)
    })

    if (a == null || b == null) {
      return a == null && b == null ? smaller(mine, theirs) : a == null ? theirs : mine
    }

    for (let i = 0; i < a.length; i++) {
      const order = compareFields(a[i], b[i])

      if (order !== 0) {
        return order > 0 ? mine : theirs
      }
    }

    return smaller(mine, theirs)
  }
}

/** Nothing, then numbers, then texts. */
function compareFields (a: unknown, b: unknown): number {
  const [rankA, rankB] = [a, b].map(value => typeof value === 'number' ? 1 : typeof value === 'string' ? 2 : 0)

  if (rankA !== rankB) {
    return rankA! - rankB!
  }

  return rankA === 0 || a === b ? 0 : (a as number | string) > (b as number | string) ? 1 : -1
}

/** The earliest acceptance with the targets of both: each side has asked its own workers already. */
function joinAcceptances (mine: Uint8Array, theirs: Uint8Array): Uint8Array {
  return joinReadable(mine, theirs, (a, b) => ({
    ...joinFields(a, b),
    acceptedAtMs: least(a.acceptedAtMs, b.acceptedAtMs),
    targets: joinTargets([...targetsOf(a), ...targetsOf(b)])
  }))
}

function targetsOf ({ targets }: Record<string, unknown>): Array<Record<string, unknown>> {
  return Array.isArray(targets) ? targets.map(asRecord).filter(target => target != null) : []
}

function joinTargets (targets: Array<Record<string, unknown>>): Array<Record<string, unknown>> {
  const byTask = new Map<string, Record<string, unknown>>()

  for (const target of targets) {
    const task = String(target.task)
    const known = byTask.get(task)

    if (known == null || canonical(target) < canonical(known)) {
      byTask.set(task, target)
    }
  }

  return [...byTask].sort(([a], [b]) => a < b ? -1 : 1).map(([, target]) => target)
}

/** A use that one master has seen is a use, and so is a revocation. */
function joinTokens (mine: Uint8Array, theirs: Uint8Array): Uint8Array {
  return joinReadable(mine, theirs, (a, b) => ({
    ...joinFields(a, b),
    usesLeft: least(a.usesLeft, b.usesLeft),
    revoked: a.revoked === true || b.revoked === true
  }))
}

/** What has no rule of its own: field by field, so that every order of joining ends alike. */
function joinFields (a: Record<string, unknown>, b: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries([...new Set([...Object.keys(a), ...Object.keys(b)])].map(name => {
    const [left, right] = [a[name], b[name]]

    return [name, left === undefined ? right : right === undefined || canonical(left) < canonical(right) ? left : right]
  }))
}

function least (a: unknown, b: unknown): unknown {
  return typeof a !== 'number' ? (typeof b === 'number' ? b : undefined) : typeof b !== 'number' ? a : Math.min(a, b)
}

/** Two versions always become the canonical text, or which of two spellings stays would depend on the order. */
function joinReadable (mine: Uint8Array, theirs: Uint8Array, join: (a: Record<string, unknown>, b: Record<string, unknown>) => Record<string, unknown>): Uint8Array {
  const [a, b] = [asRecord(parseJson(mine)), asRecord(parseJson(theirs))]

  if (a == null || b == null) {
    return a == null && b == null ? smaller(mine, theirs) : a == null ? theirs : mine
  }

  return Buffer.from(canonical(join(a, b)))
}
