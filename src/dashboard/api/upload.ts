import { ApiError } from './error.ts'
import type { OneMaster } from './link.ts'

/** What a master has of a file. */
export interface Uploaded {
  id: string
  received: number
  complete: boolean
}

export interface UploadOptions {
  /** What this master called it when it was begun there. */
  known?: Uploaded
  /** Told when the master has begun it, and of each piece that is there for certain. */
  onKept: (upload: Uploaded) => void
  /** Bytes of the file that are on their way or there. */
  onProgress: (sent: number) => void
  signal: AbortSignal
}

/** A piece takes about this long: what is sent again after a failure, and how long nothing is known for certain. */
const PIECE_MS = 2_000
const MIN_PIECE = 256 * 1024
export const MAX_PIECE = 8 * 1024 * 1024

/** Others said so often that they send this file, or removed it, and nothing of it has come since. */
const MAX_CONFLICTS = 5

/**
 * Sends a file to one master, from where it has it on, piece by piece: no more
 * than one piece is ever in memory. Throws ApiError for what the master
 * refuses, and another error when it does not answer; then `onKept` has told
 * where to go on.
 */
export async function uploadFile (master: OneMaster, file: Blob, { known, onKept, onProgress, signal }: UploadOptions): Promise<Uploaded> {
  let upload = known == null ? undefined : await present(master, known, signal)
  let conflicts = 0
  let piece = MIN_PIECE

  for (;;) {
    signal.throwIfAborted()

    if (upload == null) {
      upload = await begin(master, file.size, signal)
      onKept(upload)
      continue
    }

    if (upload.complete) {
      return upload
    }

    const { id, received } = upload

    onProgress(received)

    try {
      const beganMs = performance.now()
      const bytes = await file.slice(received, received + piece).arrayBuffer()

      upload = await master.transfer<Uploaded>(`/v1/files/${id}?offset=${received}`, bytes, { headers: await digestOf(bytes), onProgress: sent => { onProgress(received + sent) }, signal })
      piece = nextPiece(bytes.byteLength, performance.now() - beganMs)
      conflicts = 0
    } catch (err) {
      // a piece that was given up for lost has come all the same, or it was removed
      if (!(err instanceof ApiError) || (err.status !== 409 && err.status !== 404) || ++conflicts > MAX_CONFLICTS) {
        throw err
      }

      upload = await present(master, upload, signal)
    }

    if (upload != null) {
      onKept(upload)
    }
  }
}

/** As much as should take PIECE_MS, at most twice as much as before. */
export function nextPiece (bytes: number, tookMs: number): number {
  const fitting = bytes / Math.max(1, tookMs) * PIECE_MS

  return Math.round(Math.min(MAX_PIECE, Math.max(MIN_PIECE, Math.min(2 * bytes, fitting))))
}

/** Not broken off: what it makes must be known. Where it is not waited for any more, that is removed. */
async function begin (master: OneMaster, size: number, signal: AbortSignal): Promise<Uploaded> {
  const begun = master.send<Uploaded>('POST', '/v1/files', { size })
  const { promise: stopped, reject } = Promise.withResolvers<never>()
  const stop = (): void => {
    reject(signal.reason)
    begun.then(async ({ id }) => master.send('DELETE', `/v1/files/${id}`)).catch(() => {})
  }

  signal.addEventListener('abort', stop)

  return Promise.race([begun, stopped]).finally(() => { signal.removeEventListener('abort', stop) })
}

/** What is there of it now; undefined when it is not kept any more. */
async function present (master: OneMaster, { id }: Uploaded, signal: AbortSignal): Promise<Uploaded | undefined> {
  try {
    return await master.get<Uploaded>(`/v1/files/${id}`, signal)
  } catch (err) {
    if (err instanceof ApiError && err.status === 404) {
      return undefined
    }

    throw err
  }
}

/** Browsers have no SHA-256 for pages that came unencrypted from another machine. */
async function digestOf (bytes: ArrayBuffer): Promise<Record<string, string>> {
  const { subtle } = crypto as { subtle?: SubtleCrypto }

  if (subtle == null) {
    return {}
  }

  return { 'content-digest': `sha-256=:${btoa(String.fromCharCode(...new Uint8Array(await subtle.digest('SHA-256', bytes))))}:` }
}
