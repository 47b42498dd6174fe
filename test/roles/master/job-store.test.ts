import { join } from 'node:path'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { afterEach, describe, expect, it } from 'vitest'
import { executionId } from '../../../src/model/ids.ts'
import { seal } from '../../../src/node/membership.ts'
import { encodeJob } from '../../../src/node/protocol/model/index.ts'
import { JOB_DOMAIN } from '../../../src/roles/job-seal.ts'
import { JobStore } from '../../../src/roles/master/job-store.ts'
import { covers, Replica } from '../../../src/roles/master/replica/replica.ts'
import { Journal } from '../../../src/store/journal.ts'
import { useTemporaryDir } from '../../store/child.ts'
import * as fixtures from './fixtures.ts'
import type { Job } from '../../../src/model/job.ts'
import type { ExecutionResult } from '../../../src/model/result.ts'
import type { StoredJob } from '../../../src/roles/master/job-store.ts'

const dir = useTemporaryDir()
let journal: Journal | undefined

afterEach(async () => { await journal?.close() })

async function openStore (): Promise<{ jobs: JobStore, journal: Journal, replica: Replica, lines: string[] }> {
  const lines: string[] = []

  await journal?.close()
  journal = await Journal.open(join(dir(), 'journal'))

  const replica = await Replica.open(journal, { peerId: 'peer' })

  return { journal, replica, lines, jobs: new JobStore({ replica, journal, log: line => { lines.push(line) } }) }
}

async function sealed (job: Job): Promise<Uint8Array> {
  return seal(await generateKeyPair('Ed25519'), JOB_DOMAIN, encodeJob(job))
}

async function all (jobs: JobStore): Promise<StoredJob[]> {
  const found: StoredJob[] = []

  for await (const job of jobs.all()) {
    found.push(job)
  }

  return found
}

function exampleJob (number: number): Job {
  return fixtures.exampleJob(number, { client: '12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA' })
}

const ACCEPTANCE = { acceptedAtMs: 5, targets: [{ task: 'any' }] }

describe('the store of jobs', () => {
  it('has again what was written, and says which place in the log covers it', async () => {
    let { jobs, replica } = await openStore()
    const job = exampleJob(1)
    const key = { job: job.id, task: 'any', worker: '12D3w', attempt: 0 }
    const bytes = await sealed(job)
    const positions = [
      await jobs.accept(job, bytes, ACCEPTANCE),
      await jobs.assign([executionId(key)]),
      await jobs.cancel(job.id),
      await jobs.end(job.id, 9)
    ]

    expect(positions.map(position => position.seq)).toEqual([2, 3, 4, 5])
    expect(positions.every(position => covers(replica.vector(), position))).toBe(true)
    ;({ jobs, replica } = await openStore())
    expect(await all(jobs)).toEqual([{ job, sealed: Buffer.from(bytes), ...ACCEPTANCE, finishedAtMs: 9, cancelled: true, assigned: [key] }])
    expect([await jobs.isAssigned(executionId(key)), await jobs.isAssigned(executionId({ ...key, attempt: 1 }))]).toEqual([true, false])
  })

  it('names a record that cannot be read, once, and gives all the others', async () => {
    const { jobs, journal, lines } = await openStore()
    const good = exampleJob(1)
    const bytes = await sealed(good)

    await jobs.accept(good, bytes, ACCEPTANCE)

    for (const [number, wrong] of [[2, 'job'], [3, 'accepted'], [4, 'assign'], [5, 'result'], [6, 'end']] as const) {
      const job = exampleJob(number)

      await jobs.accept(job, await sealed(job), ACCEPTANCE)
      await journal.put(wrong === 'assign' ? `assign/${job.id}/any` : wrong === 'result' ? `result/${job.id}/any/12D3w/0` : `${wrong}/${job.id}`, Buffer.from('not what it should be'))
    }

    // somebody else's job under this id
    await jobs.accept(exampleJob(7), bytes, ACCEPTANCE)

    for (let time = 0; time < 2; time++) {
      expect((await all(jobs)).map(({ job }) => job.id)).toEqual([1, 4, 5, 6].map(number => exampleJob(number).id))
      expect(await jobs.results(exampleJob(5).id)).toEqual([])
    }

    expect(lines.map(line => /^record (\w+)\/\S+ in .* cannot be read and is left out: ./.exec(line)?.[1]).sort()).toEqual(['accepted', 'assign', 'end', 'job', 'job', 'result'])
  })

  it('takes up the journal of a master that knew no others', async () => {
    const job = exampleJob(1)
    const bytes = await sealed(job)

    journal = await Journal.open(join(dir(), 'journal'))
    await journal.batch([
      { type: 'put', key: `job/${job.id}`, value: bytes },
      { type: 'put', key: `accepted/${job.id}`, value: Buffer.from(JSON.stringify(ACCEPTANCE)) },
      { type: 'put', key: `cancel/${job.id}`, value: new Uint8Array(0) }
    ])

    const { jobs, replica } = await openStore()
    const entries: string[] = []

    for await (const page of replica.missing(new Map())) {
      entries.push(...page.map(({ key }) => key))
    }

    expect((await all(jobs)).map(({ job, cancelled }) => [job.id, cancelled])).toEqual([[job.id, true]])
    expect(entries.sort()).toEqual([`accepted/${job.id}`, `cancel/${job.id}`, `job/${job.id}`])
  })

  it('knows a job whose acceptance is missing from one that was accepted', async () => {
    const { jobs, replica } = await openStore()
    const [half, whole] = [exampleJob(1), exampleJob(2)]

    await replica.write([{ key: `job/${half.id}`, value: await sealed(half) }])
    await jobs.accept(whole, await sealed(whole), ACCEPTANCE)
    expect(await Promise.all([half, whole].map(async job => jobs.isAccepted(job.id)))).toEqual([false, true])
    // its job and its acceptance, however far the log went since
    await jobs.cancel(half.id)
    expect(await jobs.locate(whole.id)).toEqual({ origin: replica.origin, seq: 3 })
  })

  it('keeps the different records of one execution, but not any number of them', async () => {
    const { jobs } = await openStore()
    const job = exampleJob(1)
    const key = { job: job.id, task: 'any', worker: '12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA', attempt: 0 }
    const record = (startedAt: number): ExecutionResult => ({ key, outcome: 'done', commands: [], startedAt, finishedAt: startedAt, waitedMs: 0 })

    await jobs.accept(job, await sealed(job), ACCEPTANCE)

    for (const startedAt of [1, 2, 3, 4, 5]) {
      await jobs.addResult(record(startedAt))
    }

    await expect(jobs.addResult(record(6))).rejects.toMatchObject({ code: 'refused' })
    // what is here already may come again
    await jobs.addResult(record(1))
    await jobs.addResult(record(5))
    expect([(await jobs.results(job.id)).length, (await jobs.conflicting(job.id)).length]).toEqual([1, 4])
    expect([...await jobs.results(job.id), ...await jobs.conflicting(job.id)].map(({ startedAt }) => startedAt).sort()).toEqual([1, 2, 3, 4, 5])
  })
})
