import { type Command, Option } from 'commander'
import { MeshmarkError } from '../model/errors.ts'
import { DEFAULT_QUIET_MS } from '../model/plan.ts'
import { formatDuration, parseDuration } from '../model/units.ts'
import type { JobDraft } from '../roles/client/types.ts'

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
const ALL = 'all-non-zero'

/** A machine that is not quiet after this long will not be. */
const MAX_QUIET_MS = 3_600_000

export function addMeasuringOptions (command: Command): Command {
  return command
    .optionsGroup('How it is measured:')
    .addOption(new Option('-i, --ignore-failure [codes]', 'exit codes that are no failure: =1,2, or all of them without a value').preset(ALL).argParser(readCodes))
    .option('--cold-cache', "empty the machine's file cache before each run; only where the worker allows it")
    .option('--counters', 'instructions, cycles, branch and cache misses too, where the machine has counters')
    .option('--quiet-wait <duration>', `wait at most so long for a quiet machine before measuring; 0 = do not (default: ${formatDuration(DEFAULT_QUIET_MS)})`, readQuietWait)
}

export function measuringOf ({ ignoreFailure, coldCache, counters, quietWait }: MeasuringOptions): Measuring {
  return {
    ...(ignoreFailure == null ? {} : { ignoreFailure }),
    ...(coldCache === true ? { coldCache } : {}),
    ...(counters === true ? { counters } : {}),
    ...(quietWait == null ? {} : { quietMs: quietWait })
  }
}

/** `1,2`; none = whatever the program ends with by itself. */
function readCodes (text: string): { codes: number[] } {
  if (text === '' || text === ALL) {
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

function readQuietWait (text: string): number {
  const ms = Math.round(parseDuration(text, '--quiet-wait'))

  if (ms > MAX_QUIET_MS) {
    throw new MeshmarkError('usage', `--quiet-wait '${text}' is more than the most that can be asked for, ${formatDuration(MAX_QUIET_MS)}`)
  }

  return ms
}
