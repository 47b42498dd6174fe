import { parse, stringify } from 'devalue'
import { errorRecord, reviveError } from './error-record.ts'

/**
 * Values as text: what `structuredClone` takes, except instances of classes,
 * which would silently lose what they are. Node's own serialization differs
 * between its versions, and the two ends may have different ones.
 *
 * Nothing that is decoded runs code; both ends import this file.
 */

/** A number of more digits is an attack: reading it takes longer than linear time. */
const MAX_DIGITS = 1_000_000

/** Throws a TypeError that names where in the value the culprit is; `what` is the value in words. */
export function encode (value: unknown, what: string): string {
  try {
    return encodeWith(value, new Map())
  } catch (err) {
    throw new TypeError(`${what} cannot be sent: ${reasonOf(err)}`, { cause: err })
  }
}

/** Throws for any text that no `encode` has written. */
export function decode (text: string): unknown {
  return parse(text, {
    Error: reviveError,
    Bytes: bytes => {
      if (!(bytes instanceof Uint8Array)) {
        throw new TypeError('Invalid input')
      }

      return bytes
    },
    BigInt: digits => {
      if (typeof digits !== 'string' || digits.length > MAX_DIGITS || !/^-?\d+$/.test(digits)) {
        throw new TypeError('Invalid input')
      }

      return BigInt(digits)
    }
  })
}

/** @param known - records of the errors met so far; undefined while one is being made */
function encodeWith (value: unknown, known: Map<Error, object | undefined>): string {
  return stringify(value, {
    // a small Buffer is a window on memory that many share
    Bytes: value => Buffer.isBuffer(value) && value.byteLength !== value.buffer.byteLength && new Uint8Array(value),
    Error: value => value instanceof Error && errorRecord(value, known, part => { encodeWith(part, known) })
  })
}

function reasonOf (err: unknown): string {
  if (err instanceof RangeError) {
    return err.message.includes('string length') ? 'it is too large' : 'it is nested too deeply'
  }

  const { message, path, value } = err as Error & { path?: string, value?: unknown }
  const at = path == null || path === '' ? 'it' : path
  const className = value != null && typeof value === 'object' ? Object.getPrototypeOf(value)?.constructor?.name : undefined

  switch (true) {
    case typeof value === 'function': return `${at} is a function`
    case typeof value === 'symbol': return `${at} is a symbol`
    case /thenable/.test(message): return `${at} is a promise: await it first`
    case /non-POJO/.test(message): return `${at} is an instance of ${className ?? 'a class'}: make a plain object of what is needed of it`
    case /symbolic/.test(message): return `${at} has symbols as keys`
    default: return message
  }
}
