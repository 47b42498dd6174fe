import { DEFAULT_MARGIN } from '../../model/comparison.ts'
import { LIMIT_KEYS, LIMIT_RULES } from '../../model/limits.ts'
import { isPayloadPath } from '../../model/payload.ts'
import { DEFAULT_PLAN } from '../../model/plan.ts'
import { DEFAULT_BACKOFF_MS } from '../../model/restart.ts'
import { LIMIT_OPTIONS } from '../../roles/client/draft/limit-options.ts'
import { fitTitle } from '../../roles/client/draft/command-titles.ts'
import { shellWord } from '../../report/shell-words.ts'
import { insideOf } from './command-line.ts'
import { EMPTY_FORM, type Form, type FormFile, type FormTexts } from './form.ts'
import type { FullJob } from '../../report/full.ts'
import type { Selector } from '../../model/placement.ts'

export interface FilledForm {
  form: Form
  /** What the job has and this form cannot, in words. */
  left: string[]
}

/**
 * The form that submits a job again, filled with all that its record tells:
 * files and values of its environment are taken from it, by the master. Pure.
 */
export function formOfJob (job: FullJob): FilledForm {
  const left: string[] = []
  const { commands, each, comparison } = job
  const isShell = commands.every(({ argv, program, name }) => program.kind === 'name' && program.name === 'sh' && argv[0] === 'sh' && argv[1] === '-c' && argv.length === (each == null ? 3 : 4) && name === fitTitle(argv[2] ?? ''))
  const { files, programs, variants } = filesOf(job)
  const isMeasured = job.kind === 'run'

  if (job.map != null) {
    left.push('its map: lists for single workers')
  }

  if (job.data != null) {
    left.push(`data sets (${job.data.map(({ name }) => name).join(', ')})`)
  }

  if (job.collect != null) {
    left.push('the files that it brings back')
  }

  if (comparison?.baseline != null) {
    left.push(`baseline ${comparison.baseline} is a file of this job like any other`)
  }

  if (each?.items.some(item => /[\r\n]/.test(item)) === true) {
    left.push('items of several lines')
  }

  return {
    form: {
      ...EMPTY_FORM,
      ...textsOf(job, left),
      kind: isMeasured ? comparison == null ? 'run' : 'compare' : each == null ? 'exec' : 'each',
      commands: commands.map(({ argv }, index) => isShell ? argv[2]! : lineOf(argv, programs[index])),
      names: isShell || commands.every(({ name }) => name == null) ? [] : commands.map(command => command.name ?? command.title),
      shell: isShell,
      items: each?.items.join('\n') ?? '',
      files,
      stdin: job.stdin ?? '',
      env: job.env.join('\n'),
      ...placeOf(job),
      often: job.plan.kind === 'fixed' ? 'runs' : 'precision',
      variant: variants,
      require: job.require ?? [],
      coldCache: job.coldCache === true,
      counters: job.counters === true,
      failIfUndecided: comparison?.failIfUndecided === true,
      from: job.id
    },
    left
  }
}

/** Files with the names under which the commands call them, and those names by command where the program is one. */
function filesOf ({ payload, commands, variants }: FullJob): { files: FormFile[], programs: Array<string | undefined>, variants: string[] } {
  const all = [...payload?.files ?? [], ...(variants?.choices ?? []).flatMap(({ path, payload }) => payload == null ? [] : payload.files.map(file => ({ ...file, path })))]
  const taken = new Set(all.map(({ path }) => path))
  const renamed = new Map<string, string>()

  const rename = (path: string, name: string): void => {
    if (name !== path && isPayloadPath(name) && taken.has(path) && !taken.has(name) && !renamed.has(path)) {
      renamed.set(path, name)
      taken.delete(path)
      taken.add(name)
    }
  }

  for (const { program, argv } of commands) {
    if (program.kind === 'payload' && program.path !== variants?.program) {
      rename(program.path, insideOf(argv[0] ?? ''))
    }
  }

  variants?.choices.forEach(({ path }) => { rename(path, path.replace(/^\.variants\//, '')) })

  const nameOf = (path: string): string => renamed.get(path) ?? path

  return {
    files: all.map(({ path, size, executable }) => ({ name: nameOf(path), size, of: path, executable })),
    programs: commands.map(({ program, argv }) => program.kind !== 'payload' || program.path === variants?.program || insideOf(argv[0] ?? '') === nameOf(program.path) ? undefined : `./${nameOf(program.path)}`),
    variants: (variants?.choices ?? []).map(({ where, path }) => `${whereOf(where)}:./${nameOf(path)}`)
  }
}

/** As it is typed; the shell-like splitting of the command line takes it apart again. */
function lineOf (argv: readonly string[], program: string | undefined): string {
  return [program ?? argv[0] ?? '', ...argv.slice(1)].map(typedWord).join(' ')
}

/** Nothing is spelled out: in the form it is not a shell that reads it. */
function typedWord (word: string): string {
  return shellWord(word) === word ? word : `'${word.replaceAll("'", "'\\''")}'`
}

function whereOf (where: readonly Selector[]): string {
  return where.map(({ key, value }) => `${key}=${value}`).join(',')
}

function placeOf ({ placement }: FullJob): Pick<Form, 'on' | 'where'> & Partial<Form> {
  return {
    on: placement.on,
    where: whereOf(placement.where),
    ...(placement.on === 'some' ? { count: String(placement.count) } : {}),
    ...(placement.on === 'names' ? { workers: placement.names } : {})
  }
}

function textsOf (job: FullJob, left: string[]): Partial<FormTexts> {
  const { plan, comparison, limits, build, retry } = job
  const margin = comparison?.margin ?? DEFAULT_MARGIN
  const usual = DEFAULT_PLAN.kind === 'precision' ? { ...DEFAULT_PLAN, precision: comparison == null ? DEFAULT_PLAN.precision : margin / 2 } : undefined
  const texts: Partial<FormTexts> = {
    ...hooksOf(job, left),
    name: job.name,
    priority: other(job.priority, 0, String),
    deadline: other(job.deadlineMs, undefined, durationText),
    retry: retry == null ? undefined : `${retry.max ?? 1_000}${retry.backoffMs === DEFAULT_BACKOFF_MS ? '' : `:${durationText(retry.backoffMs)}`}`,
    retryLost: other(job.retryLostMs, undefined, durationText),
    replicas: other(job.replicas, undefined, String),
    quietWait: other(job.quietMs, undefined, durationText),
    ignoreFailure: job.ignoreFailure == null ? undefined : job.ignoreFailure.codes.length === 0 ? 'all' : job.ignoreFailure.codes.join(','),
    metric: other(comparison?.metric, 'wall', String),
    margin: other(margin, DEFAULT_MARGIN, percentText),
    failIfSlower: other(comparison?.failIfSlower, undefined, percentText),
    build: build?.line,
    buildTimeout: other(build?.limits.wallMs, undefined, durationText),
    buildMemory: other(build?.limits.memoryBytes, undefined, sizeText),
    ...(plan.kind === 'once' ? {} : { warmup: other(plan.warmup, 0, String) }),
    ...(plan.kind === 'fixed' ? { runs: String(plan.runs) } : {}),
    ...(plan.kind === 'precision'
      ? {
          precision: other(plan.precision, usual?.precision, percentText),
          budget: other(plan.budgetMs, usual?.budgetMs, durationText),
          minRuns: other(plan.minRuns, usual?.minRuns, String),
          maxRuns: other(plan.maxRuns, usual?.maxRuns, String)
        }
      : {})
  }

  for (const key of LIMIT_KEYS) {
    const value = limits[key]
    const field = LIMIT_OPTIONS[key].job.slice(2).replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase()) as keyof FormTexts

    texts[field] = other(value, undefined, value => limitText(LIMIT_RULES[key].unit, value))
  }

  return Object.fromEntries(Object.entries(texts).filter(([, text]) => text != null))
}

const HOOKS = ['setup', 'prepare', 'conclude', 'cleanup'] as const

/** `prepare` and `conclude` may differ between commands, the others must be those of all. */
function hooksOf ({ commands }: FullJob, left: string[]): Partial<FormTexts> {
  const texts: Partial<FormTexts> = {}

  for (const hook of HOOKS) {
    const lines = commands.map(({ hooks }) => hooks?.[hook] ?? '')
    const isOne = lines.every(line => line === lines[0])
    const isList = hook === 'prepare' || hook === 'conclude'

    if ((!isOne && (!isList || lines.includes(''))) || (isList && lines.some(line => line.includes('\n')))) {
      left.push(`--${hook}, which is another line for each command`)
    } else if (lines[0] !== '') {
      texts[hook] = isOne ? lines[0] : lines.join('\n')
    }
  }

  return texts
}

function other<T> (value: T | undefined, usual: T | undefined, text: (value: T) => string): string | undefined {
  return value == null || value === usual ? undefined : text(value)
}

function limitText (unit: 'duration' | 'size' | 'count', value: number): string {
  return unit === 'duration' ? durationText(value) : unit === 'size' ? sizeText(value) : String(value)
}

/** Exactly, in the largest unit that does not need a fraction. */
export function durationText (ms: number): string {
  const [unit, size] = ([['h', 3_600_000], ['m', 60_000], ['s', 1_000]] as const).find(([, size]) => ms > 0 && ms % size === 0) ?? ['ms', 1]

  return `${plain(ms / size)}${unit}`
}

export function sizeText (bytes: number): string {
  const [unit, size] = ([['G', 1024 ** 3], ['M', 1024 ** 2], ['K', 1024]] as const).find(([, size]) => bytes > 0 && bytes % size === 0) ?? ['', 1]

  return `${bytes / size}${unit}`
}

export function percentText (fraction: number): string {
  return `${plain(Number((fraction * 100).toPrecision(12)))}%`
}

/** Never 1e-7. */
function plain (value: number): string {
  return Number.isInteger(value) ? String(value) : value.toFixed(9).replace(/\.?0+$/, '')
}
