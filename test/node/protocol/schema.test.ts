import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { codec } from '../../../src/node/protocol/schema/codec.ts'
import { field, list, map, message, optional, packed } from '../../../src/node/protocol/schema/message.ts'
import { bool, bytes, double, int, oneOf, text, uint } from '../../../src/node/protocol/schema/scalars.ts'
import type { Field } from '../../../src/node/protocol/schema/message.ts'

/** What one side writes by its bounds, read by the other side's narrower ones. */
function told<A, B> (wide: Field<A>, narrow: Field<B>, value: A): () => B {
  const sender = codec('wide', message<{ value: A }>('Message', { value: wide }))
  const receiver = codec('narrow', message<{ value: B }>('Message', { value: narrow }))

  return () => receiver.decode(sender.encode({ value })).value
}

describe('a reader believes nothing beyond its own bounds', () => {
  it.each<[string, () => unknown, RegExp]>([
    ['a number that is too large', told(field(1, uint()), field(1, uint({ max: 5 })), 6), /^narrow: value is 6, and 0 to 5 is allowed/],
    ['a number that is too small', told(field(1, uint()), field(1, uint({ min: 2 })), 1), /value is 1/],
    ['bytes that are too many', told(field(1, bytes({ max: 10 })), field(1, bytes({ max: 2 })), new Uint8Array(3)), /value has 3 bytes, and 2 are allowed/],
    ['bytes that are too few', told(field(1, bytes({ max: 10 })), field(1, bytes({ max: 10, min: 4 })), new Uint8Array(3)), /4 are the least/],
    ['text that is too long', told(field(1, text({ max: 10 })), field(1, text({ max: 2 })), 'abc'), /value has 3 bytes/],
    ['text that is not UTF-8', told(field(1, bytes({ max: 10 })), field(1, text({ max: 10 })), Uint8Array.of(0xc3, 0x28)), /value is not UTF-8/],
    ['text with a NUL', told(field(1, text({ max: 10 })), field(1, text({ max: 10 })), 'a\0'), /value holds a NUL/],
    ['a word that it does not know', told(field(1, oneOf('Word', ['a', 'b', 'c'])), field(1, oneOf('Word', ['a', 'b'])), 'c'), /value is none of a, b/],
    ['a number that is not finite', told(field(1, double), field(1, double), Infinity), /value is not a finite number/],
    ['a list that is too long', told(list(1, uint(), 10), list(1, uint(), 2), [1, 2, 3]), /value has more than 2 entries/],
    ['packed numbers that are too many', told(packed(1, uint(), 10), packed(1, uint(), 2), [1, 2, 3]), /value has more than 2 entries/],
    ['a map that is too large', told(map(1, text({ max: 9 }), text({ max: 9 }), 9), map(1, text({ max: 9 }), text({ max: 9 }), 1), { a: '', b: '' }), /value has more than 1 entries/],
    ['a field that is not there', told(optional(1, uint()), field(1, uint()), undefined), /^narrow: value is missing/]
  ])('refuses %s', (_title, read, error) => {
    expect(read).toThrowError(expect.objectContaining({ name: 'MeshmarkError', code: 'refused', message: expect.stringMatching(error) }))
  })

  it('takes a map entry whose empty key or value another writer has left out', () => {
    const strings = codec('strings', message<{ value: Record<string, string> }>('Strings', { value: map(1, text({ max: 9 }), text({ max: 9 }), 9) }))

    // field 1, an entry of 3 bytes: key (field 1) "a", no value
    expect(strings.decode(Uint8Array.of(0x0a, 3, 0x0a, 1, 0x61))).toEqual({ value: { a: '' } })
  })

  it('passes over fields that it does not know', () => {
    const newer = codec('newer', message<{ a: number, b: string, c: boolean }>('Message', { a: field(1, uint()), b: field(2, text({ max: 9 })), c: field(9, bool) }))
    const older = codec('older', message<{ a: number }>('Message', { a: field(1, uint()) }))

    expect(older.decode(newer.encode({ a: 5, b: 'new', c: true }))).toEqual({ a: 5 })
  })

  it('keeps whole numbers exact, negative ones too', () => {
    const numbers = codec('numbers', message<{ value: number }>('Numbers', { value: field(1, int) }))

    fc.assert(fc.property(fc.maxSafeInteger(), value => {
      expect(numbers.decode(numbers.encode({ value })).value).toBe(value === 0 ? 0 : value)
    }))
  })

  it('cannot be made to set what is not a field', () => {
    const strings = codec('strings', message<{ value: Record<string, string> }>('Strings', { value: map(1, text({ max: 20 }), text({ max: 20 }), 9) }))
    const { value } = strings.decode(strings.encode({ value: JSON.parse('{"__proto__":"x"}') }))

    expect(Object.keys(value)).toEqual(['__proto__'])
    expect(({} as any).x).toBeUndefined()
  })
})
