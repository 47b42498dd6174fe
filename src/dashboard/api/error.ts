/** What a master has said no to. */
export class ApiError extends Error {
  /** @param retryMs - when it says that asking again may help; milliseconds */
  constructor (readonly status: number, readonly code: string, message: string, readonly retryMs?: number) {
    super(message)
  }
}

/** Of an answer whose body may be no JSON of ours. */
export function problemOf (status: number, { code = 'failed', detail = `the master answers ${status}` }: { code?: string, detail?: string }, retryAfter: string | null): ApiError {
  const seconds = Number(retryAfter ?? NaN)

  return new ApiError(status, code, detail, Number.isFinite(seconds) ? seconds * 1_000 : undefined)
}
