import type { Command } from 'commander'
import { comparisonOf, pairsPlanOf } from '../roles/client/draft/comparison.ts'
import type { DraftRequest } from '../roles/client/draft/draft.ts'
import { hookLinesOf, type HookOptions } from '../roles/client/draft/hooks.ts'
import type { JobOptions } from '../roles/client/draft/job-options.ts'
import { measuringOf, type MeasuringOptions } from '../roles/client/draft/measuring.ts'
import { type ParameterOptions, parametersOf } from '../roles/client/draft/parameter-options.ts'
import { planOf, type PlanOptions } from '../roles/client/draft/plan.ts'
import { addBaselineOptions, type BaselineOptions } from './options/baseline.ts'
import { addCollectOptions, type CollectToOptions } from './options/collect.ts'
import type { Context } from './common/context.ts'
import { addHookOptions } from './options/hooks.ts'
import { addJobOptions, addPlanOptions } from './options/job.ts'
import { ListOption } from './common/list-option.ts'
import { measureJob } from './job/measure.ts'
import { addMeasuringOptions } from './options/measuring.ts'
import { addConnectionOptions, addExamples, type ConnectionOptions } from './common/options.ts'
import { addParameterOptions } from './options/parameters.ts'
import { requirementHelp } from './options/require.ts'
import { addResultOptions, type ResultOptions } from './files/results.ts'

interface RunOptions extends JobOptions, PlanOptions, MeasuringOptions, HookOptions, ParameterOptions, BaselineOptions, CollectToOptions, ConnectionOptions, ResultOptions {
  command?: string[]
  commandName?: string[]
}

export function define (command: Command, context: Context): void {
  command.argument('[program]', 'a path of this machine (it is sent), the name of a program of the workers, or worker:/path')
    .argument('[args...]', 'handed to the program')
    .passThroughOptions()
    .optionsGroup('What is measured:')
    .addOption(new ListOption('--command <line>', 'a command with its arguments in one text (repeatable: several are compared side by side)'))
    .addOption(new ListOption('-n, --command-name <name>', 'what the results call a command (repeatable, in the order of the commands)'))

  addParameterOptions(command)
  addPlanOptions(command)
  addHookOptions(command)
  addMeasuringOptions(command)
  addJobOptions(command, 'all')
  addCollectOptions(command)
  addBaselineOptions(command)
  addResultOptions(command)
  addConnectionOptions(command, true)
  addExamples(command, [
    ['meshmark run ./primes 200000', 'send ./primes to every worker and measure it there'],
    ['meshmark run -r 20 -w 2 python3 -c "sum(range(10**6))"', "the workers' own python3, 20 runs after 2 to warm up"],
    ['meshmark run --with data.csv ./sort data.csv', 'a file goes along'],
    ["meshmark run --command 'xz -1 f' --command 'xz -9 f' --with f", 'two commands, side by side'],
    ['meshmark run -P n 1 9 --with f xz -{n} f', 'nine commands of one pattern'],
    ["meshmark run -p 'cp f g' --with f sort -o g g", 'each run gets a file of its own; the copy is not timed'],
    ['meshmark run --save-baseline main ./prog 7', 'keep ./prog as it is now; later, with another ./prog:'],
    ['meshmark run --baseline main ./prog 7', 'the kept one and this one take turns, and are compared'],
    ["meshmark run --collect 'out/*' ./simulate", 'the files of its last run, a folder for each worker'],
    ['meshmark run --dry-run --memory 8G ./bench', 'which workers would measure it, and why others would not'],
    ['meshmark run --report bench.html ./bench', 'one page to send to somebody: charts, tables, machines, data'],
    ['meshmark run --where arch=arm64 --format json ./bench', 'only some workers; everything as JSON']
  ], `
Options end at the first word that is not one; -- may stand before the program.
Exit status: 0 done, 1 something failed, 2 wrong usage, 4 no master or no matching worker,
5 refused, 130 interrupted. Ctrl-C leaves the job running, a second one cancels it.

${requirementHelp()}`)

  command.action(async (program: string | undefined, args: string[], options: RunOptions) => {
    // Everything else of a comparison is compare's to say.
    const comparison = options.baseline == null ? undefined : comparisonOf({ metric: 'wall' })
    const request: DraftRequest = {
      kind: 'run',
      words: program == null ? [] : [program, ...args],
      commands: options.command ?? [],
      names: options.commandName ?? [],
      options,
      on: 'all',
      plan: comparison == null ? planOf(options) : pairsPlanOf(options, comparison),
      hooks: hookLinesOf(options),
      parameters: parametersOf(options),
      measuring: { ...measuringOf(options), ...(comparison == null ? {} : { comparison }) }
    }

    context.exitCode = await measureJob(request, options, context)
  })
}
