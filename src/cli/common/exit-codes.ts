import { isMeshmarkError, toError } from '../../model/errors.ts'
import { printable } from '../../model/text.ts'
import { EXIT_EXEC_FAILED } from '../../roles/client/exec-status.ts'

export const EXIT_USAGE = 2
export const EXIT_INTERRUPTED = 130

/** The exit code for an error of ours; `exec` leaves the low ones to the program. */
export function exitCodeOfError (err: unknown, command: string): number {
  const code = isMeshmarkError(err) ? err.code : 'failed'

  if (command === 'exec') {
    return code === 'not-found' ? 127 : code === 'not-executable' ? 126 : EXIT_EXEC_FAILED
  }

  switch (code) {
    // Not found and not executable are files here: what runs elsewhere has results instead of errors.
    case 'usage': case 'not-found': case 'not-executable': return EXIT_USAGE
    case 'unreachable':
    case 'no-worker': return 4
    case 'refused':
    case 'conflict':
    case 'quota': return 5
    default: return 1
  }
}

/** Paths and addresses may be long; a whole file may not. */
const MAX_LINE = 2_000

/** One line, whatever was thrown. */
export function errorLine (err: unknown): string {
  const { message, name } = toError(err)
  const text = message === '' ? name : message

  return `meshmark: ${printable(text.trim().replace(/\s*\n\s*/g, '; '), MAX_LINE)}`
}
