import { type Command, Option } from 'commander'
import { METRICS } from '../../model/comparison.ts'
import { readThreshold } from '../../roles/client/draft/comparison.ts'
import { parsePercent } from '../../roles/client/draft/plan.ts'

export function addCompareOptions (command: Command): Command {
  return command
    .optionsGroup('How it is compared:')
    .addOption(new Option('--metric <metric>', 'what is compared: time by the clock, CPU time, or peak memory').choices([...METRICS]).default('wall'))
    .option('--margin <percent>', 'differences within it do not matter (default: 1%)', text => parsePercent(text, '--margin'))
    .option('--fail-if-slower <percent>', 'exit with 3 when one is slower by more than this for certain; 0 = slower at all', readThreshold)
    .option('--fail-if-undecided', 'exit with 3 when there is no verdict on some machine')
}
