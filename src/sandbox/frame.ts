/**
 * Frames on the control descriptor between worker and runner: length of the
 * body as 32 bits little-endian, one byte of kind, the body. Read by a stream
 * on one side and synchronously on the other.
 */
export const FRAME = { json: 1, data: 2, stdout: 3, stderr: 4 } as const

export type FrameKind = typeof FRAME[keyof typeof FRAME]

export interface Frame {
  kind: FrameKind
  body: Buffer
}

export const HEADER_BYTES = 5

/** Longest body of data and output. */
export const MAX_CHUNK = 64 * 1024
/** Longest JSON body: a task with 4096 files of 512 characters. */
export const MAX_BODY = 8 * 1024 * 1024

export function encodeHeader (kind: FrameKind, length: number): Buffer {
  const header = Buffer.allocUnsafe(HEADER_BYTES)

  header.writeUInt32LE(length, 0)
  header[4] = kind
  return header
}

export function encodeJson (message: unknown): Buffer {
  const body = Buffer.from(JSON.stringify(message))

  if (body.length > MAX_BODY) {
    throw new Error(`message of ${body.length} bytes is longer than ${MAX_BODY}`)
  }

  return Buffer.concat([encodeHeader(FRAME.json, body.length), body])
}

/** Throws on a kind that does not exist and on a body that is too long for its kind. */
export function decodeHeader (header: Buffer, maxBody = MAX_BODY): { kind: FrameKind, length: number } {
  const length = header.readUInt32LE(0)
  const kind = header[4]

  if (kind !== FRAME.json && kind !== FRAME.data && kind !== FRAME.stdout && kind !== FRAME.stderr) {
    throw new Error(`frame of unknown kind ${kind}`)
  }

  if (length > (kind === FRAME.json ? maxBody : MAX_CHUNK)) {
    throw new Error(`frame of ${length} bytes is too long`)
  }

  return { kind, length }
}

/** Cuts a stream of bytes into frames. */
export class FrameDecoder {
  readonly #maxBody: number
  #chunks: Buffer[] = []
  #buffered = 0
  #next: { kind: FrameKind, length: number } | undefined

  constructor (maxBody = MAX_BODY) {
    this.#maxBody = maxBody
  }

  /** Throws when the bytes are no frames; the decoder is of no more use then. */
  * push (chunk: Uint8Array): Generator<Frame> {
    this.#chunks.push(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength))
    this.#buffered += chunk.byteLength

    for (;;) {
      if (this.#next == null) {
        if (this.#buffered < HEADER_BYTES) {
          return
        }

        this.#next = decodeHeader(this.#take(HEADER_BYTES), this.#maxBody)
      }

      if (this.#buffered < this.#next.length) {
        return
      }

      const { kind, length } = this.#next

      this.#next = undefined
      yield { kind, body: this.#take(length) }
    }
  }

  #take (length: number): Buffer {
    const first = this.#chunks[0]

    this.#buffered -= length

    if (first != null && first.length > length) {
      this.#chunks[0] = first.subarray(length)
      return first.subarray(0, length)
    }

    const all = Buffer.concat(this.#chunks)

    this.#chunks = all.length > length ? [all.subarray(length)] : []
    return all.subarray(0, length)
  }
}
