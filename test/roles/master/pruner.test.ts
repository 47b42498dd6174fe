import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { executionId } from '../../../src/model/ids.ts'
import { JobStore } from '../../../src/roles/master/job-store.ts'
import { Outputs } from '../../../src/roles/master/outputs.ts'
import { Pruner } from '../../../src/roles/master/pruner.ts'
import { Replica } from '../../../src/roles/master/replica/replica.ts'
import { TOMBSTONE_MS } from '../../../src/roles/master/retention.ts'
import { Journal } from '../../../src/store/journal.ts'
import { useTemporaryDir } from '../../store/child.ts'
import { exampleJob } from './fixtures.ts'
import type { JobEntry } from '../../../src/roles/master/coordinator/state.ts'
import type { Retention } from '../../../src/roles/master/retention.ts'

const DAY_MS = 24 * 60 * 60 * 1000
// a pruner looks at the clock itself
const NOW = Date.now()
const dir = useTemporaryDir()
const ends: Array<() => Promise<void>> = []

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) {
    await end()
  }
})

class Master {
  readonly known = new Map<string, JobEntry>()
  readonly lines: string[] = []
  reigns = true
  lists = false

  private constructor (readonly replica: Replica, readonly jobs: JobStore, readonly outputs: Outputs, readonly folder: string, readonly journal: Journal) {}

  static async open (name: string): Promise<Master> {
    const folder = join(dir(), name)
    const journal = await Journal.open(join(folder, 'journal'))
    const replica = await Replica.open(journal, { peerId: `peer-${name}` })
    const outputs = await Outputs.open(join(folder, 'outputs'))

    ends.push(async () => journal.close(), async () => outputs.close())

    return new Master(replica, new JobStore({ replica, journal, log: () => {} }), outputs, folder, journal)
  }

  pruner (retention: Retention = {}): Pruner {
    const pruner = new Pruner({
      replica: this.replica,
      jobs: this.jobs,
      outputs: this.outputs,
      files: { bytesOf: async () => 0, removeOf: async () => {} },
      retention,
      known: () => [...this.known.values()].map(({ job: { id }, finishedAtMs }) => ({ id, finishedAtMs })),
      isListing: () => this.lists,
      isCoordinator: () => this.reigns,
      onPruned: job => { this.known.delete(job) },
      log: line => { this.lines.push(line) }
    })

    ends.push(async () => pruner.stop())

    return pruner
  }

  /** With so much output; finished so many days ago, or not at all. */
  async addJob (number: number, outputBytes: number, agedDays?: number): Promise<string> {
    const job = exampleJob(number)
    const execution = executionId({ job: job.id, task: 'any', worker: '12D3w', attempt: 0 })

    await this.jobs.accept(job, Buffer.from(`sealed ${number}`), { acceptedAtMs: 0, targets: [{ task: 'any' }] })
    await this.jobs.assign([execution])
    await this.addOutput(job.id, outputBytes)
    this.known.set(job.id, { job, acceptedAtMs: 0, cancelled: false, tasks: new Map(), open: 0, queued: 0, finishedAtMs: agedDays == null ? undefined : NOW - agedDays * DAY_MS })

    return job.id
  }

  async addOutput (job: string, bytes: number): Promise<void> {
    await (await this.outputs.of(executionId({ job, task: 'any', worker: '12D3w', attempt: 0 }))).append('stdout', new Uint8Array(bytes))
  }

  /** Jobs that still have records, and those that still have output. */
  async left (): Promise<{ records: string[], outputs: string[] }> {
    const records = new Set<string>()

    for (const kind of ['job', 'accepted', 'assign']) {
      for await (const { key } of this.replica.iterate(`${kind}/`)) {
        records.add(key.split('/')[1]!)
      }
    }

    return { records: [...records].sort(), outputs: [...new Set(readdirSync(join(this.folder, 'outputs')).map(name => name.split(',')[0]!))].sort() }
  }
}

describe('pruning', () => {
  it('removes records and outputs of what has been finished for long, and nothing else', async () => {
    const master = await Master.open('a')
    await master.addJob(1, 10, 31)
    const young = await master.addJob(2, 10, 29)
    const unfinished = await master.addJob(3, 10)
    const pruner = master.pruner({ ageMs: 30 * DAY_MS })

    pruner.start()
    await pruner.pruneNow()
    await pruner.stop()
    expect(await master.left()).toEqual({ records: [young, unfinished], outputs: [young, unfinished] })
    expect([...master.known.keys()]).toEqual([young, unfinished])
    expect(master.lines.join()).toMatch(/^removed job .*, finished and no longer to be kept$/)
    await expect(master.jobs.accept(exampleJob(1), Buffer.from('sealed 1'), { acceptedAtMs: 0, targets: [] })).rejects.toMatchObject({ code: 'conflict' })
  })

  it('waits until every finished job is listed', async () => {
    const master = await Master.open('a')
    const old = await master.addJob(1, 10, 31)
    const pruner = master.pruner({ ageMs: 30 * DAY_MS })

    master.lists = true
    pruner.start()
    await pruner.pruneNow()
    expect(await master.left()).toEqual({ records: [old], outputs: [old] })
    master.lists = false
    await pruner.pruneNow()
    await pruner.stop()
    expect(await master.left()).toEqual({ records: [], outputs: [] })
  })

  it('removes the oldest finished ones until the rest fits, however large an unfinished one is', async () => {
    const master = await Master.open('a')
    const unfinished = await master.addJob(1, 100_000)
    await master.addJob(2, 600, 3)
    const young = await master.addJob(3, 600, 1)
    const pruner = master.pruner({ bytes: 1_000 })

    pruner.start()
    await pruner.pruneNow()
    await pruner.stop()
    expect(await master.left()).toEqual({ records: [unfinished, young], outputs: [unfinished, young] })
  })

  it('is left to the coordinator, and done by all', async () => {
    const coordinator = await Master.open('a')
    const standby = await Master.open('b')
    const id = await coordinator.addJob(1, 10, 31)

    coordinator.reigns = false
    standby.reigns = false
    standby.known.set(id, coordinator.known.get(id)!)
    await standby.addOutput(id, 10)

    const pruners = [coordinator, standby].map(master => master.pruner({ ageMs: DAY_MS }))
    const pass = async (): Promise<void> => {
      for await (const page of coordinator.replica.missing(standby.replica.vector())) {
        await standby.replica.take(page)
      }
    }

    pruners.forEach(pruner => { pruner.start() })
    await pass()
    await pruners[1]!.pruneNow()
    expect(await standby.left()).toEqual({ records: [id], outputs: [id] })
    coordinator.reigns = true
    await pruners[0]!.pruneNow()
    await pass()
    await pruners[1]!.stop()
    expect(await standby.left()).toEqual({ records: [], outputs: [] })
  })

  it('goes on after a stop between the tombstone and the outputs', async () => {
    const master = await Master.open('a')
    const id = await master.addJob(1, 10, 31)

    await master.jobs.bury([id], NOW)
    expect((await master.left()).outputs).toEqual([id])

    const pruner = master.pruner()

    pruner.start()
    await pruner.stop()
    expect(await master.left()).toEqual({ records: [], outputs: [] })
    expect(existsSync(join(master.folder, 'outputs'))).toBe(true)
  })

  it('keeps tombstones for 90 days', async () => {
    const master = await Master.open('a')
    const pruner = master.pruner()

    await master.jobs.bury(['1'], NOW)
    await pruner.prune(NOW + TOMBSTONE_MS)
    expect(master.replica.isBuried('1')).toBe(true)
    await pruner.prune(NOW + TOMBSTONE_MS + 1)
    expect(master.replica.isBuried('1')).toBe(false)
    expect(master.replica.graveyard.forgotten).toBe(NOW)
  })
})
