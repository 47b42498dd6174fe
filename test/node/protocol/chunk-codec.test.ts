import fc from 'fast-check'
import { Uint8ArrayList } from 'uint8arraylist'
import { expect, it } from 'vitest'
import { CHUNK_SIZE, MAX_CHUNKS } from '../../../src/model/payload.ts'
import { bytes, uint } from '../../../src/node/protocol/schema/scalars.ts'
import { codec } from '../../../src/node/protocol/schema/codec.ts'
import { field } from '../../../src/node/protocol/schema/message.ts'
import { payload } from '../../../src/node/protocol/payload/index.ts'
import { union, variant } from '../../../src/node/protocol/schema/union.ts'

type Plain = { kind: 'chunk', index: number, data: Uint8Array }

/** The same, as the schema writes it. */
const plain = codec('payload', union<Plain, 'kind'>('PayloadRequest', 'kind', {
  chunk: variant(2, { index: field(1, uint({ max: MAX_CHUNKS - 1 })), data: field(2, bytes({ max: CHUNK_SIZE })) })
}))

const index = fc.oneof(fc.constantFrom(0, 1, 127, 128, MAX_CHUNKS - 1), fc.nat({ max: MAX_CHUNKS - 1 }))
const data = fc.oneof(fc.uint8Array({ maxLength: 300 }), fc.constantFrom(127, 128, 16_383, 16_384, CHUNK_SIZE).map(size => new Uint8Array(size).fill(size)))

it('a chunk has the bytes that the schema says, and is read from any pieces', () => {
  fc.assert(fc.property(index, data, fc.nat(), fc.nat(), (index, data, first, second) => {
    const written = payload.request.encode({ kind: 'chunk', index, data }).subarray()

    expect(Buffer.from(written).equals(plain.encode({ kind: 'chunk', index, data }))).toBe(true)

    const [a, b] = [first % written.byteLength, second % written.byteLength].sort((a, b) => a - b) as [number, number]
    const pieces = new Uint8ArrayList(...[written.subarray(0, a), written.subarray(a, b), written.subarray(b)].filter(({ byteLength }) => byteLength > 0))
    const read = payload.request.decode(pieces)

    expect(read).toMatchObject({ kind: 'chunk', index })
    expect(Buffer.from((read as Plain).data.subarray()).equals(data)).toBe(true)
  }))
})

it('its data is not copied, neither on its way out nor in', () => {
  const data = new Uint8Array(CHUNK_SIZE)
  const written = payload.request.encode({ kind: 'chunk', index: 3, data })

  expect([...written as Uint8ArrayList].at(-1)!.buffer).toBe(data.buffer)

  const read = payload.request.decode(written) as unknown as { data: Uint8ArrayList }

  expect([...read.data][0]!.buffer).toBe(data.buffer)
})

it('whatever else was changed in it is read as the schema reads it, or refused', () => {
  fc.assert(fc.property(index, fc.uint8Array({ maxLength: 40 }), fc.nat(), fc.nat({ max: 255 }), fc.boolean(), (index, data, at, byte, more) => {
    const written = Uint8Array.from([...payload.request.encode({ kind: 'chunk', index, data }).subarray(), ...(more ? [byte] : [])])

    written[at % written.byteLength] = byte

    const outcome = (read: () => unknown): unknown => {
      try {
        return read()
      } catch (err) {
        return (err as Error).message
      }
    }
    const whole = outcome(() => plain.decode(written))
    const inPieces = outcome(() => {
      const message = payload.request.decode(new Uint8ArrayList(written))

      return message.kind === 'chunk' ? { ...message, data: message.data.subarray() } : message
    })

    // a message of another kind is another matter
    if (typeof whole !== 'string') {
      expect(inPieces).toEqual(whole)
    } else if (typeof inPieces === 'object') {
      expect(inPieces).not.toMatchObject({ kind: 'chunk' })
    }
  }), { numRuns: 2_000 })
})
