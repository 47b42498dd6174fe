import type { Command } from 'commander'
import { DEFAULT_PLAN, type Plan } from '../model/plan.ts'
import { MeshmarkError } from '../model/errors.ts'
import { MAX_MASTERS } from '../model/job.ts'
import { parseCount, parseDuration } from '../model/units.ts'
import { addLimitOptions } from './limit-options.ts'
import { ListOption } from './list-option.ts'
import { requireOption } from './require-option.ts'

/** What may be said of any job, measured or not; its limits are read by `limitsOf`. */
export interface JobOptions {
  on?: string
  where?: string[]
  require?: string[]
  with?: string[]
  stdin?: string
  env?: string[]
  name?: string
  id?: string
  detach?: boolean
  replicas?: number
  retryLost?: number
  shell?: boolean
}

export interface PlanOptions {
  runs?: number
  warmup?: number
  minRuns?: number
  maxRuns?: number
  precision?: number
  budget?: number
}

export function addJobOptions (command: Command, on: string): Command {
  command
    .optionsGroup('Where it runs:')
    .option('--on <workers>', `all, any, or names: lab-[1-4],pi-kitchen (default: ${on})`)
    .addOption(new ListOption('--where <condition>', 'only on workers like this: arch=arm64,cores=8..,label.zone=lab (repeatable)'))
    .addOption(requireOption())
    .optionsGroup('What goes along:')
    .addOption(new ListOption('--with <file[=name]>', 'a file the program needs, put beside it (repeatable)'))
    .option('--stdin <file>', 'what every run reads as its standard input; - is this one')
    .addOption(new ListOption('--env <key=value>', 'an environment variable of the program (repeatable)'))
    .option('--shell', 'hand the command line to sh -c')
    .option('-N', 'no shell, as always here; accepted because hyperfine has it')

  addLimitOptions(command.optionsGroup('Limits of one run:'))

  return command
    .optionsGroup('The job:')
    .option('--name <name>', 'a name to find the job by')
    .option('--id <ulid>', 'the job\'s id; the same id again is the same job')
    .option('-d, --detach', 'print the job\'s id and leave it running')
    .option('--replicas <n>', 'accept the job only when so many masters have it on disk (default: those that are live)', text => parseCount(text, '--replicas', 1, MAX_MASTERS))
    .option('--retry-lost <duration>', 'with --on any: run it again elsewhere when its worker has been lost for so long; it may then run twice', text => positive(parseDuration(text, '--retry-lost'), '--retry-lost', text))
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
    .option('--budget <duration>', 'stop after this long for each command and worker (default: 5s)', text => positive(parseDuration(text, '--budget'), '--budget', text))
}

/** A fixed number of runs, or a precision within a budget. */
export function planOf (options: PlanOptions): Plan {
  const { runs, minRuns, maxRuns, precision, budget, warmup = 0 } = options

  if (runs != null) {
    const other = Object.entries({ '--min-runs': minRuns, '--max-runs': maxRuns, '--precision': precision, '--budget': budget }).find(([, value]) => value != null)

    if (other != null) {
      throw new MeshmarkError('usage', `--runs fixes the number of runs, so ${other[0]} has no meaning beside it: leave one of them out`)
    }

    return { kind: 'fixed', runs, warmup }
  }

  if (DEFAULT_PLAN.kind !== 'precision') {
    throw new TypeError('the default plan aims at a precision')
  }

  const plan = {
    ...DEFAULT_PLAN,
    warmup,
    minRuns: minRuns ?? Math.min(DEFAULT_PLAN.minRuns, maxRuns ?? Infinity),
    maxRuns: maxRuns ?? Math.max(DEFAULT_PLAN.maxRuns, minRuns ?? 0),
    precision: precision ?? DEFAULT_PLAN.precision,
    budgetMs: budget ?? DEFAULT_PLAN.budgetMs
  }

  if (plan.minRuns > plan.maxRuns) {
    throw new MeshmarkError('usage', `--min-runs ${plan.minRuns} is more than --max-runs ${plan.maxRuns}`)
  }

  return plan
}

/** `1%` or `0.5%`, as a fraction; a bare number is a percentage too. */
export function parsePercent (text: string, option: string): number {
  const value = Number(text.replace(/%$/, ''))

  if (!/^\d+(\.\d+)?%?$/.test(text) || value <= 0 || value >= 100) {
    throw new MeshmarkError('usage', `${option} '${text}' is not a percentage between 0 and 100: write e.g. 1%`)
  }

  return value / 100
}

function positive (value: number, option: string, text: string): number {
  if (value <= 0) {
    throw new MeshmarkError('usage', `${option} '${text}' must be more than nothing`)
  }

  return value
}
