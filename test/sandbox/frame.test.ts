import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodeHeader, encodeJson, FRAME, FrameDecoder, MAX_CHUNK } from '../../src/sandbox/frame.ts'
import type { Frame } from '../../src/sandbox/frame.ts'

const frames = fc.array(fc.oneof(
  fc.record({ kind: fc.constantFrom(FRAME.data, FRAME.stdout, FRAME.stderr), body: fc.uint8Array({ maxLength: 300 }) }),
  fc.jsonValue().map(value => ({ kind: FRAME.json, body: new Uint8Array(encodeJson(value).subarray(5)) }))
), { maxLength: 20 })

function cut (bytes: Buffer, sizes: number[]): Buffer[] {
  const pieces: Buffer[] = []

  for (let at = 0, i = 0; at < bytes.length; i++) {
    const size = sizes.length === 0 ? bytes.length : sizes[i % sizes.length] ?? 1

    pieces.push(bytes.subarray(at, at + size))
    at += size
  }

  return pieces
}

describe('frames', () => {
  it('come out as they went in, however the stream is cut', () => {
    fc.assert(fc.property(frames, fc.array(fc.integer({ min: 1, max: 400 }), { maxLength: 10 }), (sent, sizes) => {
      const bytes = Buffer.concat(sent.flatMap(({ kind, body }) => [encodeHeader(kind, body.length), body]))
      const decoder = new FrameDecoder()
      const received: Frame[] = cut(bytes, sizes).flatMap(piece => [...decoder.push(piece)])

      expect(received.map(({ kind, body }) => ({ kind, body: new Uint8Array(body) }))).toEqual(sent)
    }))
  })

  it('are refused when they are none, without taking what they announce', () => {
    fc.assert(fc.property(fc.uint8Array({ minLength: 5, maxLength: 100 }), bytes => {
      const decoder = new FrameDecoder(1000)

      try {
        for (const { kind, body } of decoder.push(bytes)) {
          expect(Object.values(FRAME)).toContain(kind)
          expect(body.length).toBeLessThanOrEqual(kind === FRAME.json ? 1000 : MAX_CHUNK)
        }
      } catch (err) {
        expect(String(err)).toMatch(/unknown kind|too long/)
      }
    }))
  })

  it('may not be longer than their kind allows', () => {
    const push = (kind: 1 | 2, length: number) => [...new FrameDecoder(1000).push(encodeHeader(kind, length))]

    expect(() => push(FRAME.json, 1001)).toThrow('too long')
    expect(push(FRAME.json, 1000)).toEqual([])
    expect(() => push(FRAME.data, MAX_CHUNK + 1)).toThrow('too long')
    expect(push(FRAME.data, MAX_CHUNK)).toEqual([])
  })
})
