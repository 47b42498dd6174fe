import type { Command } from 'commander'
import { MAX_MASTERS } from '../../model/job.ts'
import { DEFAULT_BUILD_LIMITS } from '../../model/build.ts'
import { formatBytes, formatDuration, MAX_JOB_MS, parseCount, parseDuration } from '../../model/units.ts'
import { parseLimit } from '../../roles/client/draft/limit-options.ts'
import { parsePercent, positive } from '../../roles/client/draft/plan.ts'
import { readPriority } from '../../roles/client/draft/retry.ts'
import { addDryRunOption } from './dry-run.ts'
import { addLimitOptions } from './limits.ts'
import { ListOption } from '../common/list-option.ts'
import { requireOption } from './require.ts'

export function addJobOptions (command: Command, on: string): Command {
  command
    .optionsGroup('Where it runs:')
    .option('--on <workers>', `all, any, so many different workers, or names: lab-[1-4],pi-kitchen (default: ${on})`)
    .addOption(new ListOption('--where <condition>', 'only on workers like this: arch=arm64,cores=8..,label.zone=lab,python=3.11 (repeatable)'))
    .addOption(requireOption())
    .optionsGroup('What goes along:')
    .addOption(new ListOption('--with <file[=name]>', 'a file the program needs, put beside it (repeatable)'))
    .option('--stdin <file>', 'what every run reads as its standard input; - is this one')
    .addOption(new ListOption('--variant <condition:file>', 'the file of the program on workers like this: --variant arch=arm64:./app-arm64 --variant arch=x64:./app-x64 ./app ARG (repeatable; the first that fits)'))
    .option('--build <line>', 'a line for sh that every worker does first, once, in a sandbox: --build \'cc -O2 -o app app.c\'; files that it names and leaves are there in every run')
    .option('--build-timeout <duration>', `wall time of the build (default: ${formatDuration(DEFAULT_BUILD_LIMITS.wallMs)})`, text => parseLimit('wallMs', '--build-timeout', text))
    .option('--build-memory <size>', `memory of the build (default: ${formatBytes(DEFAULT_BUILD_LIMITS.memoryBytes)})`, text => parseLimit('memoryBytes', '--build-memory', text))
    .addOption(new ListOption('--env <key=value>', 'an environment variable of the program (repeatable)'))
    .option('--shell', 'hand the command line to sh -c')
    .option('-N', 'no shell, as always here; accepted because hyperfine has it')

  addLimitOptions(command.optionsGroup('Limits of one run:'))

  command
    .optionsGroup('The job:')
    .option('--name <name>', 'a name to find the job by')
    .option('--id <ulid>', 'the job\'s id; the same id again is the same job')
    .option('-d, --detach', 'print the job\'s id and leave it running')
    .option('--replicas <n>', 'accept the job only when so many masters have it on disk (default: those that are live)', text => parseCount(text, '--replicas', 1, MAX_MASTERS))

  return addDryRunOption(addScheduleOptions(command))
    .option('--retry-lost <duration>', 'with --on any or a number: run it again elsewhere when its worker has been lost for so long; it may then run twice', text => positive(parseDuration(text, '--retry-lost', MAX_JOB_MS), '--retry-lost', text))
}

/** When a job's turn comes, and when it is over. */
export function addScheduleOptions (command: Command): Command {
  return command
    .option('--priority <n>', 'which of your jobs goes first: -100 to 100, higher ones before lower ones (default: 0)', readPriority)
    .option('--deadline <duration>', 'cancel what has not ended so long after the job was accepted', text => positive(parseDuration(text, '--deadline', MAX_JOB_MS), '--deadline', text))
}

/** @param what - is counted: single runs, or pairs of which each has a run of every command */
export function addPlanOptions (command: Command, what: 'runs' | 'pairs' = 'runs'): Command {
  const [counted, known, percent] = what === 'runs' ? ['measured runs', 'the median is', '1%'] : ['pairs of runs', 'every ratio is', 'half of --margin']

  return command
    .optionsGroup('How often:')
    .option('-r, --runs <n>', `exactly so many ${counted}`, text => parseCount(text, '--runs'))
    .option('-w, --warmup <n>', 'runs before the first measured one (default: 0)', text => parseCount(text, '--warmup', 0))
    .option('-m, --min-runs <n>', 'at least so many', text => parseCount(text, '--min-runs'))
    .option('-M, --max-runs <n>', 'at most so many', text => parseCount(text, '--max-runs'))
    .option('--precision <percent>', `stop when ${known} known this well (default: ${percent})`, text => parsePercent(text, '--precision'))
    .option('--budget <duration>', 'stop after this long for each command and worker (default: 5s)', text => positive(parseDuration(text, '--budget', MAX_JOB_MS), '--budget', text))
}
