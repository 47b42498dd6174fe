import { isMeshmarkError, MeshmarkError, toError, type ErrorCode } from '../../model/errors.ts'
import { printable } from '../../model/text.ts'

/** As of the exit codes of the command line: what a caller can do about it. */
const STATUS: Record<ErrorCode, number> = {
  usage: 400,
  'not-found': 400,
  'not-executable': 400,
  refused: 403,
  conflict: 409,
  'no-worker': 422,
  quota: 429,
  failed: 500,
  unreachable: 503
}

/** What every status of an error means. */
export const TITLES: Record<number, string> = {
  400: 'Wrong usage',
  401: 'No valid token',
  403: 'Refused',
  404: 'Not found',
  406: 'Not acceptable',
  408: 'Too slow',
  409: 'Conflict',
  411: 'Length required',
  413: 'Too large',
  415: 'Unsupported media type',
  421: 'Misdirected',
  422: 'No matching worker',
  429: 'Too much',
  500: 'Failed',
  503: 'Not reachable now'
}

const MAX_DETAIL = 2_000

/** An error with a status of its own. */
export class HttpProblem extends Error {
  constructor (readonly status: number, readonly code: ErrorCode, message: string, readonly headers: Record<string, string> = {}) {
    super(message)
  }
}

/** RFC 9457. What is none of ours says nothing of the inside. */
export function problemResponse (err: unknown): Response {
  const { status, code, detail, headers } = describe(err)

  return new Response(`${JSON.stringify({ type: `urn:meshmark:error:${code}`, title: TITLES[status] ?? 'Failed', status, detail: printable(detail, MAX_DETAIL), code })}\n`, {
    status,
    headers: { 'content-type': 'application/problem+json', ...headers }
  })
}

function describe (err: unknown): { status: number, code: ErrorCode, detail: string, headers: Record<string, string> } {
  if (err instanceof HttpProblem) {
    return { status: err.status, code: err.code, detail: err.message, headers: err.headers }
  }

  if (isMeshmarkError(err)) {
    return { status: STATUS[err.code] ?? 500, code: err.code, detail: err.message, headers: err.code === 'quota' ? { 'retry-after': '1' } : {} }
  }

  return { status: 500, code: 'failed', detail: 'something went wrong here: the log of this master says what', headers: {} }
}

/** The same 404 for a job that is another client's and for one that is not there. */
export async function aboutJob<T> (selector: string, ask: () => Promise<T>): Promise<T> {
  try {
    return await ask()
  } catch (err) {
    throw notFound(selector, err)
  }
}

export function notFound (selector: string, err: unknown): Error {
  return isMeshmarkError(err) && (err.code === 'refused' || err.code === 'usage') && !/^'.*' fits \d+ jobs/.test(err.message)
    ? new HttpProblem(404, 'usage', `no job '${selector}'`)
    : toError(err)
}

export function usage (message: string): MeshmarkError {
  return new MeshmarkError('usage', message)
}
