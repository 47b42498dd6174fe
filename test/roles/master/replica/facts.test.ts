import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { buriedBy, conflictOf, isFact, jobOf, keysOfJob, merge } from '../../../../src/roles/master/replica/facts.ts'

const ID = '01ARZ3NDEKTSV4RRFFQ69G5FAV'
const EXECUTION = `${ID}/any/12D3worker/0`

function bytes (value: unknown): Uint8Array {
  return Buffer.from(typeof value === 'string' ? value : JSON.stringify(value))
}

function text (value: Uint8Array | undefined): string | undefined {
  return value == null ? undefined : Buffer.from(value).toString()
}

/** What is there after `theirs` has come. */
function join (key: string, mine: Uint8Array | undefined, theirs: Uint8Array): Uint8Array {
  return merge(key, mine, theirs) ?? mine ?? theirs
}

const time = fc.integer({ min: 0, max: 3 })
const junk = fc.oneof(fc.constantFrom('', '{', 'null', '[]', '7', '{"atMs":"x"}', '{"targets":1}', '{"targets":[null,{}]}', '{"__proto__":{"a":1}}', '{ "atMs" : 1 }').map(bytes), fc.uint8Array({ maxLength: 2 }))
const target = fc.record({ task: fc.constantFrom('any', 'a', 'b'), worker: fc.constantFrom('w1', 'w2') }, { requiredKeys: ['task'] })

/** Few different values, so that they often agree or tie. */
const VERSIONS: Record<string, fc.Arbitrary<Uint8Array>> = {
  [`job/${ID}`]: fc.uint8Array({ maxLength: 2, max: 2 }),
  [`accepted/${ID}`]: fc.oneof(junk, fc.record({ acceptedAtMs: time, targets: fc.array(target, { maxLength: 3 }), later: fc.constantFrom(1, 2) }, { requiredKeys: ['acceptedAtMs', 'targets'] }).map(bytes)),
  [`assign/${EXECUTION}`]: fc.constant(bytes('')),
  [`cancel/${ID}`]: fc.constant(bytes('')),
  [`result/${EXECUTION}`]: fc.uint8Array({ maxLength: 2, max: 2 }),
  [`end/${ID}`]: fc.oneof(junk, fc.record({ atMs: time }).map(bytes)),
  'drain/12D3worker': fc.oneof(junk, fc.record({ drain: fc.boolean(), atMs: time, by: fc.constantFrom('m1', 'm2') }).map(bytes)),
  'revoked/12D3worker': fc.constant(bytes('')),
  'token/abc': fc.oneof(junk, fc.record({ id: fc.constant('abc'), usesLeft: time, revoked: fc.boolean(), name: fc.constantFrom('x', 'y') }, { requiredKeys: ['id', 'revoked'] }).map(bytes)),
  'member/12D3worker': fc.oneof(junk, fc.record({ name: fc.constantFrom('x', 'y'), joinedAt: time, atMs: time }, { requiredKeys: ['name', 'joinedAt'] }).map(bytes)),
  'master/12D3master': fc.oneof(junk, fc.record({ name: fc.constantFrom('x', 'y'), atMs: time, removed: fc.boolean() }, { requiredKeys: ['name', 'atMs'] }).map(bytes)),
  [`tombstone/${ID}`]: fc.oneof(junk, fc.record({ atMs: time }).map(bytes)),
  'future/thing': fc.uint8Array({ maxLength: 2, max: 2 })
}

describe('two versions of one fact', () => {
  describe.each(Object.entries(VERSIONS))('%s', (key, version) => {
    it('become the same in either order', () => {
      fc.assert(fc.property(version, version, (a, b) => {
        expect(text(join(key, a, b))).toBe(text(join(key, b, a)))
      }), { numRuns: 300 })
    })

    it('become the same however they are grouped', () => {
      fc.assert(fc.property(version, version, version, (a, b, c) => {
        expect(text(join(key, join(key, a, b), c))).toBe(text(join(key, a, join(key, b, c))))
      }), { numRuns: 300 })
    })

    it('change nothing the second time', () => {
      fc.assert(fc.property(version, version, (a, b) => {
        const joined = join(key, a, b)

        expect(merge(key, a, a)).toBeUndefined()
        expect(merge(key, joined, a)).toBeUndefined()
        expect(merge(key, joined, b)).toBeUndefined()
      }), { numRuns: 300 })
    })

    it('are taken as they are where there was none', () => {
      fc.assert(fc.property(version, a => { expect(merge(key, undefined, a)).toBe(a) }))
    })
  })

  it('lose nothing where both were promised: the other version is kept aside, the same one on both sides', () => {
    fc.assert(fc.property(fc.constantFrom(`job/${ID}`, `result/${EXECUTION}`), fc.uint8Array({ maxLength: 3 }), fc.uint8Array({ maxLength: 3 }), (key, a, b) => {
      const aside = conflictOf(key, a, b)

      expect(conflictOf(key, b, a)).toEqual(aside)

      if (Buffer.compare(a, b) === 0) {
        expect(aside).toBeUndefined()
      } else {
        expect([text(join(key, a, b)), text(aside?.value)].sort()).toEqual([text(a), text(b)].sort())
        expect(jobOf(aside!.key)).toBe(ID)
      }
    }))
  })

  it('keep the earliest acceptance with the targets of both', () => {
    const mine = bytes({ acceptedAtMs: 7, targets: [{ task: 'w1', worker: 'w1' }] })
    const theirs = bytes({ acceptedAtMs: 5, targets: [{ task: 'w2', worker: 'w2' }] })

    expect(JSON.parse(text(merge(`accepted/${ID}`, mine, theirs))!)).toEqual({ acceptedAtMs: 5, targets: [{ task: 'w1', worker: 'w1' }, { task: 'w2', worker: 'w2' }] })
  })

  it('count every use of a token and every revocation', () => {
    const mine = bytes({ id: 'abc', usesLeft: 0, revoked: false })
    const theirs = bytes({ id: 'abc', usesLeft: 1, revoked: true })

    expect(JSON.parse(text(merge('token/abc', mine, theirs))!)).toEqual({ id: 'abc', usesLeft: 0, revoked: true })
  })

  it('let the later drain count, and of two at one instant the same everywhere', () => {
    const on = bytes({ drain: true, atMs: 5, by: 'm1' })
    const off = bytes({ drain: false, atMs: 5, by: 'm2' })

    expect(merge('drain/w', on, off)).toBe(off)
    expect(merge('drain/w', off, on)).toBeUndefined()
    expect(merge('drain/w', off, bytes({ drain: true, atMs: 6, by: 'm1' }))).toBeDefined()
  })

  it('take a member without atMs by when it joined', () => {
    expect(merge('member/w', bytes({ name: 'old', joinedAt: 5 }), bytes({ name: 'new', joinedAt: 1, atMs: 6 }))).toBeDefined()
    expect(merge('member/w', bytes({ name: 'old', joinedAt: 5 }), bytes({ name: 'new', joinedAt: 1, atMs: 4 }))).toBeUndefined()
  })
})

describe('keys', () => {
  it('of this master alone are no facts', () => {
    expect(['term', 'local/x', 'log/a.b/000000000001', 'damaged/job/x', '!version'].filter(isFact)).toEqual([])
    expect([...Object.keys(VERSIONS), `conflict/${EXECUTION}/00`].filter(key => !isFact(key))).toEqual([])
  })

  it('name the job with which they go', () => {
    const about = [`job/${ID}`, `accepted/${ID}`, `assign/${EXECUTION}`, `result/${EXECUTION}`, `cancel/${ID}`, `end/${ID}`, `conflict/${EXECUTION}/00`, `conflict/job/${ID}/00`]
    const { keys, prefixes } = keysOfJob(ID)

    expect(about.map(jobOf)).toEqual(about.map(() => ID))
    expect(about.filter(key => !keys.includes(key) && !prefixes.some(prefix => key.startsWith(prefix)))).toEqual([])
    expect(['token/abc', 'drain/w', 'member/w', `tombstone/${ID}`].map(jobOf)).toEqual([undefined, undefined, undefined, undefined])
    expect([buriedBy(`tombstone/${ID}`), buriedBy(`job/${ID}`)]).toEqual([ID, undefined])
  })
})
