import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Outbox } from '../../../src/roles/worker/outbox.ts'
import { Journal } from '../../../src/store/journal.ts'
import type { ExecutionResult } from '../../../src/model/result.ts'

const JOB = '01JD0000000000000000000000'
const WORKER = '12D3KooWGRUfZ1Hj7xJ8n5KYyAyyPX9cVxUaSs3dVHkzKZ8qGVz1'
const WORD = { master: WORKER, proof: Buffer.from([0, 200, 255]) }
const DAY_MS = 24 * 60 * 60 * 1000

let dir: string
let journal: Journal
let outbox: Outbox
let lines: string[]

function execution (task: string): string {
  return `${JOB}/${task}/${WORKER}/1`
}

function result (task: string): ExecutionResult {
  return { key: { job: JOB, task, worker: WORKER, attempt: 1 }, outcome: 'not-run', reason: 'a test', commands: [], startedAt: 1, finishedAt: 2, waitedMs: 0 }
}

async function reopen (): Promise<void> {
  await journal.close()
  journal = await Journal.open(join(dir, 'journal'))
  outbox = new Outbox(journal, line => { lines.push(line) })
}

beforeEach(async () => {
  lines = []
  dir = await mkdtemp(join(tmpdir(), 'meshmark-outbox-'))
  journal = await Journal.open(join(dir, 'journal'))
  outbox = new Outbox(journal, line => { lines.push(line) })
})

afterEach(async () => {
  await journal.close()
  await rm(dir, { recursive: true, force: true })
})

describe('the journal of a worker', () => {
  it('knows after a restart which master has confirmed which result, and how long it has been kept', async () => {
    await outbox.saveStarts([execution('1')])
    await outbox.saveResult(result('1'))
    await outbox.saveStarts([execution('11')])
    await outbox.saveResult(result('11'))
    await outbox.saveConfirmed(execution('1'), 'master-a')
    await outbox.saveConfirmed(execution('1'), 'master-b')
    await outbox.dropConfirmed(execution('1'), 'master-b')
    await outbox.saveAge(execution('1'), 5_000)
    await reopen()

    expect(await outbox.undelivered(execution('1'))).toMatchObject({ result: result('1'), confirmed: new Set(['master-a']), ageMs: 5_000 })
    expect(await outbox.undelivered(execution('11'))).toMatchObject({ confirmed: new Set(), ageMs: 0 })
  })

  it('keeps of what is delivered only that it ran, and nothing a hundred days later', async () => {
    await outbox.saveStarts([execution('1')])
    await outbox.saveResult(result('1'))
    await outbox.saveConfirmed(execution('1'), 'master-a')
    await outbox.saveCancel(JOB, WORD)
    await outbox.forget(execution('1'), Date.now(), ['master-a'], true)
    await outbox.prune(Date.now() + 99 * DAY_MS)
    await reopen()

    expect(await outbox.unconfirmed()).toEqual([])
    expect(await outbox.recover()).toEqual([[execution('1'), 'finished']])
    expect(await outbox.cancelledJobs()).toEqual([[JOB, WORD]])

    await outbox.prune(Date.now() + 101 * DAY_MS)
    await reopen()

    expect(await outbox.recover()).toEqual([])
    expect(await outbox.cancelledJobs()).toEqual([])

    const left: string[] = []

    for await (const { key } of journal.iterate('')) {
      left.push(key)
    }

    expect(left).toEqual([])
  })

  it('knows of a cancel of an earlier version all but who said it', async () => {
    await journal.put(`cancelled/${JOB}`, Buffer.from('{"atMs":1}'))
    await reopen()

    expect(await outbox.cancelledJobs()).toEqual([[JOB, {}]])
  })

  it('keeps little output beside its record, and forgets it with it', async () => {
    const output = { stdout: Buffer.from('hello\n'), stderr: Buffer.from('') }
    await outbox.saveStarts([execution('1'), execution('2')])
    await outbox.saveResult(result('1'), output)
    await outbox.saveResult(result('2'))
    await reopen()

    const kept = await outbox.undelivered(execution('1'))
    expect(Buffer.from(kept!.output!.stdout).toString()).toBe('hello\n')
    expect(kept!.output!.stderr.byteLength).toBe(0)
    expect((await outbox.undelivered(execution('2')))!.output).toBeUndefined()

    await outbox.forget(execution('1'), Date.now(), [], false)
    expect(await journal.get(`output/${execution('1')}`)).toBeUndefined()
  })

  it('never prunes what has not been delivered', async () => {
    await outbox.saveStarts([execution('1')])
    await outbox.saveResult(result('1'))
    await outbox.prune(Date.now() + 1_000 * DAY_MS)

    expect(await outbox.undelivered(execution('1'))).toBeDefined()
    expect(await outbox.recover()).toEqual([[execution('1'), 'finished']])
  })

  it('gives marks of earlier versions, which say no time, their hundred days from now on', async () => {
    const nowMs = Date.now()
    await outbox.saveStarts([execution('1')])
    await journal.put(`delivered/${execution('1')}`, new Uint8Array(0))
    await outbox.prune(nowMs)
    await outbox.prune(nowMs + 99 * DAY_MS)
    expect(await outbox.recover()).toHaveLength(1)

    await outbox.prune(nowMs + 101 * DAY_MS)
    expect(await outbox.recover()).toHaveLength(0)
  })

  it('puts a record in the place of one that it cannot read, and keeps what was there', async () => {
    await outbox.saveStarts([execution('1')])
    await journal.put(`result/${execution('1')}`, Buffer.from([0xff, 0xff, 0xff]))
    const kept = await outbox.undelivered(execution('1'))

    expect(kept?.result).toMatchObject({ outcome: 'interrupted', reason: expect.stringMatching(/^it ran, but the worker cannot read its record of it/) })
    expect(lines).toEqual([expect.stringMatching(/cannot be read and is set aside/)])
    expect(Buffer.from((await journal.get(`unreadable/${execution('1')}`))!).toString('hex')).toBe('ffffff')
    expect((await outbox.undelivered(execution('1')))?.result).toMatchObject({ outcome: 'interrupted' })
  })

  it('starts with whatever else cannot be read', async () => {
    for (const key of ['claim', 'drain', 'masters', `start/${execution('1')}`]) {
      await journal.put(key, Buffer.from('{'))
    }

    expect(await outbox.loadClaim()).toBeUndefined()
    expect(await outbox.loadDrain()).toBeUndefined()
    expect(await outbox.loadMasters()).toEqual([])
    expect(await outbox.recover()).toEqual([[execution('1'), 'finished']])
    expect((await outbox.undelivered(execution('1')))?.result.outcome).toBe('interrupted')
  })
})
