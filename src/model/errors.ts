/**
 * An error for the person at the terminal: one line that says what is wrong,
 * with the value, and what to do. `code` decides the exit code.
 */
export type ErrorCode =
  /** Wrong usage: exit 2. */
  | 'usage'
  /** No master or no matching worker: exit 4. */
  | 'unreachable' | 'no-worker'
  /** Refused: exit 5. */
  | 'refused' | 'conflict' | 'quota'
  /** A program that cannot be found or started before anything was sent: exit 127 and 126 under exec, else 1. */
  | 'not-found' | 'not-executable'
  /** Everything else: exit 1. */
  | 'failed'

export class MeshmarkError extends Error {
  static override name = 'MeshmarkError'
  override name = 'MeshmarkError'

  constructor (readonly code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
  }
}

/** Tells our own errors apart without `instanceof`, which fails across two copies of the package. */
export function isMeshmarkError (err: unknown): err is MeshmarkError {
  return err instanceof Error && err.name === 'MeshmarkError' && 'code' in err
}

/** Anything may be thrown; turns it into an Error. */
export function toError (err: unknown): Error {
  return err instanceof Error ? err : new Error(String(err))
}
