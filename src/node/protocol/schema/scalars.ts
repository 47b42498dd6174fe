import { Invalid, readLength } from './type.ts'
import type { Type } from './type.ts'
import type { Reader } from 'protons-runtime'

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** From this length on a field is no copy. */
const SHARED_BYTES = 64 * 1024

export interface TextRule {
  /** Bytes in UTF-8. */
  max: number
  min?: number
  /** What it must look like, and in words. */
  like?: { test: (text: string) => boolean, words: string }
}

/** NUL ends a string for the kernel, so it is never part of one here. */
export function text ({ max, min = 0, like }: TextRule): Type<string> {
  return {
    wire: 2,
    proto: 'string',
    write: (writer, value) => { writer.string(value) },
    read: reader => {
      const length = readLength(reader)

      if (length > max || length < min) {
        throw new Invalid(`has ${length} bytes, and ${length > max ? `${max} are allowed` : `${min} are the least`}`)
      }

      const bytes = reader.buf.subarray(reader.pos, reader.pos + length)
      reader.pos += length
      let value: string

      try {
        value = utf8.decode(bytes)
      } catch {
        throw new Invalid('is not UTF-8')
      }

      if (value.includes('\0')) {
        throw new Invalid('holds a NUL character')
      }

      if (like != null && !like.test(value)) {
        throw new Invalid(`is not ${like.words}`)
      }

      return value
    }
  }
}

export function bytes ({ max, min = 0 }: { max: number, min?: number }): Type<Uint8Array> {
  return {
    wire: 2,
    proto: 'bytes',
    write: (writer, value) => {
      if (value.byteLength > max || value.byteLength < min) {
        throw new Invalid(`has ${value.byteLength} bytes`)
      }

      writer.bytes(value)
    },
    read: reader => {
      const length = readLength(reader)

      if (length > max || length < min) {
        throw new Invalid(`has ${length} bytes, and ${length > max ? `${max} are allowed` : `${min} are the least`}`)
      }

      const value = take(reader, length)
      reader.pos += length

      return value
    }
  }
}

/**
 * A copy, so that a short field does not keep the message alive that it came
 * in; a long one is most of its message, and the decoder's caller hands that over.
 */
function take ({ buf, pos }: Reader, length: number): Uint8Array {
  const part = new Uint8Array(buf.buffer, buf.byteOffset + pos, length)

  return length < SHARED_BYTES ? part.slice() : part
}

/** A whole number from `min` (0) to `max` (2^53 - 1). */
export function uint ({ min = 0, max = Number.MAX_SAFE_INTEGER }: { min?: number, max?: number } = {}): Type<number> {
  return {
    wire: 0,
    proto: 'uint64',
    write: (writer, value) => {
      if (!Number.isSafeInteger(value) || value < min || value > max) {
        throw new Invalid(`is ${value}, and a whole number from ${min} to ${max} is allowed`)
      }

      writer.uint64Number(value)
    },
    read: reader => {
      const value = reader.uint64()

      if (value < BigInt(min) || value > BigInt(max)) {
        throw new Invalid(`is ${value}, and ${min} to ${max} is allowed`)
      }

      return Number(value)
    }
  }
}

/** A whole number that may be negative; exact to 2^53. */
export const int: Type<number> = {
  wire: 0,
  proto: 'sint64',
  write: (writer, value) => {
    if (!Number.isSafeInteger(value)) {
      throw new Invalid(`is ${value}, which is no whole number`)
    }

    writer.sint64(BigInt(value))
  },
  read: reader => {
    const value = reader.sint64()

    if (value > BigInt(Number.MAX_SAFE_INTEGER) || value < -BigInt(Number.MAX_SAFE_INTEGER)) {
      throw new Invalid('is beyond 2^53')
    }

    return Number(value)
  }
}

/** A finite number. */
export const double: Type<number> = {
  wire: 1,
  proto: 'double',
  write: (writer, value) => { writer.double(value) },
  read: reader => {
    const value = reader.double()

    if (!Number.isFinite(value)) {
      throw new Invalid('is not a finite number')
    }

    return value
  }
}

/** A part of a whole, or some wholes: 0.01 is 1 %. */
export const fraction: Type<number> = {
  ...double,
  read: reader => {
    const value = double.read(reader)

    if (value < 0 || value > 1_000) {
      throw new Invalid('is not from 0 to 1000')
    }

    return value
  }
}

export const bool: Type<boolean> = {
  wire: 0,
  proto: 'bool',
  write: (writer, value) => { writer.bool(value) },
  read: reader => reader.uint32() !== 0
}

/** One of some words; on the wire its place in the list, from 1 on, so words are only ever added at the end. */
export function oneOf<T extends string> (name: string, words: readonly T[]): Type<T> {
  return {
    wire: 0,
    proto: name,
    defines: {
      name,
      needs: [],
      text: `enum ${name} {\n  ${enumName(name)}_UNSPECIFIED = 0;\n${words.map((word, index) => `  ${enumName(name)}_${enumName(word)} = ${index + 1}; // ${word}\n`).join('')}}\n`
    },
    write: (writer, value) => {
      if (!words.includes(value)) {
        throw new Invalid(`is '${value}', which is none of ${words.join(', ')}`)
      }

      writer.uint32(words.indexOf(value) + 1)
    },
    read: reader => {
      const word = words[reader.uint32() - 1]

      if (word == null) {
        throw new Invalid(`is none of ${words.join(', ')}`)
      }

      return word
    }
  }
}

function enumName (text: string): string {
  return text.replace(/([a-z])([A-Z])/g, '$1_$2').replace(/[^A-Za-z0-9]+/g, '_').toUpperCase()
}
