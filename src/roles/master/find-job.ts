import { MeshmarkError } from '../../model/errors.ts'

export interface Asker {
  peerId: string
  /** An administrator sees every job. */
  admin: boolean
}

/** What a job is found by. */
export interface Findable {
  id: string
  client: string
  name?: string
  acceptedAtMs: number
}

/** Nothing fits; a job may still be on its way. */
export class UnknownJobError extends MeshmarkError {
  readonly unknown = true
}

/**
 * The one job that is meant: an id, a unique suffix of one, a --name (the
 * latest of that name), or @last. Throws a MeshmarkError: `usage` when nothing
 * (an UnknownJobError) or more than one fits, `refused` when it is somebody else's.
 */
export function findJob<T extends Findable> (jobs: Iterable<T>, selector: string, asker: Asker): T {
  const fitting = new Fitting<T>(selector)
  const others = new Fitting<T>(selector)

  for (const job of jobs) {
    (asker.admin || job.client === asker.peerId ? fitting : others).take(job)
  }

  const found = fitting.found

  if (found.length === 1) {
    return found[0]!
  }

  if (found.length > 1) {
    throw new MeshmarkError('usage', `'${selector}' fits ${found.length} jobs: give more characters (${found.slice(0, 5).map(({ id }) => id.toLowerCase()).join(', ')})`)
  }

  if (selector !== '@last' && others.found.length > 0) {
    throw new MeshmarkError('refused', `job '${selector}' belongs to another client: only that client or an administrator may read or steer it`)
  }

  throw new UnknownJobError('usage', selector === '@last' ? 'you have not submitted a job to this mesh yet' : `no job '${selector}': see meshmark jobs`)
}

/** An id counts before a name, and of the jobs of one name the latest. */
class Fitting<T extends Findable> {
  readonly #selector: string
  readonly #suffix?: string
  readonly #byId: T[] = []
  #latest?: T

  constructor (selector: string) {
    this.#selector = selector
    this.#suffix = selector === '@last' || selector.length < 4 ? undefined : selector.toUpperCase()
  }

  get found (): T[] {
    return this.#byId.length > 0 ? this.#byId : this.#latest == null ? [] : [this.#latest]
  }

  take (job: T): void {
    if (this.#suffix != null && job.id.endsWith(this.#suffix)) {
      this.#byId.push(job)
    }

    if ((this.#selector === '@last' || job.name === this.#selector) && (this.#latest == null || isLater(job, this.#latest))) {
      this.#latest = job
    }
  }
}

function isLater (a: Findable, b: Findable): boolean {
  return a.acceptedAtMs > b.acceptedAtMs || (a.acceptedAtMs === b.acceptedAtMs && a.id.slice(-8) > b.id.slice(-8))
}
