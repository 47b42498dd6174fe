import { shellWord } from './shell-words.ts'
import { LIMIT_OPTIONS } from '../roles/client/draft/limit-options.ts'
import { DEFAULT_BACKOFF_MS } from '../model/restart.ts'
import { DEFAULT_MARGIN } from '../model/comparison.ts'
import { DEFAULT_PLAN, type Plan } from '../model/plan.ts'
import { LIMIT_KEYS, LIMIT_RULES } from '../model/limits.ts'
import { printable } from '../model/text.ts'
import type { Command, Hooks, Job } from '../model/job.ts'

/** More items than these are named by a file. */
const MAX_ITEMS = 12
const MAX_ITEM_CHARACTERS = 400

export interface CommandLine {
  /** To be pasted into a shell. */
  line: string
  /** What has to be there before, and what cannot be told, in words. */
  remarks: string[]
}

/** The command that does a job again, as it is typed. Values of its environment are secrets and are left out. */
export function commandLineOf (job: Job): CommandLine {
  const words = job.map != null
    ? ['map', ...schedule(job), 'FILE.yaml']
    : job.kind === 'exec' ? execWords(job) : measureWords(job)

  return { line: `meshmark ${words.join(' ')}`, remarks: remarksOf(job) }
}

function measureWords (job: Job): string[] {
  const { commands, comparison } = job
  const named = comparison?.baseline == null ? commands : commands.slice(1)
  const [only] = named
  // a baseline is compared by run as well as by compare
  const isCompare = comparison != null
  const lines = named.map(typed)
  const names = named.every(({ name }) => name == null) ? [] : named.flatMap(command => ['-n', shellWord(command.name ?? typed(command))])

  return [
    isCompare ? 'compare' : 'run',
    ...planWords(job.plan, isCompare ? comparison.margin / 2 : undefined),
    ...comparison == null
      ? []
      : [
          ...comparison.metric === 'wall' ? [] : ['--metric', comparison.metric],
          ...comparison.margin === DEFAULT_MARGIN ? [] : ['--margin', percent(comparison.margin)],
          ...comparison.failIfSlower == null ? [] : ['--fail-if-slower', percent(comparison.failIfSlower)],
          ...comparison.failIfUndecided ? ['--fail-if-undecided'] : [],
          ...comparison.baseline == null ? [] : ['--baseline', shellWord(comparison.baseline)]
        ],
    ...hookWords(named),
    ...job.ignoreFailure == null ? [] : [`--ignore-failure${job.ignoreFailure.codes.length === 0 ? '' : `=${job.ignoreFailure.codes.join(',')}`}`],
    ...job.coldCache === true ? ['--cold-cache'] : [],
    ...job.counters === true ? ['--counters'] : [],
    ...job.quietMs == null ? [] : ['--quiet-wait', `${job.quietMs}ms`],
    ...jobWords(job, 'all'),
    ...names,
    ...isCompare
      ? lines.map(line => shellWord(line))
      : named.length === 1 && only != null ? [typed(only)] : lines.flatMap(line => ['--command', shellWord(line)])
  ]
}

function execWords (job: Job): string[] {
  const [command] = job.commands
  const { each, retry } = job
  const fits = each != null && each.items.length <= MAX_ITEMS && each.items.join(' ').length <= MAX_ITEM_CHARACTERS

  return [
    'exec',
    ...jobWords(job, 'any'),
    ...retry == null ? [] : ['--retry', `${retry.max ?? 1_000_000}${retry.backoffMs === DEFAULT_BACKOFF_MS ? '' : `:${retry.backoffMs}ms`}`],
    ...each == null || fits ? [] : ['--each', 'ITEMS'],
    ...command == null ? [] : [typed(command)],
    ...fits ? [':::', ...each.items.map(item => shellWord(item))] : []
  ]
}

function jobWords (job: Job, on: string): string[] {
  const { placement, payload, stdin, limits } = job
  const own = programsOf(job)
  const files = payload?.files.map(({ path }) => path).filter(path => !own.has(path) && path !== stdin) ?? []

  return [
    ...placement.on === 'names' ? ['--on', shellWord(placement.names.join(','))] : placement.on === 'some' ? ['--on', String(placement.count)] : placement.on === on ? [] : ['--on', placement.on],
    ...placement.where.flatMap(({ key, value }) => ['--where', shellWord(`${key}=${value}`)]),
    ...job.require == null || job.require.length === 0 ? [] : ['--require', job.require.join(',')],
    ...files.flatMap(path => ['--with', shellWord(path)]),
    ...stdin == null ? [] : ['--stdin', shellWord(stdin)],
    ...(job.data ?? []).flatMap(({ name }) => ['--data', `${shellWord(name)}=FILE`]),
    ...(job.variants?.choices ?? []).flatMap(({ where, path }) => ['--variant', shellWord(`${where.map(({ key, value }) => `${key}=${value}`).join(',')}:${path}`)]),
    ...job.build == null ? [] : ['--build', shellWord(job.build.line)],
    ...Object.keys(job.env).flatMap(name => ['--env', `${shellWord(name)}=…`]),
    ...LIMIT_KEYS.flatMap(key => limits[key] == null ? [] : [LIMIT_OPTIONS[key].job, `${limits[key]}${LIMIT_RULES[key].unit === 'duration' ? 'ms' : ''}`]),
    ...(job.collect?.patterns ?? []).flatMap(pattern => ['--collect', shellWord(pattern)]),
    ...schedule(job)
  ]
}

function schedule ({ name, priority, deadlineMs }: Job): string[] {
  return [
    ...priority == null || priority === 0 ? [] : ['--priority', String(priority)],
    ...deadlineMs == null ? [] : ['--deadline', `${deadlineMs}ms`],
    ...name == null ? [] : ['--name', shellWord(name)]
  ]
}

/** @param precision - what it is when nothing is said; undefined = the usual one */
function planWords (plan: Plan, precision?: number): string[] {
  if (plan.kind === 'once') {
    return []
  }

  const warmup = plan.warmup === 0 ? [] : ['--warmup', String(plan.warmup)]

  if (plan.kind === 'fixed' || DEFAULT_PLAN.kind !== 'precision') {
    return [...plan.kind === 'fixed' ? ['--runs', String(plan.runs)] : [], ...warmup]
  }

  return [
    ...warmup,
    ...plan.precision === (precision ?? DEFAULT_PLAN.precision) ? [] : ['--precision', percent(plan.precision)],
    ...plan.budgetMs === DEFAULT_PLAN.budgetMs ? [] : ['--budget', `${plan.budgetMs}ms`],
    ...plan.minRuns === DEFAULT_PLAN.minRuns ? [] : ['--min-runs', String(plan.minRuns)],
    ...plan.maxRuns === DEFAULT_PLAN.maxRuns ? [] : ['--max-runs', String(plan.maxRuns)]
  ]
}

const HOOK_OPTIONS: Record<keyof Hooks, string> = { setup: '--setup', prepare: '--prepare', conclude: '--conclude', cleanup: '--cleanup' }

/** Once where all commands have the same, else once for each. */
function hookWords (commands: readonly Command[]): string[] {
  return (Object.keys(HOOK_OPTIONS) as Array<keyof Hooks>).flatMap(hook => {
    const lines = commands.map(({ hooks }) => hooks?.[hook] ?? '')

    return new Set(lines).size === 1
      ? lines[0] === '' ? [] : [HOOK_OPTIONS[hook], shellWord(lines[0] ?? '')]
      : lines.flatMap(line => [HOOK_OPTIONS[hook], shellWord(line)])
  })
}

function remarksOf (job: Job): string[] {
  const variants = job.variants?.choices.filter(({ payload }) => payload != null).map(({ path }) => path) ?? []
  const own = [...programsOf(job)].filter(path => job.payload?.files.some(file => file.path === path) === true)
  const sent = [...own, ...variants]
  const count = job.payload?.files.length ?? 0

  return [
    ...job.map == null ? [] : ['The file of the map is not kept with the job; it is named FILE.yaml here.'],
    ...sent.length === 0 ? [] : [`Programs that were sent: ${sent.slice(0, 5).map(path => printable(path, 80)).join(', ')}${sent.length > 5 ? ` and ${sent.length - 5} more` : ''}.`],
    ...count <= own.length ? [] : ['Files that go along are named as they stood beside the program, not as they were called where they came from.'],
    ...job.data == null || job.data.length === 0 ? [] : ['FILE stands for the files of a data set.'],
    ...job.each != null && job.each.items.length > MAX_ITEMS ? [`ITEMS stands for a file with the ${job.each.items.length.toLocaleString('en')} items, one in each line.`] : [],
    ...Object.keys(job.env).length === 0 ? [] : ['Values of environment variables are left out: they may be secrets.']
  ]
}

function programsOf ({ commands, variants }: Job): Set<string> {
  return new Set([...commands.flatMap(({ program }) => program.kind === 'payload' ? [program.path] : []), ...variants?.choices.map(({ path }) => path) ?? []])
}

/** As one text, which is split again as a shell splits it. */
function typed ({ argv }: Command): string {
  return argv.map(word => shellWord(word)).join(' ')
}

/** 0.05 is `5%`. */
function percent (fraction: number): string {
  return `${Number((fraction * 100).toPrecision(6))}%`
}
