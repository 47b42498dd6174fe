import { MeshmarkError } from '../../../model/errors.ts'
import { formatDuration, parseDuration } from '../../../model/units.ts'
import type { JobDraft } from '../types.ts'

/** How the runs of a measured job are done. */
export interface MeasuringOptions {
  ignoreFailure?: { codes: number[] }
  coldCache?: boolean
  counters?: boolean
  quietWait?: number
}

/** What a draft says of how its runs are measured. */
export type Measuring = Pick<JobDraft, 'comparison' | 'ignoreFailure' | 'coldCache' | 'counters' | 'quietMs'>

/** hyperfine's word for a bare `--ignore-failure`. */
export const ALL_CODES = 'all-non-zero'

/** A machine that is not quiet after this long will not be. */
const MAX_QUIET_MS = 3_600_000

export function measuringOf ({ ignoreFailure, coldCache, counters, quietWait }: MeasuringOptions): Measuring {
  return {
    ...(ignoreFailure == null ? {} : { ignoreFailure }),
    ...(coldCache === true ? { coldCache } : {}),
    ...(counters === true ? { counters } : {}),
    ...(quietWait == null ? {} : { quietMs: quietWait })
  }
}

/** `1,2`; none = whatever the program ends with by itself. */
export function readCodes (text: string): { codes: number[] } {
  if (text === '' || text === ALL_CODES) {
    return { codes: [] }
  }

  const codes = text.split(',').map(code => {
    const value = Number(code.trim())

    if (!/^\s*\d{1,3}\s*$/.test(code) || value > 255) {
      throw new MeshmarkError('usage', `--ignore-failure '${text}': '${code}' is not an exit code from 0 to 255: write e.g. --ignore-failure=1,2`)
    }

    return value
  })

  return { codes: [...new Set(codes)] }
}

export function readQuietWait (text: string): number {
  const ms = Math.round(parseDuration(text, '--quiet-wait'))

  if (ms > MAX_QUIET_MS) {
    throw new MeshmarkError('usage', `--quiet-wait '${text}' is more than the most that can be asked for, ${formatDuration(MAX_QUIET_MS)}`)
  }

  return ms
}
