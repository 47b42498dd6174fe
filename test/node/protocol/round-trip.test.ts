import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeJob, encodeJob } from '../../../src/node/protocol/model/index.ts'
import { job } from './arbitraries.ts'
import { ROWS } from './rows.ts'

describe('what is said is what is heard', () => {
  it.each(ROWS)('$name', ({ codec, message, max = Infinity }) => {
    fc.assert(fc.property(message, value => {
      const bytes = codec.encode(value).subarray()

      expect(bytes.byteLength).toBeLessThanOrEqual(max)
      expect(codec.decode(bytes)).toEqual(value)
    }), { numRuns: 200 })
  })
})

describe('the bytes that a client seals', () => {
  it('do not depend on the order in which a job was put together', () => {
    fc.assert(fc.property(job, value => {
      const backwards = reversed({ ...value, env: reversed(value.env) })

      expect(encodeJob(backwards)).toEqual(encodeJob(value))
    }))
  })

  it('are the same again after they were read', () => {
    fc.assert(fc.property(job, value => {
      const bytes = encodeJob(value)

      expect(encodeJob(decodeJob(bytes))).toEqual(bytes)
    }))
  })
})

/** The same, its keys in the opposite order. */
function reversed<T extends object> (value: T): T {
  return Object.fromEntries(Object.entries(value).reverse()) as T
}
