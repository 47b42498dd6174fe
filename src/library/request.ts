import { quote } from 'shlex'
import { MeshmarkError } from '../model/errors.ts'
import { MAX_MASTERS } from '../model/job.ts'
import { LIMIT_KEYS, type Limits } from '../model/limits.ts'
import { splitCommand } from '../roles/client/draft/command-words.ts'
import { comparedLines, comparisonOf, pairsPlanOf, readThreshold } from '../roles/client/draft/comparison.ts'
import { draftJob, type DraftRequest } from '../roles/client/draft/draft.ts'
import { hookLinesOf } from '../roles/client/draft/hooks.ts'
import { checkItemCommand, itemsOfWords } from '../roles/client/draft/items.ts'
import { readPriority, readRetry } from '../roles/client/draft/retry.ts'
import type { JobOptions as DraftOptions } from '../roles/client/draft/job-options.ts'
import { LIMIT_OPTIONS, parseLimit } from '../roles/client/draft/limit-options.ts'
import { measuringOf, readCodes, readQuietWait } from '../roles/client/draft/measuring.ts'
import { checkParameters } from '../roles/client/draft/parameter-options.ts'
import type { Parameter } from '../roles/client/draft/parameters.ts'
import { planOf } from '../roles/client/draft/plan.ts'
import type { DraftFile, JobDraft } from '../roles/client/types.ts'
import { checkKeys } from './keys.ts'
import type { CommandLine, CompareSpec, EachSpec, ExecSpec, JobOptions, JobSpec, MeasureOptions, RunSpec } from './options.ts'
import { countOf, durationOf, listOf, percentOf, textOf } from './values.ts'

export interface RequestContext {
  /** Files of the job that are here under other names. */
  given?: readonly DraftFile[]
  /** The job is another one's: no file of this machine is looked at. */
  onlyGiven?: boolean
}

/**
 * The job that is meant, with the same defaults and checks as on the command
 * line; looks at every file. `hints` are lines for the user. Throws `usage`,
 * `not-found` or `not-executable`.
 */
export async function draftOf (spec: JobSpec, context: RequestContext = {}): Promise<{ draft: JobDraft, hints: string[] }> {
  checkKeys(spec)

  return await draftJob({ ...requestOf(spec), ...filesOf(spec, context) })
}

function requestOf (spec: JobSpec): DraftRequest {
  switch (spec.kind) {
    case 'run': return measureRequest(spec, linesOf(spec.commands, spec.shell))
    case 'compare': return measureRequest(spec, linesOf(spec.commands, spec.shell))
    case 'exec': return execRequest(spec)
    case 'each': return eachRequest(spec)
  }
}

function measureRequest (spec: RunSpec | CompareSpec, lines: string[]): DraftRequest {
  const parameters = parametersOf(spec)
  const plan = {
    runs: countOf(spec.runs, '--runs'),
    warmup: countOf(spec.warmup, '--warmup', 0),
    minRuns: countOf(spec.minRuns, '--min-runs'),
    maxRuns: countOf(spec.maxRuns, '--max-runs'),
    precision: percentOf(spec.precision, '--precision'),
    budget: durationOf(spec.budget, '--budget')
  }
  const comparison = spec.kind === 'run'
    ? undefined
    : comparisonOf({
      metric: spec.metric ?? 'wall',
      margin: percentOf(spec.margin, '--margin'),
      failIfSlower: spec.failIfSlower == null ? undefined : readThreshold(textOf(spec.failIfSlower, '--fail-if-slower')),
      failIfUndecided: spec.failIfUndecided
    })

  return {
    kind: 'run',
    words: [],
    commands: comparison == null ? lines : comparedLines(lines, parameters),
    names: spec.commandNames ?? [],
    options: optionsOf(spec),
    on: 'all',
    plan: comparison == null ? planOf(plan) : pairsPlanOf(plan, comparison),
    hooks: hookLinesOf({ setup: spec.setup, prepare: listOf(spec.prepare), conclude: listOf(spec.conclude), cleanup: spec.cleanup }),
    parameters,
    measuring: {
      ...measuringOf({
        ignoreFailure: ignored(spec.ignoreFailure),
        coldCache: spec.coldCache,
        counters: spec.counters,
        quietWait: spec.quietWait == null ? undefined : readQuietWait(textOf(spec.quietWait, '--quiet-wait'))
      }),
      ...(comparison == null ? {} : { comparison })
    }
  }
}

function execRequest (spec: ExecSpec | EachSpec): DraftRequest {
  return {
    kind: 'exec',
    words: wordsOf(spec.command, spec.shell),
    commands: [],
    names: [],
    options: { ...optionsOf(spec), ...(spec.retry == null ? {} : { retry: readRetry(textOf(spec.retry, '--retry')) }) },
    on: 'any',
    plan: { kind: 'once' }
  }
}

function eachRequest (spec: EachSpec): DraftRequest {
  const request = execRequest(spec)
  const empty = spec.items.indexOf('')

  if (spec.items.length === 0 || empty !== -1) {
    throw new MeshmarkError('usage', spec.items.length === 0 ? 'there are no items: give at least one' : `item ${empty + 1} is empty: leave it out`)
  }

  const items = itemsOfWords(spec.items.map(item => textOf(item, 'an item')), 'items')

  // a line for the shell has a place of its own for the item
  if (spec.shell !== true) {
    checkItemCommand(request.words, items)
  }

  return { ...request, items: items.items }
}

function optionsOf (spec: JobOptions): DraftOptions {
  return {
    ...(spec.on == null ? {} : { on: listOf(spec.on)!.map(part => textOf(part, '--on')).join(',') }),
    where: wheresOf(spec.where),
    ...(spec.require == null ? {} : { require: [...spec.require] }),
    with: (spec.files ?? []).flatMap(file => typeof file === 'string' ? [file] : 'path' in file ? [file.name == null ? file.path : `${file.path}=${file.name}`] : []),
    ...(spec.stdin == null ? {} : { stdin: typeof spec.stdin === 'string' ? spec.stdin : STDIN }),
    env: Object.entries(spec.env ?? {}).map(([key, value]) => `${key}=${textOf(value, `--env ${key}`)}`),
    ...(spec.name == null ? {} : { name: spec.name }),
    ...(spec.id == null ? {} : { id: spec.id }),
    ...(spec.shell == null ? {} : { shell: spec.shell }),
    ...(spec.variant == null ? {} : { variant: spec.variant.map(text => textOf(text, '--variant')) }),
    ...(spec.build == null ? {} : { build: textOf(spec.build, 'build') }),
    ...(spec.buildTimeout == null ? {} : { buildTimeout: parseLimit('wallMs', '--build-timeout', textOf(spec.buildTimeout, '--build-timeout')) }),
    ...(spec.buildMemory == null ? {} : { buildMemory: parseLimit('memoryBytes', '--build-memory', textOf(spec.buildMemory, '--build-memory')) }),
    replicas: countOf(spec.replicas, '--replicas', 1, MAX_MASTERS),
    retryLost: durationOf(spec.retryLost, '--retry-lost'),
    ...(spec.priority == null ? {} : { priority: readPriority(textOf(spec.priority, '--priority')) }),
    deadline: durationOf(spec.deadline, '--deadline'),
    ...limitsOf(spec)
  }
}

/** As `limitsOf` of the drafts reads them: by the names of their options. */
function limitsOf (spec: JobOptions): object {
  return Object.fromEntries(LIMIT_KEYS.flatMap(key => {
    const option = LIMIT_OPTIONS[key].job
    const value = spec[LIMIT_NAMES[key]]

    return value == null ? [] : [[LIMIT_NAMES[key], parseLimit(key, option, textOf(value, option))]]
  }))
}

const LIMIT_NAMES = {
  wallMs: 'timeout',
  cpuMs: 'cpuTime',
  memoryBytes: 'memory',
  processes: 'processes',
  outputBytes: 'outputLimit',
  fileBytes: 'fileLimit',
  tmpBytes: 'tmpLimit',
  tmpInodes: 'tmpFiles',
  openFiles: 'openFiles'
} as const satisfies Record<keyof Limits, keyof JobOptions>

function wheresOf (where: JobOptions['where']): string[] {
  return where == null
    ? []
    : typeof where === 'string' ? [where] : Array.isArray(where) ? [...where] : Object.entries(where).map(([key, value]) => `${key}=${value}`)
}

const STDIN = 'stdin'

function filesOf (spec: JobOptions, { given = [], onlyGiven }: RequestContext): Pick<DraftRequest, 'given' | 'onlyGiven'> {
  const files: DraftFile[] = [...given]

  for (const file of spec.files ?? []) {
    if (typeof file !== 'string' && 'content' in file) {
      files.push({ source: bytesOf(file.content), path: file.name, executable: file.executable })
    }
  }

  if (spec.stdin != null && typeof spec.stdin !== 'string') {
    files.push({ source: bytesOf(spec.stdin.content), path: STDIN })
  }

  return { given: files, onlyGiven }
}

function bytesOf (content: string | Uint8Array): Uint8Array {
  return typeof content === 'string' ? Buffer.from(content) : content
}

function wordsOf (command: CommandLine, shell = false): string[] {
  const words = typeof command !== 'string' ? [...command] : shell ? [command] : splitCommand(command)

  return words.map(word => textOf(word, 'command'))
}

/** Each command as one text, as `--command` takes it. */
function linesOf (commands: readonly CommandLine[], shell = false): string[] {
  return commands.map(command => typeof command === 'string' ? command : shell ? command.join(' ') : command.map(word => quote(textOf(word, 'command'))).join(' '))
}

function parametersOf ({ parameters = {} }: MeasureOptions): Parameter[] {
  return checkParameters(Object.entries(parameters).map(([name, values]) => ({ name, values: values.map(value => textOf(value, `parameter ${name}`)) })))
}

function ignored (codes: MeasureOptions['ignoreFailure']): { codes: number[] } | undefined {
  return codes == null || codes === false ? undefined : codes === true ? { codes: [] } : readCodes(codes.join(','))
}
