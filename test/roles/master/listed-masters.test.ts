import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { register } from '../../../src/node/protocol/register/index.ts'
import { listedFrom } from '../../../src/roles/master/listed-masters.ts'

const ID = '12D3KooWGRUfZ1Hj7xJ8n5KYyAyyPX9cVxUaSs3dVHkzKZ8qGVz1'

describe('a record of a master', () => {
  it('whatever it holds keeps no other from the workers', () => {
    const record = fc.record({
      name: fc.oneof(fc.string({ maxLength: 400 }), fc.integer()),
      addresses: fc.oneof(fc.array(fc.oneof(fc.string({ maxLength: 700 }), fc.integer()), { maxLength: 30 }), fc.string()),
      atMs: fc.oneof(fc.double(), fc.maxSafeInteger(), fc.constantFrom(2 ** 53, 1e300), fc.string()),
      removed: fc.oneof(fc.boolean(), fc.string())
    }, { requiredKeys: [] })

    fc.assert(fc.property(fc.oneof(record.map(value => JSON.stringify(value)), fc.string()), fc.constantFrom(ID, 'nobody', ''), (text, peerId) => {
      const listed = listedFrom(peerId, Buffer.from(text))
      const bytes = register.reply.encode({ kind: 'masters', masters: listed == null ? [] : [listed] })

      expect(register.reply.decode(bytes)).toMatchObject({ kind: 'masters' })
    }), { numRuns: 1_000 })
  })

  it('is passed on as it is, its removal with it', () => {
    const record = { name: 'boss', addresses: ['/ip4/127.0.0.1/tcp/4747'], atMs: 5, removed: true }

    expect(listedFrom(ID, Buffer.from(JSON.stringify(record)))).toEqual({ peerId: ID, ...record })
  })
})
