import type { Command } from 'commander'
import { comparedLines, type CompareOptions, comparisonOf, pairsPlanOf } from '../roles/client/draft/comparison.ts'
import type { DraftRequest } from '../roles/client/draft/draft.ts'
import { hookLinesOf, type HookOptions } from '../roles/client/draft/hooks.ts'
import type { JobOptions } from '../roles/client/draft/job-options.ts'
import { measuringOf, type MeasuringOptions } from '../roles/client/draft/measuring.ts'
import { type ParameterOptions, parametersOf } from '../roles/client/draft/parameter-options.ts'
import type { Parameter } from '../roles/client/draft/parameters.ts'
import type { PlanOptions } from '../roles/client/draft/plan.ts'
import { addBaselineOptions, type BaselineOptions } from './options/baseline.ts'
import { addCompareOptions } from './options/compare.ts'
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

interface AllOptions extends CompareOptions, JobOptions, PlanOptions, MeasuringOptions, HookOptions, ParameterOptions, BaselineOptions, ConnectionOptions, ResultOptions {
  commandName?: string[]
  /** The words are no commands but jobs, or files of results. */
  results?: boolean
}

export function define (command: Command, context: Context): void {
  command.argument('[commands...]', 'each one text, with its arguments; the others are compared with the first')
    .passThroughOptions()

  addCompareOptions(command)
  command.optionsGroup('What is compared:')
    .addOption(new ListOption('-n, --command-name <name>', 'what the results call a command (repeatable, in the order of the commands)'))
  addParameterOptions(command)
  addPlanOptions(command, 'pairs')
  addHookOptions(command)
  addMeasuringOptions(command)
  addJobOptions(command, 'all')
  addBaselineOptions(command)
    .option('--results', 'run nothing: lay stored jobs and files of results (ours or hyperfine\'s JSON) side by side')
  addResultOptions(command)
  addConnectionOptions(command, true)
  addExamples(command, [
    ["meshmark compare './old 7' './new 7'", 'two files of this machine, on every worker'],
    ["meshmark compare --fail-if-slower 5% './old 7' './new 7'", 'for a script: exits with 3 when it got slower'],
    ["meshmark compare --with f 'sort f' 'sort --parallel=1 f'", 'one program, two ways to call it'],
    ["meshmark compare -L n 1,2,4 './primes {n}'", 'the values of a parameter, each with the first one'],
    ["meshmark compare --metric memory -r 10 './old' './new'", 'ten pairs, by their peak memory'],
    ["meshmark compare --baseline main --fail-if-slower 5% './prog 7'", 'with a command that run --save-baseline main kept'],
    ["meshmark compare --report new.html --report new.md './old 7' './new 7'", 'a page to send, and a comment for a pull request'],
    ['meshmark compare --results q7x2m9ka old.json', 'what was measured before; different sessions, so no verdict'],
    ["meshmark compare --dry-run './old 7' './new 7'", 'which workers would compare them; nothing is submitted'],
    ["meshmark compare --with f --shell 'gzip <f | wc' 'xz <f | wc'", 'through a shell']
  ], `
Runs of the commands take turns on each machine, in pairs next to each other and in random order.
A verdict needs at least 6 pairs: equivalent when the whole interval of the ratio is within --margin,
else faster or slower when it excludes 1, else undecided.
Exit status: 0 done, 1 something failed, 2 wrong usage, 3 a regression that --fail-if-slower or
--fail-if-undecided asks for, 4 no master or no matching worker, 5 refused, 130 interrupted.
Ctrl-C leaves the job running, a second one cancels it.

${requirementHelp()}`)

  command.action(async (typed: string[], options: AllOptions) => {
    if (options.results === true) {
      const { checkSideBySideOptions, showSideBySide } = await import('./side-by-side.ts')

      checkSideBySideOptions(command)
      await showSideBySide(typed, options, context)
      return
    }

    const comparison = comparisonOf(options)
    const parameters = parametersOf(options)
    const request: DraftRequest = {
      kind: 'run',
      words: [],
      commands: linesOf(typed, parameters, options.baseline),
      names: options.commandName ?? [],
      options,
      on: 'all',
      plan: pairsPlanOf(options, comparison),
      hooks: hookLinesOf(options),
      parameters,
      measuring: { ...measuringOf(options), comparison }
    }

    context.exitCode = await measureJob(request, options, context)
  })
}

/** What is typed; a baseline stands before it and has no line. */
function linesOf (typed: readonly string[], parameters: readonly Parameter[], baseline: string | undefined): string[] {
  return baseline == null ? comparedLines(typed, parameters) : comparedLines(typed, [], baseline).slice(1)
}
