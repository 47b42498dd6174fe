import { formatBytes } from '../../model/units.ts'
import { onAbort } from '../../node/wait.ts'
import { HttpProblem } from './problem.ts'
import { tooMuch } from './sessions.ts'

/** A job with its items and small files; what is larger is uploaded. */
export const MAX_JSON_BYTES = 24 * 1024 * 1024

export interface BodyLimits {
  /** Of all bodies of one token that are being read into memory, and of those of all. */
  tokenBytes: number
  allBytes: number
}

/** Whoever begins many and ends none takes no more than a part of it. */
const BODY_LIMITS: BodyLimits = { tokenBytes: 64 * 1024 * 1024, allBytes: 256 * 1024 * 1024 }

/** Between two pieces of a body: who is slower holds a connection and sends nothing. */
const IDLE_MS = 10_000

/** Reads bodies, and never holds more of them than there is room for. */
export class Bodies {
  readonly #limits: BodyLimits
  #heldBytes = 0
  readonly #heldOf = new Map<string, number>()

  constructor (limits = BODY_LIMITS) {
    this.#limits = limits
  }

  /** @param owner - of the token. Throws `HttpProblem`: 413, 415, 408, 429, or 400 for what is no JSON. */
  async json (request: Request, owner: string, signal: AbortSignal): Promise<unknown> {
    if (!/^application\/json\s*(;|$)/i.test(request.headers.get('content-type') ?? '')) {
      throw new HttpProblem(415, 'usage', 'the body must be JSON: send Content-Type: application/json')
    }

    if (Number(request.headers.get('content-length') ?? 0) > MAX_JSON_BYTES) {
      throw tooLarge()
    }

    const pieces: Uint8Array[] = []
    let bytes = 0

    try {
      for await (const piece of piecesOf(request.body, signal)) {
        bytes += piece.byteLength
        this.#hold(owner, piece.byteLength)

        if (bytes > MAX_JSON_BYTES) {
          throw tooLarge()
        }

        if (this.#heldOf.get(owner)! > this.#limits.tokenBytes) {
          throw tooMuch(`bodies of one token that are being sent have more than ${formatBytes(this.#limits.tokenBytes)}`, 1_000)
        }

        if (this.#heldBytes > this.#limits.allBytes) {
          throw tooMuch('this master is reading as much as it has room for', 1_000)
        }

        pieces.push(piece)
      }

      return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(pieces)))
    } catch (err) {
      throw err instanceof HttpProblem ? err : new HttpProblem(400, 'usage', `the body is no JSON: ${(err as Error).message}`)
    } finally {
      this.#hold(owner, -bytes)
    }
  }

  #hold (owner: string, bytes: number): void {
    const held = (this.#heldOf.get(owner) ?? 0) + bytes

    this.#heldBytes += bytes

    if (held > 0) {
      this.#heldOf.set(owner, held)
    } else {
      this.#heldOf.delete(owner)
    }
  }
}

/** The pieces of a body; throws 408 when none comes for a while, and 400 where it breaks off. */
export async function * piecesOf (body: ReadableStream<Uint8Array> | null, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const reader = body?.getReader()

  if (reader == null) {
    return
  }

  try {
    for (;;) {
      const { done, value } = await within(reader.read().catch(() => { throw brokenOff() }), signal)

      if (done) {
        return
      }

      yield value
    }
  } finally {
    // also what has not been read yet
    await reader.cancel().catch(() => {})
  }
}

async function within<T> (promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => { reject(new HttpProblem(408, 'failed', `nothing of the body came for ${IDLE_MS / 1_000} s`)) }, IDLE_MS)
  // also where it has fired before: the promise is waited for in any case, for it may fail with nobody else to hear
  const forget = onAbort(signal, reject)

  try {
    return await Promise.race([late, promise])
  } finally {
    clearTimeout(timer)
    forget()
  }
}

function brokenOff (): HttpProblem {
  return new HttpProblem(400, 'failed', 'the body broke off before its end')
}

function tooLarge (): HttpProblem {
  return new HttpProblem(413, 'usage', `the body is larger than ${formatBytes(MAX_JSON_BYTES)}: send files before with PUT /v1/files`)
}
