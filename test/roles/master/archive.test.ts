import '../../../src/node/polyfill.ts'
import { join } from 'node:path'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { afterEach, describe, expect, it } from 'vitest'
import { executionId } from '../../../src/model/ids.ts'
import { seal } from '../../../src/node/membership.ts'
import { encodeJob } from '../../../src/node/protocol/model/index.ts'
import { JOB_DOMAIN } from '../../../src/roles/job-seal.ts'
import { Archive } from '../../../src/roles/master/archive.ts'
import { emptyCoordinator } from '../../../src/roles/master/coordinator/state.ts'
import { stepCoordinator } from '../../../src/roles/master/coordinator/step.ts'
import { restoreEvent } from '../../../src/roles/master/fact-feed.ts'
import { JobStore } from '../../../src/roles/master/job-store.ts'
import { Replica } from '../../../src/roles/master/replica/replica.ts'
import { jobView } from '../../../src/roles/master/views.ts'
import { Journal } from '../../../src/store/journal.ts'
import { executionResult, sample } from '../../cli/fixtures.ts'
import { useTemporaryDir } from '../../store/child.ts'
import { exampleJob, workerInfo } from './fixtures.ts'
import type { Job } from '../../../src/model/job.ts'
import type { CoordinatorEvent, CoordinatorState } from '../../../src/roles/master/coordinator/state.ts'

const MINUTE_MS = 60_000
const dir = useTemporaryDir()
const key = await generateKeyPair('Ed25519')
const CLIENT = peerIdFromPrivateKey(key).toString()
const WORKER = { ...workerInfo('lab-01'), peerId: CLIENT }
let master: Master | undefined

afterEach(async () => { await master?.stop() })

/** The parts of a master that have to do with finished jobs, on a real journal. */
class Master {
  readonly state: CoordinatorState = emptyCoordinator()
  readonly lines: string[] = []
  archive!: Archive
  readonly #complete = Promise.withResolvers<void>()

  private constructor (readonly journal: Journal, readonly replica: Replica, readonly jobs: JobStore) {}

  /** As a master starts: the index, then the jobs that have not ended. */
  static async start (): Promise<Master> {
    const journal = await Journal.open(join(dir(), 'journal'))
    const replica = await Replica.open(journal, { peerId: 'm' })
    const started = master = new Master(journal, replica, new JobStore({ replica, journal, log: () => {} }))

    started.archive = new Archive({
      replica,
      journal,
      jobs: started.jobs,
      coordinator: { state: started.state, dispatch: event => { started.dispatch(event) } },
      log: line => { started.lines.push(line) }
    })
    started.archive.onComplete = () => { started.#complete.resolve() }
    await started.archive.load()

    for await (const stored of started.jobs.all(id => started.archive.has(id))) {
      started.dispatch(restoreEvent(stored, await started.jobs.results(stored.job.id)))
    }

    started.archive.start()

    return started
  }

  /** What was missing in the list is in it again. */
  get complete (): Promise<void> {
    return this.#complete.promise
  }

  dispatch (event: CoordinatorEvent): void {
    stepCoordinator(this.state, event)
  }

  async stop (): Promise<void> {
    await this.archive.stop()
    await this.journal.close()
  }

  /** Accepted, done by a worker, and over, on the disk and in memory. */
  async finish (number: number, init: Partial<Job> = {}): Promise<string> {
    const job = exampleJob(number, { client: CLIENT, payload: undefined, ...init })
    const execution = { job: job.id, task: 'any', worker: WORKER.peerId, attempt: 0 }
    const result = executionResult({ key: execution, outcome: number % 2 === 0 ? 'done' : 'failed', samples: [sample({})] })

    await this.jobs.accept(job, await seal(key, JOB_DOMAIN, encodeJob(job)), { acceptedAtMs: number, targets: [{ task: 'any' }] })
    await this.jobs.assign([executionId(execution)])
    await this.jobs.addResult(result)
    await this.jobs.end(job.id, number + 1)
    this.dispatch({ kind: 'worker-registered', info: WORKER, holds: [], draining: false, nowMs: 0 })
    this.dispatch(restoreEvent((await this.jobs.get(job.id))!, [result]))
    this.state.jobs.get(job.id)!.tasks.get('any')!.info = WORKER

    return job.id
  }

  /** They have been finished for longer than they stay. */
  async sweep (): Promise<void> {
    await this.archive.sweep(0)
    await this.archive.sweep(2 * MINUTE_MS)
  }

  latest (): string[] {
    return [...this.archive.latest()].map(({ id }) => id)
  }

  async row (id: string): Promise<unknown> {
    return this.archive.row(id, CLIENT)
  }
}

describe('finished jobs', () => {
  it('leave the memory a minute after they were seen to be over, and all is there as before', async () => {
    const master = await Master.start()
    const ids = [await master.finish(1), await master.finish(2, { name: 'nightly' })]
    const before = ids.map(id => jobView(master.state.jobs.get(id)!))

    await master.archive.sweep(0)
    await master.archive.sweep(MINUTE_MS / 2)
    expect(master.state.jobs.size).toBe(2)

    await master.sweep()
    expect(master.state.jobs.size).toBe(0)
    expect(master.latest()).toEqual([...ids].reverse())
    expect(await Promise.all(ids.map(async id => jobView((await master.archive.entry(id))!)))).toEqual(before)
    expect(await master.row(ids[0]!)).toMatchObject({ id: ids[0], tasks: 1, ended: 1, failed: 1, mine: true, acceptedAt: 1, finishedAt: 2 })
    expect(await master.row(ids[1]!)).toMatchObject({ id: ids[1], name: 'nightly', failed: 0 })
  })

  it('leave it sooner when there are many', async () => {
    const master = await Master.start()
    const job = await master.finish(1)
    const entry = master.state.jobs.get(job)!

    for (let number = 0; number < 300; number++) {
      const id = `01BRZ3NDEKTSV4RRFFQ69G5${String(number).padStart(3, '0')}`

      master.state.jobs.set(id, { ...entry, job: { ...entry.job, id }, finishedAtMs: 100 + number })
    }

    await master.archive.sweep(0)
    expect(master.state.jobs.size).toBe(256)
    expect(master.state.jobs.has(job)).toBe(false)
    expect(master.archive.has(job)).toBe(true)
  })

  it('are not taken up again at a start, but for those that are not over', async () => {
    let master = await Master.start()
    const finished = await master.finish(2)
    const open = exampleJob(3, { client: CLIENT, payload: undefined })

    await master.jobs.accept(open, await seal(key, JOB_DOMAIN, encodeJob(open)), { acceptedAtMs: 3, targets: [{ task: 'any' }] })
    await master.sweep()
    await master.stop()

    master = await Master.start()
    expect([...master.state.jobs.keys()]).toEqual([open.id])
    expect(master.latest()).toEqual([finished])
    // a worker that has gone since is known by its name
    expect(jobView((await master.archive.entry(finished))!).tasks).toMatchObject([{ workerName: 'lab-01', state: 'done' }])
  })

  it('are listed anew when the list is missing, or part of it cannot be read', async () => {
    let master = await Master.start()
    const ids = [await master.finish(1), await master.finish(2), await master.finish(3)]

    await master.sweep()
    await master.journal.del(`local/row/${ids[0]}`)
    await master.journal.put(`local/row/${ids[1]}`, Buffer.from('{"of": "another version"}'))
    await master.stop()

    master = await Master.start()
    expect(ids.every(id => master.archive.has(id))).toBe(true)
    expect(master.state.jobs.size).toBe(0)

    await master.complete
    expect(master.archive.missing).toBe(0)
    expect(master.latest()).toEqual([...ids].reverse())
    expect(await master.row(ids[0]!)).toMatchObject({ id: ids[0], failed: 1 })
    await master.stop()

    master = await Master.start()
    expect(master.archive.missing).toBe(0)
  })

  it('are gone with their tombstone, here and at the next start', async () => {
    let master = await Master.start()
    const ids = [await master.finish(1), await master.finish(2)]

    await master.sweep()
    await master.jobs.bury([ids[0]!], 9)
    expect(master.latest()).toEqual([ids[1]])
    expect(await master.archive.entry(ids[0]!)).toBeUndefined()
    await master.stop()

    master = await Master.start()
    expect(master.latest()).toEqual([ids[1]])
    expect(await master.row(ids[0]!)).toBeUndefined()
  })

  it('stay in memory while it is not said everywhere that they are over', async () => {
    const master = await Master.start()
    const id = await master.finish(1)

    master.state.jobs.get(id)!.endSaid = false
    await master.sweep()
    expect(master.state.jobs.has(id)).toBe(true)
  })

  it('that come back with a late record leave again, with what is so by then', async () => {
    const master = await Master.start()
    const id = await master.finish(1)
    const better = executionResult({ key: { job: id, task: 'any', worker: WORKER.peerId, attempt: 1 }, outcome: 'done', samples: [sample({})] })

    await master.sweep()
    await master.jobs.addResult(better)
    master.dispatch(restoreEvent((await master.jobs.get(id))!, await master.jobs.results(id)))
    expect(master.latest()).toEqual([id])
    await master.sweep()
    expect(master.state.jobs.size).toBe(0)
    expect(master.latest()).toEqual([id])
    expect(jobView((await master.archive.entry(id))!).tasks[0]?.duplicates).toHaveLength(1)
  })
})
