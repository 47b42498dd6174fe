import { dirname } from 'node:path'
import { quote } from 'shlex'
import { MeshmarkError } from '../model/errors.ts'
import { MAX_MASTERS } from '../model/job.ts'
import { LIMIT_KEYS, type Limits } from '../model/limits.ts'
import { parseSize } from '../model/units.ts'
import { collectOf } from '../roles/client/draft/collect-options.ts'
import { splitCommand } from '../roles/client/draft/command-words.ts'
import { comparedLines, comparisonOf, pairsPlanOf, readThreshold } from '../roles/client/draft/comparison.ts'
import { draftJob, type DraftRequest } from '../roles/client/draft/draft.ts'
import { hookLinesOf } from '../roles/client/draft/hooks.ts'
import { checkNames } from '../roles/client/draft/names.ts'
import { checkItemCommand, itemsOfWords } from '../roles/client/draft/items.ts'
import { readPriority, readRetry } from '../roles/client/draft/retry.ts'
import type { JobOptions as DraftOptions } from '../roles/client/draft/job-options.ts'
import { LIMIT_OPTIONS, parseLimit } from '../roles/client/draft/limit-options.ts'
import { measuringOf, readCodes, readQuietWait } from '../roles/client/draft/measuring.ts'
import { checkParameters } from '../roles/client/draft/parameter-options.ts'
import { PayloadFiles } from '../roles/client/draft/payload-files.ts'
import type { Parameter } from '../roles/client/draft/parameters.ts'
import { planOf } from '../roles/client/draft/plan.ts'
import { readMapFile } from '../roles/client/map-file/read-file.ts'
import type { DraftDataSet, DraftFile, JobDraft } from '../roles/client/types.ts'
import { dataOf } from './data.ts'
import { checkKeys } from './keys.ts'
import type { AnyJobOptions, CommandLine, CompareSpec, EachSpec, ExecSpec, JobOptions, JobSpec, MapSpec, MeasureOptions, RunSpec } from './options.ts'
import { countOf, durationOf, listOf, percentOf, textOf } from './values.ts'

export interface RequestContext {
  /** Files of the job that are here under other names. */
  given?: readonly DraftFile[]
  /** Data sets of the job, beside those that it names. */
  data?: readonly DraftDataSet[]
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

  const data = [...context.data ?? [], ...await dataOf(spec.data)]

  return spec.kind === 'map'
    ? { draft: await mapDraftOf(spec, { data, ...filesOf(spec, context) }), hints: [] }
    : await draftJob({ ...requestOf(spec), data, ...filesOf(spec, context) })
}

function requestOf (spec: Exclude<JobSpec, MapSpec>): DraftRequest {
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

/** A map that is a text is read as its file would be, complaints with lines included. */
async function mapDraftOf (spec: MapSpec, { given, onlyGiven, data }: Pick<DraftRequest, 'given' | 'onlyGiven' | 'data'>): Promise<JobDraft> {
  // the reader of YAML is large, and most jobs are no maps
  const { draftMap } = await import('../roles/client/map-file/draft-map.ts')
  const named = await namedFiles(spec.files)
  const options = anyOptionsOf(spec)
  const collect = collectOf(options)
  const { map } = spec

  checkNames(options)

  const { source, file, folder } = map != null && 'file' in map && onlyGiven !== true
    ? { source: { text: await readMapFile(textOf(map.file, 'map.file')) }, file: map.file, folder: dirname(map.file) }
    : { source: map != null && 'yaml' in map ? { text: textOf(map.yaml, 'map.yaml') } : { value: map }, file: 'map', folder: '.' }
  const draft = await draftMap(source, file, { folder, given: [...given ?? [], ...named], onlyGiven })
  const { id, name = draft.name, replicas, priority, deadline } = options

  return {
    ...draft,
    ...(name == null ? {} : { name }),
    ...(id == null ? {} : { id }),
    ...(replicas == null ? {} : { replicas }),
    ...(priority == null ? {} : { priority }),
    ...(deadline == null ? {} : { deadlineMs: Math.round(deadline) }),
    ...(collect == null ? {} : { collect }),
    ...(data == null || data.length === 0 ? {} : { data: [...data] })
  }
}

/** Files of this machine that go along under names of their own, each looked at. */
async function namedFiles (files: JobOptions['files'] = []): Promise<DraftFile[]> {
  const found = new PayloadFiles()

  for (const text of withOf(files)) {
    await found.addWith(text)
  }

  return found.all
}

function anyOptionsOf (spec: AnyJobOptions): DraftOptions {
  return {
    ...(spec.name == null ? {} : { name: spec.name }),
    ...(spec.id == null ? {} : { id: spec.id }),
    replicas: countOf(spec.replicas, '--replicas', 1, MAX_MASTERS),
    ...(spec.priority == null ? {} : { priority: readPriority(textOf(spec.priority, '--priority')) }),
    deadline: durationOf(spec.deadline, '--deadline'),
    ...(spec.collect == null ? {} : { collect: listOf(spec.collect)!.map(pattern => textOf(pattern, '--collect')) }),
    ...(spec.collectMax == null ? {} : { collectMax: parseSize(textOf(spec.collectMax, '--collect-max'), '--collect-max') })
  }
}

function withOf (files: JobOptions['files'] = []): string[] {
  return files.flatMap(file => typeof file === 'string' ? [file] : 'path' in file ? [file.name == null ? file.path : `${file.path}=${file.name}`] : [])
}

function optionsOf (spec: JobOptions): DraftOptions {
  return {
    ...(spec.on == null ? {} : { on: listOf(spec.on)!.map(part => textOf(part, '--on')).join(',') }),
    where: wheresOf(spec.where),
    ...(spec.require == null ? {} : { require: [...spec.require] }),
    with: withOf(spec.files),
    ...(spec.stdin == null ? {} : { stdin: typeof spec.stdin === 'string' ? spec.stdin : STDIN }),
    env: Object.entries(spec.env ?? {}).map(([key, value]) => `${key}=${textOf(value, `--env ${key}`)}`),
    ...(spec.shell == null ? {} : { shell: spec.shell }),
    ...(spec.variant == null ? {} : { variant: spec.variant.map(text => textOf(text, '--variant')) }),
    ...(spec.build == null ? {} : { build: textOf(spec.build, 'build') }),
    ...(spec.buildTimeout == null ? {} : { buildTimeout: parseLimit('wallMs', '--build-timeout', textOf(spec.buildTimeout, '--build-timeout')) }),
    ...(spec.buildMemory == null ? {} : { buildMemory: parseLimit('memoryBytes', '--build-memory', textOf(spec.buildMemory, '--build-memory')) }),
    retryLost: durationOf(spec.retryLost, '--retry-lost'),
    ...anyOptionsOf(spec),
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

function filesOf (spec: JobSpec, { given = [], onlyGiven }: RequestContext): Pick<DraftRequest, 'given' | 'onlyGiven'> {
  const files: DraftFile[] = [...given]

  for (const file of spec.files ?? []) {
    if (typeof file !== 'string' && 'content' in file) {
      files.push({ source: bytesOf(file.content), path: file.name, executable: file.executable })
    }
  }

  if (spec.kind !== 'map' && spec.stdin != null && typeof spec.stdin !== 'string') {
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
