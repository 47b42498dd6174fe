import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodePosition, encodePosition } from '../../src/http/exchange/position.ts'

const JOB = '01ARZ3NDEKTSV4RRFFQ69G5FAV'
const offsets = fc.array(fc.record({
  execution: fc.integer({ min: 0, max: 99 }).map(attempt => `${JOB}/any/12D3KooW/${attempt}`),
  stream: fc.constantFrom('stdout' as const, 'stderr' as const),
  offset: fc.nat()
}), { maxLength: 20 })

describe('the position behind an event', () => {
  it('is read as it was written', () => {
    fc.assert(fc.property(offsets, fc.option(fc.uint8Array({ maxLength: 200 }), { nil: undefined }), (offsets, told) => {
      const position = told == null ? { offsets } : { offsets, told: new Uint8Array(told) }

      expect(decodePosition(encodePosition(position), JOB)).toEqual(position)
    }))
  })

  it('is small for many items that have ended', () => {
    expect(encodePosition({ offsets: [], told: new Uint8Array(12_500).fill(255) }).length).toBeLessThan(200)
  })

  it.each([
    ['of another job', encodePosition({ offsets: [{ execution: '01ARZ3NDEKTSV4RRFFQ69G5FAW/any/x/0', stream: 'stdout', offset: 1 }] })],
    ['that is none', 'nonsense'],
    ['that is negative', encodePosition({ offsets: [{ execution: `${JOB}/any/x/0`, stream: 'stdout', offset: -1 }] })]
  ])('is refused when it is one %s', (_, text) => {
    expect(() => decodePosition(text, JOB)).toThrow(/Last-Event-ID/)
  })

  it('is read or refused whatever is sent', () => {
    fc.assert(fc.property(fc.string({ maxLength: 300 }), text => {
      try {
        decodePosition(text, JOB)
      } catch (err) {
        expect(err).toMatchObject({ code: 'usage' })
      }
    }))
  })
})
