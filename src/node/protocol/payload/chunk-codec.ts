import { decode as decodeVarint, encode as encodeVarint, encodingLength } from 'uint8-varint'
import { Uint8ArrayList } from 'uint8arraylist'
import { CHUNK_SIZE, MAX_CHUNKS } from '../../../model/payload.ts'
import type { PayloadRequest } from './messages.ts'
import type { Codec } from '../protocol.ts'
import type { DocumentedCodec } from '../schema/codec.ts'
import type { Type } from '../schema/type.ts'

/** Field and wire type, as Protocol Buffers write them: variant 2 of the request, in it the index, then the data to the end. */
const CHUNK = 0x12
const INDEX = 0x08
const DATA = 0x12

/** Bytes in one piece or in several, written as one. */
export function inPieces (type: Type<Uint8Array>): Type<Uint8Array | Uint8ArrayList> {
  return { ...type, write: (writer, value) => { type.write(writer, value.subarray()) } }
}

/** All that stands in front of the data: three tags and three varints. */
const MAX_HEAD = 24

/**
 * The same bytes as the codec that it is made from, but the data of a chunk is
 * never copied: it is written to the disk, hashed and passed on in the pieces
 * in which it came. Copies into new buffers of 1 MiB were a third of what a
 * transfer cost.
 */
export function withoutCopies (plain: DocumentedCodec<PayloadRequest>): Codec<PayloadRequest> & Pick<DocumentedCodec<PayloadRequest>, 'defines'> {
  return {
    ...plain,
    encode: message => message.kind === 'chunk' && isSound(message) ? encodeChunk(message) : plain.encode(message),
    decode: bytes => bytes instanceof Uint8Array ? plain.decode(bytes) : decodeChunk(bytes) ?? plain.decode(bytes)
  }
}

type Chunk = Extract<PayloadRequest, { kind: 'chunk' }>

/** What is not, the plain codec refuses in its own words. */
function isSound ({ index, data }: Chunk): boolean {
  return Number.isInteger(index) && index >= 0 && index < MAX_CHUNKS && data.byteLength <= CHUNK_SIZE
}

function encodeChunk ({ index, data }: Chunk): Uint8ArrayList {
  const inner = [INDEX, ...encodeVarint(index), DATA, ...encodeVarint(data.byteLength)]

  return new Uint8ArrayList(Uint8Array.from([CHUNK, ...encodeVarint(inner.length + data.byteLength), ...inner]), data)
}

/** Undefined for whatever is not just what `encodeChunk` makes. */
function decodeChunk (bytes: Uint8ArrayList): Chunk | undefined {
  const head = bytes.subarray(0, Math.min(MAX_HEAD, bytes.byteLength))
  let at = 0
  const tag = (expected: number): boolean => head[at++] === expected
  const number = (): number => {
    const value = decodeVarint(head, at)

    at += encodingLength(value)

    return value
  }

  try {
    if (!tag(CHUNK) || number() !== bytes.byteLength - at || !tag(INDEX)) {
      return undefined
    }

    const index = number()

    if (!tag(DATA) || number() !== bytes.byteLength - at) {
      return undefined
    }

    const data = bytes.sublist(at)

    return isSound({ kind: 'chunk', index, data }) ? { kind: 'chunk', index, data } : undefined
  } catch {
    return undefined
  }
}
