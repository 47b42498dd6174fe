import type { Reader, Writer } from 'protons-runtime'

/**
 * A value as it travels: protobuf on the wire, bounded and checked before
 * anybody believes it. One declaration is the encoder, the decoder, the
 * validation and the .proto document (https://protobuf.dev/programming-guides/encoding).
 */
export interface Type<T> {
  /** 0 = varint, 1 = 64 bits, 2 = length and bytes. */
  wire: 0 | 1 | 2
  /** Everything after the tag. */
  write: (writer: Writer, value: T) => void
  /** The same; throws Invalid. */
  read: (reader: Reader) => T
  /** Of messages: as `read`, without the length in front and up to `end`. A type made from another must not keep the other's. */
  readBody?: (reader: Reader, end: number) => T
  /** Its name in a .proto document. */
  proto: string
  /** Messages and enums that the document must define before it. */
  defines?: Definition
}

export interface Definition {
  name: string
  text: string
  needs: Definition[]
}

/** Something that the other side may not say; the path to it is put in front on the way out. */
export class Invalid extends Error {
  override name = 'Invalid'

  constructor (readonly reason: string, readonly path: string[] = []) {
    super([...path, reason].join(' '))
  }

  within (name: string): Invalid {
    return new Invalid(this.reason, [name, ...this.path])
  }
}

/** Refuses lengths that go past the end before anything is allocated for them. */
export function readLength (reader: Reader): number {
  const length = reader.uint32()

  if (reader.pos + length > reader.len) {
    throw new Invalid('is longer than the message')
  }

  return length
}
