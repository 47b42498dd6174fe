import type { FilteredJob } from './job-filter.ts'

/** What is kept in memory of a finished job: enough to find it, to choose it for a list, and to say when it goes. */
export interface IndexedJob extends FilteredJob {
  id: string
  client: string
  finishedAtMs: number
}

/** Finished jobs by the time of their acceptance; some 220 bytes each. Pure. */
export class JobIndex {
  readonly #byId = new Map<string, IndexedJob>()
  /** One string for each client, however many jobs it has. */
  readonly #clients = new Map<string, string>()
  /** Ascending; put in order when it is needed. */
  #byTime: IndexedJob[] = []
  #sorted = true

  get size (): number {
    return this.#byId.size
  }

  get (id: string): IndexedJob | undefined {
    return this.#byId.get(id)
  }

  set (job: IndexedJob): void {
    const client = this.#clients.get(job.client) ?? job.client
    const entry = { ...job, client }
    const known = this.#byId.get(job.id)

    this.#clients.set(client, client)
    this.#byId.set(job.id, entry)

    if (known == null) {
      this.#sorted &&= this.#byTime.length === 0 || precedes(this.#byTime.at(-1)!, entry)
      this.#byTime.push(entry)
    } else {
      this.#byTime = this.#byTime.map(other => other === known ? entry : other)
      this.#sorted = false
    }
  }

  delete (ids: ReadonlySet<string>): void {
    let deleted = false

    for (const id of ids) {
      deleted = this.#byId.delete(id) || deleted
    }

    if (deleted) {
      this.#byTime = this.#byTime.filter(({ id }) => !ids.has(id))
    }
  }

  /** In any order. */
  all (): Iterable<IndexedJob> {
    return this.#byId.values()
  }

  /** The one that was accepted last comes first. */
  * latest (): Generator<IndexedJob> {
    const jobs = this.#inOrder()

    for (let at = jobs.length - 1; at >= 0; at--) {
      yield jobs[at]!
    }
  }

  #inOrder (): IndexedJob[] {
    if (!this.#sorted) {
      this.#byTime = [...this.#byTime].sort((a, b) => precedes(a, b) ? -1 : 1)
      this.#sorted = true
    }

    return this.#byTime
  }
}

function precedes (a: IndexedJob, b: IndexedJob): boolean {
  return a.acceptedAtMs < b.acceptedAtMs || (a.acceptedAtMs === b.acceptedAtMs && a.id < b.id)
}
