import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { membersNamed, nameOfMember } from '../../../src/roles/master/admission-rules.ts'
import type { MemberRecord } from '../../../src/roles/master/admission-rules.ts'

function member (peerId: string, name: string, joinedAt: number): MemberRecord {
  return { peerId, name, joinedAt, atMs: joinedAt, roles: ['worker'] }
}

describe('the name of a member', () => {
  it('is what it wishes for, as long as nobody has it', () => {
    expect(nameOfMember([], 'p', 'lab')).toBe('lab')
    expect(nameOfMember([member('q', 'lab', 1)], 'p', 'lab')).toBe('lab-2')
  })

  it('stays, whatever it wishes for later', () => {
    expect(nameOfMember([member('p', 'lab', 1), member('q', 'other', 0)], 'p', 'other')).toBe('lab')
  })

  it('stays with the older one of two that masters have admitted apart', () => {
    const both = [member('p', 'lab', 2), member('q', 'lab', 1)]

    expect(nameOfMember(both, 'q', 'lab')).toBe('lab')
    expect(nameOfMember(both, 'p', 'lab')).toBe('lab-2')
  })

  it('is nobody else\'s once each has renewed, in whatever order', () => {
    const records = fc.uniqueArray(fc.record({ peerId: fc.string(), name: fc.constantFrom('a', 'b', 'a-2'), joinedAt: fc.nat(3) }), { selector: ({ peerId }) => peerId, maxLength: 8 })

    fc.assert(fc.property(records.chain(all => fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length }))), ([all, order]) => {
      const members = new Map(all.map(({ peerId, name, joinedAt }) => [peerId, member(peerId, name, joinedAt)]))

      for (const { peerId } of order) {
        members.set(peerId, { ...members.get(peerId)!, name: nameOfMember(members.values(), peerId, 'a') })
      }

      expect(new Set([...members.values()].map(({ name }) => name)).size).toBe(all.length)
    }))
  })
})

describe('members by name', () => {
  const members = [member('p', 'lab', 1), member('q', 'lab', 2), member('r', 'other', 3)]

  it('are all that have it, and by peer id the one', () => {
    expect(membersNamed(members, 'lab', new Set()).map(({ peerId }) => peerId)).toEqual(['p', 'q'])
    expect(membersNamed(members, 'q', new Set()).map(({ peerId }) => peerId)).toEqual(['q'])
  })

  it('are none of those that were put out', () => {
    expect(membersNamed(members, 'lab', new Set(['p'])).map(({ peerId }) => peerId)).toEqual(['q'])
  })
})
