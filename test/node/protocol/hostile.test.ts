import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isMeshmarkError } from '../../../src/model/errors.ts'
import { ROWS } from './rows.ts'
import type { Codec } from '../../../src/node/protocol/protocol.ts'

/** Noise of the heap; one length believed would be 4 GiB. */
const MAX_GROWTH = 8 * 1024 * 1024

describe('bytes from a hostile peer are a message or a refusal in words, and nothing else', () => {
  it.each(ROWS)('$name: random bytes', ({ codec }) => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), bytes => {
      expectMessageOrRefusal(codec, bytes)
    }), { numRuns: 500 })
  })

  it.each(ROWS)('$name: a message with bytes changed, cut out and put in', ({ codec, message }) => {
    const change = fc.tuple(fc.nat(), fc.nat({ max: 3 }), fc.uint8Array({ minLength: 1, maxLength: 8 }))

    fc.assert(fc.property(message, fc.array(change, { minLength: 1, maxLength: 4 }), (value, changes) => {
      const bytes = changes.reduce((before, [place, cut, put]) => splice(before, place, cut, put), codec.encode(value).subarray())

      expectMessageOrRefusal(codec, bytes)
    }), { numRuns: 300 })
  })

  it.each(ROWS)('$name: a message that ends early', ({ codec, message }) => {
    fc.assert(fc.property(message, fc.nat(), (value, place) => {
      const bytes = codec.encode(value)

      expectMessageOrRefusal(codec, bytes.subarray(0, place % (bytes.byteLength + 1)))
    }))
  })

  it.each(ROWS)('$name: groups in groups, deeper than any stack', ({ codec }) => {
    expectMessageOrRefusal(codec, new Uint8Array(1_000_000).fill(0x0b))
  })

  it.each(ROWS)('$name: lengths beyond the end cost no memory', ({ codec }) => {
    const before = process.memoryUsage()

    for (let number = 1; number < 16; number++) {
      // a field of 4 GiB, and one that ends where its message does not
      expectMessageOrRefusal(codec, Uint8Array.of((number << 3) | 2, 0xff, 0xff, 0xff, 0xff, 0x0f, 0))
      expectMessageOrRefusal(codec, Uint8Array.of((number << 3) | 2, 4, 0x0a, 0xff, 0x01, 0))
    }

    const after = process.memoryUsage()

    expect(after.heapUsed + after.arrayBuffers - before.heapUsed - before.arrayBuffers).toBeLessThan(MAX_GROWTH)
  })

  it.each(ROWS)('$name: thousands of empty entries are refused at the limit of their list', ({ codec }) => {
    for (let number = 1; number < 16; number++) {
      const entry = Uint8Array.of((number << 3) | 2, 0)
      const entries = new Uint8Array(200_000)

      for (let place = 0; place < entries.byteLength; place += entry.byteLength) {
        entries.set(entry, place)
      }

      expectMessageOrRefusal(codec, entries)
    }
  })
})

function expectMessageOrRefusal (codec: Codec<any>, bytes: Uint8Array): void {
  let message: unknown

  try {
    message = codec.decode(bytes)
  } catch (err) {
    if (!isMeshmarkError(err)) {
      throw err
    }

    expect(err.code).toBe('refused')
    expect(err.message.split('\n')).toHaveLength(1)

    return
  }

  // what was believed can be said again, and means the same
  expect(codec.decode(codec.encode(message).subarray())).toEqual(message)
}

function splice (bytes: Uint8Array, place: number, cut: number, put: Uint8Array): Uint8Array {
  const start = place % (bytes.byteLength + 1)

  return Buffer.concat([bytes.subarray(0, start), put, bytes.subarray(start + cut)])
}
