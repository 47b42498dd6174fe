import { DEFAULT_COLLECT_BYTES } from '../../model/collect.ts'
import { DEFAULT_MARGIN } from '../../model/comparison.ts'
import { LIMIT_KEYS } from '../../model/limits.ts'
import { isPayloadPath } from '../../model/payload.ts'
import { DEFAULT_PLAN } from '../../model/plan.ts'
import { DEFAULT_BACKOFF_MS } from '../../model/restart.ts'
import { LIMIT_OPTIONS } from '../../roles/client/draft/limit-options.ts'
import { fitTitle } from '../../roles/client/draft/command-titles.ts'
import { insideOf } from './command-line.ts'
import { patternLines, singleLines } from './commands-of-job.ts'
import { EMPTY_FORM, type Form, type FormDataSet, type FormFile, type FormTexts } from './form.ts'
import { mapText } from './map-of-job.ts'
import { durationText, limitText, percentText, sizeText } from './texts.ts'
import type { JobMap } from '../../model/map.ts'
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
  const { commands, each, comparison } = job
  const left: string[] = []

  if (job.map != null) {
    return { form: { ...formOfMap({ ...job, map: job.map }), from: job.id }, left }
  }

  const isShell = commands.every(({ argv, program, name }) => program.kind === 'name' && program.name === 'sh' && argv[0] === 'sh' && argv[1] === '-c' && argv.length === (each == null ? 3 : 4) && name === fitTitle(argv[2] ?? ''))
  const { files, programs, variants } = filesOf(job)
  const isMeasured = job.kind === 'run'

  if (comparison?.baseline != null) {
    left.push(`baseline ${comparison.baseline} is a file of this job like any other`)
  }

  if (comparison != null && job.collect != null) {
    left.push('the files that it brings back')
  }

  if (each?.items.some(item => /[\r\n]/.test(item)) === true) {
    left.push('items of several lines')
  }

  const names = isShell || commands.every(({ name }) => name == null) ? [] : commands.map(command => command.name ?? command.title)
  const typed = commands.map(({ argv, name, hooks, parameters }, index) => ({ argv: [programs[index] ?? argv[0] ?? '', ...argv.slice(1)], ...(name == null ? {} : { title: name }), hooks, parameters }))
  // those that parameters tell apart are called so by themselves
  const patterns = isMeasured ? patternLines(typed, isShell, []) : undefined
  const lines = patterns ?? (isMeasured ? patternLines(typed, isShell, names) : undefined) ?? singleLines(typed, isShell, left)

  return {
    form: {
      ...EMPTY_FORM,
      ...textsOf(job),
      ...lines,
      kind: isMeasured ? comparison == null ? 'run' : 'compare' : each == null ? 'exec' : 'each',
      names: patterns == null ? names : [],
      shell: isShell,
      items: each?.items.join('\n') ?? '',
      files,
      data: dataOf(job),
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

/** Of every job, a map too. */
function anyTextsOf (job: FullJob): Partial<FormTexts> {
  return definedOf({
    name: job.name,
    priority: other(job.priority, 0, String),
    deadline: other(job.deadlineMs, undefined, durationText),
    replicas: other(job.replicas, undefined, String),
    collect: job.collect?.patterns.join('\n'),
    collectMax: other(job.collect?.maxBytes, DEFAULT_COLLECT_BYTES, sizeText)
  })
}

function dataOf ({ data = [] }: FullJob): FormDataSet[] {
  return data.map(({ name, file, payload }) => ({ name, path: name, isFile: file === true, files: [], size: payload.files.reduce((sum, { size }) => sum + size, 0), of: name }))
}

function formOfMap (job: FullJob & { map: JobMap }): Form {
  const { files, programs } = filesOf(job)

  return { ...EMPTY_FORM, ...anyTextsOf(job), kind: 'map', map: mapText(job, programs, files.map(({ name }) => name)), files, data: dataOf(job), env: job.env.join('\n') }
}

function textsOf (job: FullJob): Partial<FormTexts> {
  const { plan, comparison, limits, build, retry } = job
  const margin = comparison?.margin ?? DEFAULT_MARGIN
  const usual = DEFAULT_PLAN.kind === 'precision' ? { ...DEFAULT_PLAN, precision: comparison == null ? DEFAULT_PLAN.precision : margin / 2 } : undefined
  const texts: Partial<FormTexts> = {
    ...anyTextsOf(job),
    retry: retry == null ? undefined : `${retry.max ?? 1_000}${retry.backoffMs === DEFAULT_BACKOFF_MS ? '' : `:${durationText(retry.backoffMs)}`}`,
    retryLost: other(job.retryLostMs, undefined, durationText),
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

    texts[field] = other(value, undefined, value => limitText(key, value))
  }

  return definedOf(texts)
}

function definedOf (texts: Partial<FormTexts>): Partial<FormTexts> {
  return Object.fromEntries(Object.entries(texts).filter(([, text]) => text != null))
}

function other<T> (value: T | undefined, usual: T | undefined, text: (value: T) => string): string | undefined {
  return value == null || value === usual ? undefined : text(value)
}
