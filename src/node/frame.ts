import { decode as decodeVarint, encode as encodeVarint, encodingLength } from 'uint8-varint'
import { Uint8ArrayList } from 'uint8arraylist'
import { MeshmarkError } from '../model/errors.ts'
import { printable } from '../model/text.ts'
import type { ErrorCode } from '../model/errors.ts'

/**
 * What travels on every stream: a varint length, one byte of kind, the content.
 * A refusal can thus be said in words whatever the protocol's own messages are,
 * and an end that was meant differs from one that happened.
 */
export type Frame =
  | { kind: 'message', bytes: Uint8ArrayList }
  | { kind: 'refusal', error: MeshmarkError }
  | { kind: 'end' }

const MESSAGE = 0
const REFUSAL = 1
const END = 2

/** UTF-8 bytes of a refusal; longer texts are cut. */
const MAX_REFUSAL = 2_048

const CODES: ReadonlySet<string> = new Set<ErrorCode>(['usage', 'unreachable', 'no-worker', 'refused', 'conflict', 'quota', 'not-found', 'not-executable', 'failed'])

export function encodeFrame (frame: { kind: 'message', bytes: Uint8Array | Uint8ArrayList } | Exclude<Frame, { kind: 'message' }>): Uint8ArrayList {
  switch (frame.kind) {
    case 'message':
      return prefix(MESSAGE, frame.bytes)
    case 'refusal':
      return prefix(REFUSAL, cut(new TextEncoder().encode(`${frame.error.code}:${frame.error.message}`)))
    case 'end':
      return prefix(END)
  }
}

/**
 * Takes bytes as they come and gives whole frames, one at a time and without
 * copying. Bytes are kept as they came until somebody asks, so that a flood of
 * tiny frames costs no more memory than its bytes.
 */
export class FrameReader {
  readonly #buffer: Uint8ArrayList
  readonly #maxLength: number
  /** Of the frame being read, once known. */
  #length?: number

  constructor (private readonly maxMessage: number, buffer = new Uint8ArrayList()) {
    this.#maxLength = 1 + Math.max(maxMessage, MAX_REFUSAL)
    this.#buffer = buffer
  }

  /** Bytes not given out yet. */
  get pending (): number {
    return this.#buffer.byteLength
  }

  push (data: Uint8Array | Uint8ArrayList): void {
    this.#buffer.append(data)
  }

  clear (): void {
    this.#buffer.consume(this.#buffer.byteLength)
    this.#length = undefined
  }

  /** Is a whole frame there? Throws a MeshmarkError on a length beyond the limit, before its content is awaited. */
  get ready (): boolean {
    this.#length ??= this.#readLength()

    return this.#length != null && this.#buffer.byteLength >= this.#length
  }

  /** The next whole frame, if there is one. Throws a MeshmarkError on what is none. */
  next (): Frame | undefined {
    if (!this.ready || this.#length == null) {
      return undefined
    }

    const frame = this.#buffer.sublist(0, this.#length)

    this.#buffer.consume(this.#length)
    this.#length = undefined

    return this.#decode(frame)
  }

  /** The refusal that comes next, if one does; nothing is taken out. */
  peekRefusal (): MeshmarkError | undefined {
    return this.ready && this.#buffer.get(0) === REFUSAL
      ? decodeRefusal(this.#buffer.subarray(1, this.#length))
      : undefined
  }

  /** The first refusal among all the whole frames that wait; nothing is taken out. */
  findRefusal (): MeshmarkError | undefined {
    const ahead = new FrameReader(this.maxMessage, this.#buffer.sublist())

    ahead.#length = this.#length

    for (let frame = ahead.next(); frame != null; frame = ahead.next()) {
      if (frame.kind === 'refusal') {
        return frame.error
      }
    }

    return undefined
  }

  #readLength (): number | undefined {
    const available = Math.min(this.#buffer.byteLength, encodingLength(this.#maxLength))
    let bytes = 0

    // the last byte of a varint has its high bit clear
    while (bytes < available && (this.#buffer.get(bytes) & 0x80) !== 0) {
      bytes++
    }

    if (bytes === available) {
      if (bytes === encodingLength(this.#maxLength)) {
        throw new MeshmarkError('refused', `a message is longer than the ${this.maxMessage} bytes that this protocol allows`)
      }

      return undefined
    }

    const length = decodeVarint(this.#buffer.slice(0, bytes + 1))

    if (length < 1 || length > this.#maxLength) {
      throw new MeshmarkError('refused', length < 1
        ? 'an empty frame'
        : `a message of ${length - 1} bytes is longer than the ${this.maxMessage} that this protocol allows`)
    }

    this.#buffer.consume(bytes + 1)

    return length
  }

  #decode (frame: Uint8ArrayList): Frame {
    const kind = frame.get(0)

    frame.consume(1)

    switch (kind) {
      case MESSAGE:
        if (frame.byteLength > this.maxMessage) {
          throw new MeshmarkError('refused', `a message of ${frame.byteLength} bytes is longer than the ${this.maxMessage} that this protocol allows`)
        }

        return { kind: 'message', bytes: frame }
      case REFUSAL:
        return { kind: 'refusal', error: decodeRefusal(frame.subarray()) }
      case END:
        return { kind: 'end' }
      default:
        throw new MeshmarkError('refused', `a frame of unknown kind ${kind}`)
    }
  }
}

/** The text comes from another machine and ends on a terminal. */
function decodeRefusal (bytes: Uint8Array): MeshmarkError {
  const text = printable(new TextDecoder().decode(bytes), MAX_REFUSAL)
  const colon = text.indexOf(':')
  const code = text.slice(0, Math.max(colon, 0))

  return CODES.has(code)
    ? new MeshmarkError(code as ErrorCode, text.slice(colon + 1))
    : new MeshmarkError('refused', text)
}

/** Never in the middle of a character, which would not decode. */
function cut (bytes: Uint8Array): Uint8Array {
  let end = Math.min(bytes.byteLength, MAX_REFUSAL)

  while (end < bytes.byteLength && end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) {
    end--
  }

  return bytes.subarray(0, end)
}

function prefix (kind: number, content?: Uint8Array | Uint8ArrayList): Uint8ArrayList {
  const length = 1 + (content?.byteLength ?? 0)
  const head = new Uint8Array(encodingLength(length) + 1)

  encodeVarint(length, head)
  head[head.byteLength - 1] = kind

  return content == null ? new Uint8ArrayList(head) : new Uint8ArrayList(head, content)
}
