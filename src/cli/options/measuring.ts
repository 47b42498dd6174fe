import { type Command, Option } from 'commander'
import { DEFAULT_QUIET_MS } from '../../model/plan.ts'
import { formatDuration } from '../../model/units.ts'
import { ALL_CODES, readCodes, readQuietWait } from '../../roles/client/draft/measuring.ts'

export function addMeasuringOptions (command: Command): Command {
  return command
    .optionsGroup('How it is measured:')
    .addOption(new Option('-i, --ignore-failure [codes]', 'exit codes that are no failure: =1,2, or all of them without a value').preset(ALL_CODES).argParser(readCodes))
    .option('--cold-cache', "empty the machine's file cache before each run; only where the worker allows it")
    .option('--counters', 'instructions, cycles, branch and cache misses too, where the machine has counters')
    .option('--quiet-wait <duration>', `wait at most so long for a quiet machine before measuring; 0 = do not (default: ${formatDuration(DEFAULT_QUIET_MS)})`, readQuietWait)
}
