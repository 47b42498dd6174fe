import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { latestDrain } from '../../../src/roles/worker/drain-word.ts'
import { mergeListed, presentMasters } from '../../../src/roles/worker/known-masters.ts'
import type { DrainWord } from '../../../src/roles/worker/drain-word.ts'
import type { KnownMasters } from '../../../src/roles/worker/known-masters.ts'
import type { ListedMaster } from '../../../src/node/protocol/register/messages.ts'

const word: fc.Arbitrary<DrainWord> = fc.record({ drain: fc.boolean(), atMs: fc.nat(5), by: fc.constantFrom('a', 'b') })

const listed: fc.Arbitrary<ListedMaster> = fc.record({
  peerId: fc.constantFrom('a', 'b', 'c'),
  name: fc.constantFrom('x', 'y'),
  addresses: fc.array(fc.constantFrom('1', '2'), { maxLength: 2 }),
  atMs: fc.nat(3),
  removed: fc.boolean()
})
const heard = fc.array(listed, { maxLength: 6 })

function after (lists: ListedMaster[][]): ListedMaster[] {
  return [...lists.reduce<KnownMasters>((known, list) => mergeListed(known, list), new Map()).values()].sort((a, b) => a.peerId < b.peerId ? -1 : 1)
}

describe('drains from several masters', () => {
  it('end the same in whatever order and however often they are heard', () => {
    fc.assert(fc.property(fc.array(word, { minLength: 1, maxLength: 8 }), fc.array(fc.nat(7), { maxLength: 8 }), (words, again) => {
      const last = (list: DrainWord[]): DrainWord | undefined => list.reduce<DrainWord | undefined>(latestDrain, undefined)
      const repeated = [...[...words].reverse(), ...again.map(index => words[index % words.length]!)]

      expect(last(repeated)).toEqual(last(words))
    }))
  })

  it('are not undone by a master that repeats an earlier word', () => {
    const drained = latestDrain({ drain: false, atMs: 10, by: 'a' }, { drain: true, atMs: 20, by: 'b' })

    expect(latestDrain(drained, { drain: false, atMs: 10, by: 'a' })).toBe(drained)
    expect(latestDrain(drained, { drain: false, atMs: 21, by: 'a' }).drain).toBe(false)
  })
})

describe('the masters that a worker knows', () => {
  it('are the same in whatever order and however often their lists are heard', () => {
    fc.assert(fc.property(fc.array(heard, { maxLength: 5 }), lists => {
      expect(after([...[...lists].reverse(), ...lists])).toEqual(after(lists))
    }))
  })

  it('are those of which the latest word says that they are masters', () => {
    fc.assert(fc.property(fc.array(heard, { maxLength: 5 }), lists => {
      const known = lists.reduce<KnownMasters>((all, list) => mergeListed(all, list), new Map())

      for (const { peerId, atMs } of presentMasters(known)) {
        const words = lists.flat().filter(entry => entry.peerId === peerId)

        expect(atMs).toBe(Math.max(...words.map(entry => entry.atMs)))
        expect(words.some(entry => entry.atMs === atMs && !entry.removed!)).toBe(true)
      }
    }))
  })

  it('do not come back through a master that has not heard of their removal', () => {
    const away = { peerId: 'b', name: 'b', addresses: ['1'], atMs: 5 }
    const known = mergeListed(new Map(), [away, { ...away, atMs: 6, removed: true }])

    expect(presentMasters(mergeListed(known, [away]))).toEqual([])
    expect(presentMasters(mergeListed(known, [{ ...away, atMs: 7 }]))).toHaveLength(1)
  })

  it('stay when one of them knows nothing of another', () => {
    const known = mergeListed(new Map(), [{ peerId: 'a', name: 'a', addresses: [], atMs: 1 }, { peerId: 'b', name: 'b', addresses: [], atMs: 1 }])

    expect(mergeListed(known, [{ peerId: 'a', name: 'a', addresses: [], atMs: 1 }])).toBe(known)
  })
})
