import { toError } from '../../model/errors.ts'
import { emptyCoordinator } from './coordinator/state.ts'
import { stepCoordinator } from './coordinator/step.ts'
import { restoreEvent } from './fact-feed.ts'
import { JobIndex } from './job-index.ts'
import { buriedBy } from './replica/facts.ts'
import { filteredJob, jobRow } from './views.ts'
import type { Coordinator } from './coordinator.ts'
import type { JobEntry } from './coordinator/state.ts'
import type { JobStore, StoredJob } from './job-store.ts'
import type { IndexedJob } from './job-index.ts'
import type { Replica } from './replica/replica.ts'
import type { WorkerInfo } from '../../model/machine.ts'
import type { JobRow } from '../../node/protocol/submit/messages.ts'
import type { Journal } from '../../store/journal.ts'

/** Records of one that has just ended may still come, and its client asks for it. */
const LINGER_MS = 60_000
/** Finished jobs that stay in memory for that long. */
const LINGERING = 256
const SWEEP_MS = 2_000
const GROUP = 256
/** Workers that are known to be written as they are. */
const MAX_WRITTEN = 4_096

const ROW = 'local/row/'
const WORKER = 'local/worker/'

export interface ArchiveComponents {
  replica: Pick<Replica, 'onChange' | 'isBuried'>
  journal: Journal
  jobs: JobStore
  coordinator: Pick<Coordinator, 'state' | 'dispatch'>
  log: (line: string) => void
}

/** A row of the list of jobs as it is kept: who may see it, and no word on who looks. */
interface StoredRow {
  client: string
  row: Omit<JobRow, 'mine'>
}

/**
 * Finished jobs. They leave the coordinator's memory soon after their end;
 * what is left there is an index, and everything else is read from the disk
 * when somebody asks. Of this master alone, in its journal:
 *
 *   local/row/<id>          the job's row in the list of jobs
 *   local/worker/<peerId>   a worker as it was last, for those that have gone since
 *
 * All of it follows from the facts that masters share. What is missing at a
 * start is made anew from them while the master works already.
 */
export class Archive {
  readonly #components: ArchiveComponents
  readonly #index = new JobIndex()
  /** Ended by the facts, and without a row yet. */
  readonly #missing = new Set<string>()
  /** Since when a finished job has been seen in memory. */
  readonly #lingering = new Map<string, number>()
  /** Every finished job is in the list again; not called when none was missing. */
  onComplete = (): void => {}
  /** As written last by this process. */
  readonly #workers = new Map<string, WorkerInfo>()
  #timer?: NodeJS.Timeout
  #unlisten = (): void => {}
  #turn: Promise<void> = Promise.resolve()
  #stopping = false

  constructor (components: ArchiveComponents) {
    this.#components = components
  }

  /** Jobs of which nothing can be said yet but their ids: the index is being made anew. */
  get missing (): number {
    return this.#missing.size
  }

  /** Reads the index; before the coordinator takes up the jobs that have not ended. */
  async load (): Promise<void> {
    const { journal, jobs } = this.#components
    const stale: string[] = []
    const ended = await jobs.ended()

    for await (const { key, value } of journal.iterate(ROW)) {
      const id = key.slice(ROW.length)
      const stored = ended.has(id) ? readRow(value) : undefined

      if (stored == null) {
        stale.push(key)
      } else {
        this.#index.set(indexed(stored))
        ended.delete(id)
      }
    }

    ended.forEach(id => this.#missing.add(id))

    for (let start = 0; start < stale.length; start += GROUP) {
      await journal.batch(stale.slice(start, start + GROUP).map(key => ({ type: 'del', key })), { durable: false })
    }
  }

  start (): void {
    const { replica, journal } = this.#components

    this.#unlisten = replica.onChange(changes => {
      const gone = new Set(changes.flatMap(({ key }) => buriedBy(key) ?? []))

      if (gone.size > 0) {
        this.#index.delete(gone)
        gone.forEach(id => this.#missing.delete(id))
        void this.#inTurn(async () => journal.batch([...gone].map(id => ({ type: 'del', key: ROW + id })), { durable: false }))
      }
    })
    this.#timer = setInterval(() => { void this.#inTurn(async () => this.sweep(performance.now())) }, SWEEP_MS)

    if (this.#missing.size > 0) {
      void this.#inTurn(async () => this.#rebuild())
    }
  }

  async stop (): Promise<void> {
    this.#stopping = true
    clearInterval(this.#timer)
    this.#unlisten()
    await this.#turn
  }

  /** Is it over, and not in the coordinator's memory? */
  has (id: string): boolean {
    return this.#index.get(id) != null || this.#missing.has(id)
  }

  /** Finished ones that are not in the coordinator's memory, those that were accepted last first. */
  latest (): Iterable<IndexedJob> {
    return this.#index.latest()
  }

  /** Every job that this master knows of, for whoever chooses what goes. */
  * known (): Generator<{ id: string, finishedAtMs?: number }> {
    const { jobs } = this.#components.coordinator.state

    for (const { job: { id }, finishedAtMs } of jobs.values()) {
      yield { id, finishedAtMs }
    }

    for (const job of this.#index.all()) {
      if (!jobs.has(job.id)) {
        yield job
      }
    }
  }

  async row (id: string, viewer: string): Promise<JobRow | undefined> {
    const bytes = await this.#components.journal.get(ROW + id)
    const stored = bytes == null ? undefined : readRow(bytes)

    return stored == null ? undefined : { ...stored.row, mine: stored.client === viewer }
  }

  /** The whole of it from the disk; the coordinator's memory is left as it is. Undefined when it is not there or cannot be read. */
  async entry (id: string): Promise<JobEntry | undefined> {
    const { jobs, coordinator } = this.#components
    const stored = await jobs.get(id)

    return stored == null ? undefined : this.#entryOf(stored, coordinator.state.workers)
  }

  /** One look at the finished jobs in the coordinator's memory: those that have been there for long enough leave it. */
  async sweep (nowMs: number): Promise<void> {
    const { coordinator } = this.#components
    const finished = [...coordinator.state.jobs.values()].filter(({ finishedAtMs, endSaid }) => finishedAtMs != null && endSaid === true)
    const seen = new Map(finished.map(({ job: { id } }) => [id, this.#lingering.get(id) ?? nowMs]))

    this.#lingering.clear()
    seen.forEach((sinceMs, id) => this.#lingering.set(id, sinceMs))

    const surplus = finished.length - LINGERING
    const leaving = finished
      .sort((a, b) => seen.get(a.job.id)! - seen.get(b.job.id)! || a.finishedAtMs! - b.finishedAtMs!)
      .filter(({ job: { id } }, at) => at < surplus || nowMs - seen.get(id)! >= LINGER_MS)

    for (let start = 0; start < leaving.length && !this.#stopping; start += GROUP) {
      await this.#archive(leaving.slice(start, start + GROUP))
    }
  }

  async #archive (entries: JobEntry[]): Promise<void> {
    const { journal, coordinator, replica } = this.#components

    await journal.batch([
      ...entries.map(entry => ({ type: 'put' as const, key: ROW + entry.job.id, value: rowBytes(entry) })),
      ...this.#newWorkers(entries).map(info => ({ type: 'put' as const, key: WORKER + info.peerId, value: toBytes(info) }))
    ], { durable: false })

    for (const entry of entries) {
      const { id } = entry.job

      if (replica.isBuried(id)) {
        await journal.del(ROW + id, { durable: false })
      } else if (coordinator.state.jobs.get(id) === entry) {
        this.#lingering.delete(id)
        this.#missing.delete(id)
        this.#index.set({ id, client: entry.job.client, ...filteredJob(entry), finishedAtMs: entry.finishedAtMs! })
        coordinator.dispatch({ kind: 'archive', job: id, nowMs: Date.now() })
      }
    }
  }

  /** Those that did tasks for any worker, where what was kept of them is not what they are. */
  #newWorkers (entries: JobEntry[]): WorkerInfo[] {
    const infos = new Map<string, WorkerInfo>()

    for (const { tasks } of entries) {
      for (const { target, info } of tasks.values()) {
        if (target == null && info != null && this.#workers.get(info.peerId) !== info) {
          infos.set(info.peerId, info)
        }
      }
    }

    for (const [id, info] of infos) {
      this.#workers.delete(id)
      this.#workers.set(id, info)
    }

    // of the others it is written once more
    for (const id of [...this.#workers.keys()].slice(0, Math.max(0, this.#workers.size - MAX_WRITTEN))) {
      this.#workers.delete(id)
    }

    return [...infos.values()]
  }

  async #entryOf (stored: StoredJob, workers: ReadonlyMap<string, { info: WorkerInfo }>): Promise<JobEntry | undefined> {
    const scratch = emptyCoordinator()

    stepCoordinator(scratch, restoreEvent(stored, await this.#components.jobs.results(stored.job.id)))

    const entry = scratch.jobs.get(stored.job.id)
    const gone = new Map<string, WorkerInfo | undefined>()

    for (const task of entry?.tasks.values() ?? []) {
      const { worker } = task

      if (task.info != null || worker == null) {
        continue
      }

      if (!gone.has(worker)) {
        gone.set(worker, workers.get(worker)?.info ?? await this.#workerOf(worker))
      }

      task.info = gone.get(worker)
    }

    return entry
  }

  async #workerOf (worker: string): Promise<WorkerInfo | undefined> {
    const bytes = await this.#components.journal.get(WORKER + worker)

    return bytes == null ? undefined : fromBytes<WorkerInfo>(bytes)
  }

  /** The rows that are missing, the latest jobs first. */
  async #rebuild (): Promise<void> {
    const { journal, log } = this.#components
    const ids = [...this.#missing].sort().reverse()

    log(`the list of ${ids.length} finished jobs is made anew`)

    for (const id of ids) {
      if (this.#stopping) {
        return
      }

      const entry = this.#missing.has(id) ? await this.entry(id) : undefined

      if (entry?.finishedAtMs != null && this.#missing.has(id)) {
        await journal.put(ROW + id, rowBytes(entry), { durable: false })
        this.#index.set({ id, client: entry.job.client, ...filteredJob(entry), finishedAtMs: entry.finishedAtMs })
      }

      this.#missing.delete(id)
    }

    log('the list of finished jobs is complete')
    this.onComplete()
  }

  async #inTurn (work: () => Promise<unknown>): Promise<void> {
    this.#turn = this.#turn.then(work).then(() => {}, err => { this.#components.log(`finished jobs: ${toError(err).message}`) })
    await this.#turn
  }
}

function indexed ({ client, row }: StoredRow): IndexedJob {
  return { id: row.id, client, ...(row.name == null ? {} : { name: row.name }), kind: row.kind, state: row.state, failed: row.failed > 0, acceptedAtMs: row.acceptedAt, finishedAtMs: row.finishedAt! }
}

function rowBytes (entry: JobEntry): Uint8Array {
  const { mine, ...row } = jobRow(entry, '')

  return toBytes({ client: entry.job.client, row } satisfies StoredRow)
}

/** Undefined when it is not what this version writes: then it is made anew. */
function readRow (bytes: Uint8Array): StoredRow | undefined {
  try {
    const stored = fromBytes<StoredRow>(bytes)

    return typeof stored.client === 'string' && typeof stored.row.id === 'string' && Number.isFinite(stored.row.acceptedAt) && Number.isFinite(stored.row.finishedAt) ? stored : undefined
  } catch {
    return undefined
  }
}

function toBytes (value: unknown): Uint8Array {
  return Buffer.from(JSON.stringify(value))
}

function fromBytes<T> (bytes: Uint8Array): T {
  return JSON.parse(Buffer.from(bytes).toString('utf8'))
}
