import type { Command } from 'commander'
import { ListOption } from '../common/list-option.ts'

/** hyperfine's options, with its order and meaning. */
export function addHookOptions (command: Command): Command {
  return command
    .optionsGroup('Before and after (lines for sh -c in the sandbox, none of them timed):')
    .option('-s, --setup <line>', 'once before all runs of a command; each run finds the files that it leaves')
    .addOption(new ListOption('-p, --prepare <line>', 'before each run (once for all commands, or once for each)'))
    .addOption(new ListOption('-C, --conclude <line>', 'after each run (once for all commands, or once for each)'))
    .option('-c, --cleanup <line>', 'once after all runs of a command')
}
