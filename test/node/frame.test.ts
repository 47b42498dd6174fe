import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MeshmarkError } from '../../src/model/errors.ts'
import { printable } from '../../src/model/text.ts'
import { FrameReader, encodeFrame } from '../../src/node/frame.ts'
import type { Frame } from '../../src/node/frame.ts'

const MAX = 10_000

/** Cuts bytes into pieces whose sizes come from `cuts`, and reads all frames of them. */
function readInPieces (bytes: Uint8Array, cuts: number[], reader = new FrameReader(MAX)): Frame[] {
  const frames: Frame[] = []
  let offset = 0

  for (let i = 0; offset < bytes.byteLength; i++) {
    const size = cuts.length === 0 ? bytes.byteLength : cuts[i % cuts.length] ?? 1

    reader.push(bytes.subarray(offset, offset + size))
    offset += size

    for (let frame = reader.next(); frame != null; frame = reader.next()) {
      frames.push(frame)
    }
  }

  return frames
}

function join (parts: Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts))
}

describe('frames', () => {
  it('come out as they went in, however the bytes were cut', () => {
    fc.assert(fc.property(
      fc.array(fc.uint8Array({ maxLength: 300 })),
      fc.array(fc.integer({ min: 1, max: 50 })),
      (messages, cuts) => {
        const bytes = join([...messages.map(bytes => encodeFrame({ kind: 'message', bytes }).slice()), encodeFrame({ kind: 'end' }).slice()])
        const frames = readInPieces(bytes, cuts)

        expect(frames.slice(0, -1).map(frame => frame.kind === 'message' && frame.bytes.slice())).toEqual(messages)
        expect(frames.at(-1)).toEqual({ kind: 'end' })
      }
    ))
  })

  it('carry a refusal with its code and words, cut to a bounded length between characters', () => {
    fc.assert(fc.property(fc.string({ unit: 'grapheme', maxLength: 3_000 }), text => {
      const [frame] = readInPieces(encodeFrame({ kind: 'refusal', error: new MeshmarkError('quota', text) }).slice(), [])
      const clean = printable(text, 10_000)

      expect(frame?.kind).toBe('refusal')

      if (frame?.kind === 'refusal') {
        expect(frame.error.code).toBe('quota')
        expect(clean.startsWith(frame.error.message)).toBe(true)
        expect(frame.error.message.length >= Math.min(clean.length, 500)).toBe(true)
      }
    }))
  })

  it('of which a refusal cannot smuggle control characters onto a terminal', () => {
    const [frame] = readInPieces(encodeFrame({ kind: 'refusal', error: new MeshmarkError('refused', 'a\u001b[2Jb\r\nc') }).slice(), [])

    expect(frame?.kind === 'refusal' && frame.error.message).toBe('a?[2Jb??c')
  })

  it('never make the reader believe bytes that are none: it gives frames, waits, or throws a MeshmarkError', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 500 }), fc.array(fc.integer({ min: 1, max: 20 })), (bytes, cuts) => {
      try {
        readInPieces(bytes, cuts)
      } catch (err: any) {
        expect(err.name).toBe('MeshmarkError')
      }
    }), { numRuns: 2_000 })
  })

  it('longer than allowed are refused as soon as their length is known', () => {
    const reader = new FrameReader(MAX)

    reader.push(encodeFrame({ kind: 'message', bytes: new Uint8Array(MAX + 1) }).slice(0, 3))
    expect(() => reader.next()).toThrow('longer than the 10000')
  })

  it('with a length that never ends are refused', () => {
    const reader = new FrameReader(MAX)

    reader.push(new Uint8Array(3).fill(0xff))
    expect(() => reader.ready).toThrow('longer than')
  })

  it('shorter than the room that refusals need do not smuggle longer messages', () => {
    const reader = new FrameReader(10)

    reader.push(encodeFrame({ kind: 'message', bytes: new Uint8Array(11) }).slice())
    expect(() => reader.next()).toThrow('a message of 11 bytes is longer than the 10')
  })

  it('show a refusal that waits behind messages, without taking anything out', () => {
    const reader = new FrameReader(MAX)

    reader.push(encodeFrame({ kind: 'message', bytes: new Uint8Array(5) }).slice())
    reader.push(encodeFrame({ kind: 'refusal', error: new MeshmarkError('refused', 'no') }).slice())
    expect(reader.peekRefusal()).toBe(undefined)
    expect(reader.findRefusal()?.message).toBe('no')
    expect(reader.next()?.kind).toBe('message')
    expect(reader.peekRefusal()?.message).toBe('no')
    expect(reader.next()?.kind).toBe('refusal')
  })
})
