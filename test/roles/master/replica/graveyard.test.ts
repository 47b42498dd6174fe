import { describe, expect, it } from 'vitest'
import { useTemporaryDir } from '../../../store/child.ts'
import { useReplicas } from './opened.ts'
import type { Entry, Replica } from '../../../../src/roles/master/replica/replica.ts'

const dir = useTemporaryDir()
const openReplica = useReplicas(dir)

function fact (key: string, value: unknown = {}): { key: string, value: Uint8Array } {
  return { key, value: Buffer.from(JSON.stringify(value)) }
}

async function pass (from: Replica, to: Replica): Promise<void> {
  const entries: Entry[] = []

  for await (const page of from.missing(to.vector())) {
    entries.push(...page)
  }

  await to.take(entries)
}

/** As when one follows the other: what each has forgotten is said before anything else. */
async function meet (a: Replica, b: Replica): Promise<void> {
  await b.graveyard.meet(a.graveyard.forgotten)
  await a.graveyard.meet(b.graveyard.forgotten)
  await pass(a, b)
  await pass(b, a)
}

async function keys (replica: Replica): Promise<string[]> {
  const found: string[] = []

  for await (const { key } of replica.iterate('')) {
    if (!/^(log|local)\//.test(key)) {
      found.push(key)
    }
  }

  return found
}

describe('tombstones', () => {
  it('are removed when they are old, and it is remembered up to when', async () => {
    const a = await openReplica('a')

    await a.replica.write([fact('tombstone/1', { atMs: 100 }), fact('tombstone/2', { atMs: 200 }), fact('tombstone/3', { atMs: 300 }), fact('tombstone/x', 'what')])
    await a.replica.graveyard.forget(300)
    expect(await keys(a.replica)).toEqual(['tombstone/3', 'tombstone/x'])
    expect([a.replica.isBuried('1'), a.replica.isBuried('3')]).toEqual([false, true])
    expect(a.replica.graveyard.forgotten).toBe(200)
    await a.journal.close()
    expect((await openReplica('a')).replica.graveyard.forgotten).toBe(200)
  })
})

describe('a master that meets others again', () => {
  it('after less than the life of a tombstone takes and gives what is new', async () => {
    const a = await openReplica('a')
    const b = await openReplica('b')

    await a.replica.write([fact('job/1'), fact('job/2')])
    await meet(a.replica, b.replica)
    await a.replica.write([fact('tombstone/1', { atMs: 100 })])
    await b.replica.write([fact('job/3')])
    await meet(a.replica, b.replica)
    expect(await keys(b.replica)).toEqual(['job/2', 'job/3', 'tombstone/1'])
    expect(await keys(a.replica)).toEqual(await keys(b.replica))
  })

  it('after longer gives nothing, and begins empty at its next start', async () => {
    const a = await openReplica('a')
    let b = await openReplica('b')

    await a.replica.write([fact('job/1'), fact('job/2')])
    await meet(a.replica, b.replica)
    await a.replica.write([fact('tombstone/1', { atMs: 100 })])
    await a.replica.graveyard.forget(200)
    await b.replica.write([fact('master/a', { atMs: 3 }), fact('result/2/any/w/0'), fact('end/2', { atMs: 1 })])
    await b.journal.put('term', Buffer.from('7'))
    await expect(meet(a.replica, b.replica)).rejects.toThrow('this master was away since before 1970-01-01T00:00:00.100Z')
    expect(await b.replica.graveyard.outlived).toMatch('it begins without any when it is started again')
    expect(await keys(a.replica)).toEqual(['job/2'])

    await b.journal.close()
    b = await openReplica('b')
    expect(b.problems.join()).toMatch(/the jobs in .* were out of date and are gone/)
    expect(await keys(b.replica)).toEqual(['master/a', 'term'])
    await meet(a.replica, b.replica)
    expect(await keys(b.replica)).toEqual(['job/2', 'master/a', 'term'])
    expect(b.replica.vector()).toEqual(a.replica.vector())

    // and not once more
    await b.journal.close()
    b = await openReplica('b')
    await meet(a.replica, b.replica)
    expect(await keys(b.replica)).toEqual(['job/2', 'master/a', 'term'])
  })

  it('has nothing to lose when it is new', async () => {
    const a = await openReplica('a')
    const b = await openReplica('b')

    await a.replica.write([fact('job/1'), fact('job/2'), fact('tombstone/1', { atMs: 100 })])
    await a.replica.graveyard.forget(200)
    await b.replica.write([fact('member/b', { atMs: 5 })])
    await meet(a.replica, b.replica)
    await meet(a.replica, b.replica)
    expect(await keys(b.replica)).toEqual(['job/2', 'member/b'])
    expect(b.replica.graveyard.forgotten).toBe(100)
  })

  it('loses nothing when all of them were switched off for years', async () => {
    let a = await openReplica('a')
    let b = await openReplica('b')

    await a.replica.write([fact('job/1'), fact('job/2')])
    await meet(a.replica, b.replica)
    await a.replica.write([fact('tombstone/1', { atMs: 100 })])
    await meet(a.replica, b.replica)
    await Promise.all([a.journal.close(), b.journal.close()])
    a = await openReplica('a')
    b = await openReplica('b')
    await b.replica.write([fact('job/3')])
    await a.replica.graveyard.forget(1e12)
    await meet(a.replica, b.replica)
    await b.replica.graveyard.forget(1e12)
    await meet(a.replica, b.replica)
    expect(await keys(a.replica)).toEqual(['job/2', 'job/3'])
    expect(await keys(b.replica)).toEqual(['job/2', 'job/3'])
  })
})
