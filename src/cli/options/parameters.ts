import { type Command, Option } from 'commander'
import { MeshmarkError } from '../../model/errors.ts'
import { MAX_COMMANDS } from '../../model/job.ts'
import { takingWords } from '../common/join-words.ts'
import { ListOption } from '../common/list-option.ts'

/** hyperfine's options; {VAR} is replaced in commands, their names and their hooks. */
export function addParameterOptions (command: Command): Command {
  return command
    .optionsGroup('Parameters:')
    .addOption(takingWords(new Option('-P, --parameter-scan <var> <min> <max>', `{VAR} in commands, names and hooks is each number from MIN to MAX; a job has at most ${MAX_COMMANDS} commands`).argParser(once), ['VAR', 'MIN', 'MAX']))
    .option('-D, --parameter-step-size <delta>', 'the step of --parameter-scan (default: 1)')
    .addOption(takingWords(new ListOption('-L, --parameter-list <var> <values>', '{VAR} is each of the values, with commas between them (repeatable: every combination)'), ['VAR', 'VALUES']))
}

function once (text: string, previous: string | undefined): string {
  if (previous != null) {
    throw new MeshmarkError('usage', `--parameter-scan can be given once, and there are '${previous}' and '${text}': write the values of one as --parameter-list`)
  }

  return text
}
