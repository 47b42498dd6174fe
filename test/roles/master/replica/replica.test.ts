import { cpSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { ClassicLevel } from 'classic-level'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { covers, Replica } from '../../../../src/roles/master/replica/replica.ts'
import { Journal } from '../../../../src/store/journal.ts'
import { startChild, useTemporaryDir } from '../../../store/child.ts'
import { useReplicas } from './opened.ts'
import type { Opened } from './opened.ts'
import type { Change, Entry, FactRecord, Vector } from '../../../../src/roles/master/replica/replica.ts'

const dir = useTemporaryDir()
const openReplica = useReplicas(dir)

async function reopen ({ journal }: Opened, name: string): Promise<Opened> {
  await journal.close()

  return openReplica(name)
}

function fact (key: string, value: unknown = ''): FactRecord {
  return { key, value: Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)) }
}

async function missing (from: Replica, vector: Vector, maxBytes?: number): Promise<Entry[]> {
  const entries: Entry[] = []

  for await (const page of from.missing(vector, maxBytes)) {
    entries.push(...page)
  }

  return entries
}

/** Every fact, as text. */
async function facts (replica: Replica): Promise<Record<string, string>> {
  const found: Record<string, string> = {}

  for await (const { key, value } of replica.iterate('')) {
    if (!/^(log|local)\//.test(key)) {
      found[key] = Buffer.from(value).toString()
    }
  }

  return found
}

async function exchange (a: Replica, b: Replica): Promise<void> {
  await b.take(await missing(a, b.vector()))
  await a.take(await missing(b, a.vector()))
}

describe('a replica', () => {
  it('has its facts and its vector again after a restart, under a new origin', async () => {
    const first = await openReplica('a')
    const position = await first.replica.write([fact('job/1', 'one'), fact('accepted/1', { acceptedAtMs: 1, targets: [] })])
    const second = await reopen(first, 'a')

    expect(position).toEqual({ origin: first.replica.origin, seq: 2 })
    expect(second.replica.origin).not.toBe(first.replica.origin)
    expect(second.replica.vector()).toEqual(new Map([[first.replica.origin, 2]]))
    expect(Object.keys(await facts(second.replica))).toEqual(['accepted/1', 'job/1'])
    expect(await second.replica.write([fact('cancel/1')])).toEqual({ origin: second.replica.origin, seq: 1 })
  })

  it('takes up the facts of a journal that had no log, once', async () => {
    const journal = await Journal.open(join(dir(), 'a'))

    await journal.batch(['job/1', 'accepted/1', 'result/1/any/w/0', 'term'].map(key => ({ type: 'put', key, value: Buffer.from('x') })))
    await journal.close()

    const first = await openReplica('a')
    const second = await reopen(first, 'a')

    expect(second.replica.vector()).toEqual(new Map([[first.replica.origin, 3]]))
    expect((await missing(second.replica, new Map())).map(({ key, value }) => [key, Buffer.from(value!).toString()])).toEqual([['accepted/1', 'x'], ['job/1', 'x'], ['result/1/any/w/0', 'x']])
  })

  it('does not log again what changes nothing, and says where it stands', async () => {
    const a = await openReplica('a')
    const b = await openReplica('b')
    const position = await a.replica.write([fact('job/1', 'one')])

    expect(await a.replica.write([fact('job/1', 'one')])).toEqual(position)
    expect(a.replica.vector()).toEqual(new Map([[a.replica.origin, 1]]))

    await b.replica.take(await missing(a.replica, b.replica.vector()))
    // known here only through the other's log: whoever has that has it
    expect(await b.replica.write([fact('job/1', 'one')])).toEqual(position)
    expect(b.replica.vector()).toEqual(a.replica.vector())
  })

  it('says all of it anew when it takes the logs of several to make up what is written', async () => {
    const a = await openReplica('a')
    const b = await openReplica('b')
    const c = await openReplica('c')

    await a.replica.write([fact('job/1', 'one')])
    await b.replica.take(await missing(a.replica, b.replica.vector()))

    const position = await b.replica.write([fact('job/1', 'one'), fact('accepted/1', { acceptedAtMs: 1, targets: [] })])

    expect(position.origin).toBe(b.replica.origin)
    // only what b says itself, up to that place
    await c.replica.take((await missing(b.replica, new Map())).filter(({ origin }) => origin === b.replica.origin))
    expect(covers(c.replica.vector(), position)).toBe(true)
    expect(Object.keys(await facts(c.replica))).toEqual(['accepted/1', 'job/1'])
  })

  it('refuses a gap and takes nothing of it', async () => {
    const a = await openReplica('a')
    const b = await openReplica('b')

    for (const id of [1, 2, 3]) {
      await a.replica.write([fact(`job/${id}`, 'x')])
    }

    const [one, two, three] = await missing(a.replica, new Map()) as [Entry, Entry, Entry]

    await expect(b.replica.take([one, three])).rejects.toThrow(`entry 3 of ${a.replica.origin} came after entry 1`)
    expect(await facts(b.replica)).toEqual({})
    await b.replica.take([one, two, two, one, three])
    expect(await facts(b.replica)).toEqual(await facts(a.replica))
  })

  it('believes nothing that is no fact, and nothing about its own log', async () => {
    const a = await openReplica('a')
    const origin = 'peer-x.01ARZ3NDEKTSV4RRFFQ69G5FAV'

    for (const key of ['term', 'log/x/1', 'local/x', 'damaged/job/1', '!version']) {
      await expect(a.replica.take([{ origin, seq: 1, ...fact(key) }])).rejects.toThrow('not a fact')
    }

    await expect(a.replica.take([{ origin: a.replica.origin, seq: 1, ...fact('job/1') }])).rejects.toThrow('another one uses its identity')
    await expect(a.replica.take([{ origin: 'a/b', seq: 1, ...fact('job/1') }])).rejects.toThrow('not a place in a log')
    await expect(a.replica.take([{ origin, seq: 0, ...fact('job/1') }])).rejects.toThrow('not a place in a log')
    expect(a.replica.vector()).toEqual(new Map())
  })

  it('lets nobody suffer for the gap of another who writes at the same time', async () => {
    const a = await openReplica('a')
    const origin = 'peer-x.01ARZ3NDEKTSV4RRFFQ69G5FAV'
    const results = await Promise.allSettled([
      a.replica.write([fact('job/1', 'x')]),
      a.replica.take([{ origin, seq: 2, ...fact('job/2') }]),
      a.replica.write([fact('job/3', 'x')])
    ])

    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    expect(Object.keys(await facts(a.replica))).toEqual(['job/1', 'job/3'])
    expect(await missing(a.replica, new Map())).toHaveLength(2)
  })

  it('gives every one of many concurrent writes its place, and merges those of one key', async () => {
    const first = await openReplica('a')
    const positions = await Promise.all(Array.from({ length: 200 }, async (_, i) => first.replica.write([fact(`job/${i}`, 'x'), fact('token/t', { usesLeft: i, revoked: i === 77 })])))
    const second = await reopen(first, 'a')
    const entries = await missing(second.replica, new Map())

    expect(JSON.parse(Buffer.from((await second.replica.get('token/t'))!).toString())).toEqual({ usesLeft: 0, revoked: true })

    for (const [i, { seq }] of positions.entries()) {
      expect(entries.some(entry => entry.key === `job/${i}` && entry.seq <= seq)).toBe(true)
    }
  })

  it('tells what changed, and whether another wrote it, when it can be read', async () => {
    const a = await openReplica('a')
    const b = await openReplica('b')
    const told: Array<[string, boolean, string]> = []
    const reads: Array<Promise<unknown>> = []
    const listener = (changes: Change[]): void => {
      for (const { key, elsewhere, value } of changes) {
        reads.push(b.journal.get(key).then(stored => { told.push([key, elsewhere, Buffer.from(stored!).equals(Buffer.from(value)) ? 'stored' : 'not stored']) }))
      }
    }
    const end = b.replica.onChange(listener)

    await a.replica.write([fact('job/1', 'x')])
    await b.replica.take(await missing(a.replica, new Map()))
    await b.replica.write([fact('cancel/1'), fact('job/1', 'x')])
    end()
    await b.replica.write([fact('cancel/2')])
    await Promise.all(reads)
    expect(told).toEqual([['job/1', true, 'stored'], ['cancel/1', false, 'stored']])
  })

  it('sends pages of about the size that is asked for', async () => {
    const a = await openReplica('a')
    const pages: number[] = []

    await a.replica.write([...'12345'].map(id => fact(`job/${id}`, 'x'.repeat(id === '3' ? 5_000 : 400))))

    for await (const page of a.replica.missing(new Map(), 1_200)) {
      pages.push(page.length)
    }

    expect(pages).toEqual([2, 1, 2])
  })
})

describe('a tombstone', () => {
  const ALL = [fact('job/1', 'x'), fact('accepted/1', { acceptedAtMs: 1, targets: [] }), fact('assign/1/any/w/0'), fact('result/1/any/w/0', 'b'), fact('result/1/any/w/0', 'a'), fact('cancel/1'), fact('end/1', { atMs: 5 })]
  const TOMBSTONE = fact('tombstone/1', { atMs: 9 })

  it('takes everything about its job away, here and where it is sent, and for ever', async () => {
    let a = await openReplica('a')
    const b = await openReplica('b')

    await a.replica.write([...ALL, fact('job/10', 'y'), fact('result/10/any/w/0', 'y')])
    expect(Object.keys(await facts(a.replica)).filter(key => key.startsWith('conflict/'))).toHaveLength(1)
    await b.replica.take(await missing(a.replica, new Map()))
    await b.replica.write([TOMBSTONE])
    await exchange(a.replica, b.replica)

    const left = ['job/10', 'result/10/any/w/0', 'tombstone/1']

    expect(Object.keys(await facts(a.replica))).toEqual(left)
    expect(Object.keys(await facts(b.replica))).toEqual(left)
    expect(a.replica.vector()).toEqual(b.replica.vector())

    await a.replica.write(ALL)
    expect(Object.keys(await facts(a.replica))).toEqual(left)
    a = await reopen(a, 'a')
    expect(a.replica.isBuried('1')).toBe(true)
    await a.replica.write(ALL)
    expect(Object.keys(await facts(a.replica))).toEqual(left)
  })

  it('stays the last word when it comes with or before what it is about', async () => {
    const a = await openReplica('a')
    const b = await openReplica('b')
    const c = await openReplica('c')

    await Promise.all([a.replica.write(ALL), a.replica.write([TOMBSTONE]), a.replica.write(ALL)])
    await b.replica.write([TOMBSTONE])
    await c.replica.write(ALL)
    await b.replica.take(await missing(c.replica, new Map()))
    await c.replica.take(await missing(b.replica, new Map()))
    expect(await Promise.all([a, b, c].map(async ({ replica }) => Object.keys(await facts(replica))))).toEqual([['tombstone/1'], ['tombstone/1'], ['tombstone/1']])
  })

  it('leaves a log that others can follow, also after a restart', async () => {
    let a = await openReplica('a')
    const b = await openReplica('b')
    const { origin } = a.replica

    await a.replica.write([fact('job/2', 'y')])
    await a.replica.write([TOMBSTONE])
    await b.replica.write(ALL)
    await a.replica.take(await missing(b.replica, new Map()))
    a = await reopen(a, 'a')
    expect(a.replica.vector().get(origin)).toBe(2)
    expect(a.replica.vector().get(b.replica.origin)).toBe(b.replica.vector().get(b.replica.origin))

    const c = await openReplica('c')

    await c.replica.take(await missing(a.replica, new Map()))
    expect(c.replica.vector()).toEqual(a.replica.vector())
    expect(await facts(c.replica)).toEqual(await facts(a.replica))
  })
})

describe('what goes wrong', () => {
  it('is healed by the others when records were damaged', async () => {
    let a = await openReplica('a')
    const b = await openReplica('b')

    await a.replica.write([fact('job/1', 'one'), fact('job/2', 'two')])
    await b.replica.take(await missing(a.replica, new Map()))
    await b.replica.write([fact('job/3', 'three')])
    await a.replica.take(await missing(b.replica, a.replica.vector()))
    await a.journal.close()
    await damage(join(dir(), 'a'), 'job/1')
    a = await openReplica('a')
    expect(a.problems.join()).toMatch(/1 record of the journal .* had to be set aside/)
    expect(Object.keys(await facts(a.replica))).toEqual(['job/2', 'job/3'])
    await exchange(a.replica, b.replica)
    expect(Object.keys(await facts(a.replica))).toEqual(['job/1', 'job/2', 'job/3'])
    expect(await facts(b.replica)).toEqual(await facts(a.replica))

    const again = await reopen(a, 'a')

    expect(again.problems).toEqual([])
  })

  it('gives back what a master has lost that comes from an old backup', async () => {
    let a = await openReplica('a')
    const b = await openReplica('b')

    await a.replica.write([fact('job/1', 'x')])
    await a.journal.close()
    cpSync(join(dir(), 'a'), join(dir(), 'backup'), { recursive: true })
    a = await openReplica('a')
    await a.replica.write([fact('job/2', 'x')])
    await exchange(a.replica, b.replica)
    await a.journal.close()

    const { replica: old } = await openReplica('backup', 'peer-a')

    await old.write([fact('job/3', 'x')])
    await exchange(old, b.replica)
    expect(Object.keys(await facts(old))).toEqual(['job/1', 'job/2', 'job/3'])
    expect(await facts(b.replica)).toEqual(await facts(old))
  })

  it.skipIf(process.getuid?.() !== 0)('is said when the disk is full; nothing is lost, and it goes on when there is room', async () => {
    const mount = join(dir(), 'disk')

    mkdirSync(mount)

    // in a mount namespace of its own: gone with the process
    const child = startChild("import { Journal } from './store/journal.ts'; import { Replica } from './roles/master/replica/replica.ts'; import { execFileSync } from 'node:child_process'; import { rmSync, statfsSync, writeFileSync } from 'node:fs'", `
      const [mount] = args
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=12m', 'tmpfs', mount])
      let journal = await Journal.open(mount + '/journal')
      let replica = await Replica.open(journal, { peerId: 'peer' })
      const fact = (key, value) => ({ key, value: Buffer.from(value) })
      await replica.write([fact('job/1', 'x')])
      const { bavail, bsize } = statfsSync(mount)
      writeFileSync(mount + '/ballast', new Uint8Array(bavail * bsize - 1024 * 1024 - 64 * 1024))
      const results = await Promise.allSettled([replica.write([fact('job/2', 'x'.repeat(400 * 1024))]), replica.write([fact('job/3', 'x')])])
      print(results.map(r => r.status === 'fulfilled' ? r.value.seq : r.reason.message).join(' '))
      rmSync(mount + '/ballast')
      print(String((await replica.write([fact('job/4', 'x')])).seq))
      const { origin } = replica
      await journal.close()
      journal = await Journal.open(mount + '/journal', { onDamage: (...d) => print('damage ' + d) })
      replica = await Replica.open(journal, { peerId: 'peer' })
      const keys = []
      for await (const page of replica.missing(new Map())) keys.push(...page.map(({ seq, key, value }) => seq + ' ' + key + ' ' + value.length))
      print(keys.join(', ') + ' ' + (await replica.get('job/2')))
      await journal.close()`, { args: [mount], wrapper: ['unshare', '-m', '--propagation', 'private'] })

    expect(await child.line()).toMatch(/the disk of .* is full: free some space there 2$/)
    expect(await child.line()).toBe('3')
    expect(await child.line()).toBe('1 job/1 1, 2 job/3 1, 3 job/4 1 undefined')
    expect(await child.exited).toBe(0)
  })
})

describe('replicas that exchange what the others lack', () => {
  const id = fc.constantFrom('1', '2', '3')
  const record = fc.oneof(
    fc.tuple(id, fc.constantFrom('a', 'b')).map(([job, value]) => fact(`job/${job}`, value)),
    fc.tuple(id, fc.integer({ min: 1, max: 3 }), fc.constantFrom('x', 'y')).map(([job, acceptedAtMs, task]) => fact(`accepted/${job}`, { acceptedAtMs, targets: [{ task }] })),
    fc.tuple(id, fc.constantFrom('a', 'b', 'c')).map(([job, value]) => fact(`result/${job}/any/w/0`, value)),
    id.map(job => fact(`cancel/${job}`)),
    fc.tuple(id, fc.integer({ min: 1, max: 3 })).map(([job, atMs]) => fact(`tombstone/${job}`, { atMs })),
    fc.tuple(fc.integer({ min: 0, max: 3 }), fc.boolean()).map(([usesLeft, revoked]) => fact('token/t', { usesLeft, revoked })),
    fc.tuple(fc.boolean(), fc.integer({ min: 0, max: 2 }), fc.constantFrom('m1', 'm2')).map(([drain, atMs, by]) => fact('drain/w', { drain, atMs, by }))
  )
  const who = fc.integer({ min: 0, max: 2 })
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('write' as const), who, records: fc.array(record, { minLength: 1, maxLength: 3 }) }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('pass' as const), who, from: who, most: fc.integer({ min: 1, max: 5 }) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('restart' as const), who }) }
  )

  it('end with the same facts, and whoever covers a place has what was written there', async () => {
    let run = 0

    await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 30 }), async steps => {
      const names = ['a', 'b', 'c'].map(name => `${name}${run}`)
      const all = await Promise.all(names.map(async name => openReplica(name)))
      const written: FactRecord[] = []

      run++

      for (const step of steps) {
        const { replica } = all[step.who]!

        if (step.kind === 'write') {
          written.push(...step.records)
          const position = await replica.write(step.records)
          const alone = await openReplica(`${names[0]}-covers-${written.length}`)

          // only that origin's log up to that place
          await alone.replica.take((await missing(replica, new Map())).filter(({ origin, seq }) => origin === position.origin && seq <= position.seq))
          await checkHolds(alone.replica, replica, step.records)
          await alone.journal.close()
        } else if (step.kind === 'pass') {
          const from = all[step.from]!.replica

          await replica.take((await missing(from, replica.vector())).slice(0, step.most))
        } else {
          all[step.who] = await reopen(all[step.who]!, names[step.who]!)
        }
      }

      // twice: what is kept aside of two versions is told in turn
      for (const [to, from] of [[0, 1], [0, 2], [1, 0], [2, 0], [0, 1], [0, 2], [1, 0], [2, 0]] as const) {
        await all[to]!.replica.take(await missing(all[from]!.replica, all[to]!.replica.vector()))
      }

      const ends = await Promise.all(all.map(async ({ replica }) => facts(replica)))

      expect(ends[1]).toEqual(ends[0])
      expect(ends[2]).toEqual(ends[0])
      expect(all[1]!.replica.vector()).toEqual(all[0]!.replica.vector())
      checkNothingLost(ends[0]!, written)
      await Promise.all(all.map(async ({ journal }) => journal.close()))
    }), { numRuns: 40 })
  }, 60_000)

  /** What is at the writer of these records now is also there. */
  async function checkHolds (there: Replica, writer: Replica, records: FactRecord[]): Promise<void> {
    for (const { key } of records) {
      const [left, right] = [await there.get(key), await writer.get(key)]

      expect([key, left == null ? undefined : Buffer.from(left).toString()]).toEqual([key, right == null ? undefined : Buffer.from(right).toString()])
    }
  }

  function checkNothingLost (end: Record<string, string>, written: FactRecord[]): void {
    for (const { key, value } of written.filter(({ key }) => /^(job|result)\//.test(key))) {
      const job = key.split('/')[1]!
      const text = Buffer.from(value).toString()
      const kept = [end[key], ...Object.keys(end).filter(other => other.startsWith(key.startsWith('job/') ? `conflict/${key}/` : `conflict/${key.slice('result/'.length)}/`)).map(other => end[other])]

      expect(end[`tombstone/${job}`] != null || kept.includes(text)).toBe(true)
    }
  }
})

/** Puts bytes under a key that do not match any checksum. */
async function damage (journal: string, key: string): Promise<void> {
  const level = new ClassicLevel<string, Buffer>(journal, { valueEncoding: 'buffer' })

  await level.put(key, Buffer.from('not what was written'))
  await level.close()
}
