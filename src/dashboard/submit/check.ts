import { DATA_FOLDER } from '../../model/data.ts'
import { isMeshmarkError, MeshmarkError } from '../../model/errors.ts'
import { LIMIT_KEYS } from '../../model/limits.ts'
import { isPayloadPath, MAX_FILES } from '../../model/payload.ts'
import { MAX_MASTERS } from '../../model/job.ts'
import { formatBytes, parseCount, parseDuration, parseSize } from '../../model/units.ts'
import { collectOf } from '../../roles/client/draft/collect-options.ts'
import { collectCommands, readProgram } from '../../roles/client/draft/command-words.ts'
import { comparedLines, readThreshold } from '../../roles/client/draft/comparison.ts'
import { checkDataFiles, checkDataNames } from '../../roles/client/draft/data-names.ts'
import { readEnv } from '../../roles/client/draft/env.ts'
import { LIMIT_OPTIONS, parseLimit } from '../../roles/client/draft/limit-options.ts'
import { readCodes, readQuietWait } from '../../roles/client/draft/measuring.ts'
import { checkNames } from '../../roles/client/draft/names.ts'
import { readPlacement } from '../../roles/client/draft/placement.ts'
import { parsePercent, planOf, positive } from '../../roles/client/draft/plan.ts'
import { readPriority, readRetry } from '../../roles/client/draft/retry.ts'
import { placeOf } from './body.ts'
import { checkMap, unnamedFiles } from './check-map.ts'
import { insideOf } from './command-line.ts'
import { BRINGING, itemsOf, linesOf, parametersIn, saidCommands, saidTexts, sentFiles, TEXTS, type Field, type Form, type FormTexts } from './form.ts'
import type { Parameter } from '../../roles/client/draft/parameters.ts'

/** By field, in the order in which the fields stand on the page: what is wrong, and what to do. */
export type Problems = ReadonlyMap<Field, string>

/** What one token may send, as its master says. */
export interface UploadLimits { fileBytes: number, tokenBytes: number, files: number }

/** Fields from top to bottom. */
export const FIELD_ORDER: readonly Field[] = [
  'files', 'commands', 'map', 'parameterScan', 'parameterStepSize', 'parameterList', 'items', 'data', 'stdin', 'collect', 'collectMax', 'on', 'where', 'require', 'runs', 'precision', 'budget', 'warmup', 'minRuns', 'maxRuns', 'metric', 'margin', 'failIfSlower',
  'timeout', 'memory', 'cpuTime', 'processes', 'outputLimit', 'fileLimit', 'tmpLimit', 'tmpFiles', 'openFiles',
  'name', 'priority', 'deadline', 'retry', 'retryLost', 'replicas', 'env', 'setup', 'prepare', 'conclude', 'cleanup', 'ignoreFailure', 'quietWait', 'build', 'buildTimeout', 'buildMemory', 'variant'
]

/** What the command line would refuse, in its words. Whatever needs more than the form is left to the master. Pure. */
export function problemsOf (form: Form, limits?: UploadLimits): Problems {
  const found = new Map<Field, string>()
  const check = (field: Field, judge: () => unknown): void => {
    attempt(judge, err => { found.set(field, found.get(field) ?? err.message) })
  }

  if (form.kind === 'map') {
    check('map', () => { checkMap(form.map, form.files.map(({ name }) => name)) })
  } else {
    // what is wrong with them is said at their own fields
    const parameters = attempt(() => parametersIn(form), err => { found.set(fieldOf(err.message) ?? 'parameterList', err.message) })

    check('commands', () => { checkCommands(form, parameters ?? []) })
  }

  checkFiles(form, found, limits)
  check('data', () => { checkData(form) })
  if (BRINGING.includes(form.kind)) {
    checkCollect(form, check)
  }

  if (form.kind === 'each' && itemsOf(form).length === 0) {
    found.set('items', 'there are no items: write one on each line')
  }

  check('on', () => {
    if (form.kind === 'map') {
      return
    }

    if (form.on === 'names' && form.workers.length === 0) {
      found.set('on', 'no worker is chosen: choose at least one')
    } else {
      readPlacement(placeOf(form), [])
    }
  })

  for (const field of saidTexts(form)) {
    check(field, () => { JUDGES[field](form[field].trim(), TEXTS[field].option) })
  }

  if (form.often === 'runs' && form.runs.trim() === '' && TEXTS.runs.kinds.includes(form.kind)) {
    found.set('runs', 'say how many, or let a precision decide')
  }

  if (found.size === 0 && TEXTS.runs.kinds.includes(form.kind)) {
    check('minRuns', () => { planOf(Object.fromEntries(saidTexts(form).filter(field => field === 'minRuns' || field === 'maxRuns').map(field => [field, Number(form[field])]))) })
  }

  check('env', () => {
    const lines = linesOf(form.env)

    readEnv(lines.filter(line => line.includes('=') || form.from == null).map(line => line.trimStart()))
  })

  return new Map(FIELD_ORDER.flatMap(field => found.has(field) ? [[field, found.get(field)!]] : []))
}

const OPTIONS: ReadonlyMap<string, Field> = new Map<string, Field>([
  ...Object.entries(TEXTS).map(([field, { option }]) => [option, field as Field] as const),
  ['--data', 'data'], ['--on', 'on'], ['--with', 'files'], ['--stdin', 'stdin'], ['--env', 'env'], ['--variant', 'variant'], ['--require', 'require'], ['--command', 'commands']
])

/** How refusals begin that name no option. */
const BEGINNINGS: ReadonlyArray<readonly [RegExp, Field]> = [
  [/^(the )?(program|command)\b|^no program\b/, 'commands'],
  [/^(the )?(files?|uploads?|standard input)\b|^(no upload|two files)\b/, 'files'],
  [/^map(:\d+:\d+)?: |^the map\b/, 'map'],
  [/^(two )?data sets?\b/, 'data'],
  [/\bparameters?\b/, 'parameterList'],
  [/^(the )?items?\b|\bof items\b/, 'items']
]

/** The field that a refusal of the master is about; undefined when it is about none, or about the whole. */
export function fieldOf (message: string): Field | undefined {
  const [option = ''] = /--[a-z][a-z-]+/.exec(message) ?? []

  return OPTIONS.get(option) ?? BEGINNINGS.find(([beginning]) => beginning.test(message))?.[1]
}

/** Undefined, and told, where it throws what is for people. */
function attempt<T> (act: () => T, tell: (err: Error) => void): T | undefined {
  try {
    return act()
  } catch (err) {
    if (!isMeshmarkError(err)) {
      throw err
    }

    tell(err)
  }
}

function checkCollect ({ collect, collectMax }: Form, check: (field: Field, judge: () => unknown) => void): void {
  const patterns = linesOf(collect)

  check('collect', () => { collectOf({ collect: patterns }) })
  // of the patterns it is said already
  check('collectMax', () => { collectOf({ collect: patterns.length === 0 ? [] : ['*'], ...(collectMax.trim() === '' ? {} : { collectMax: parseSize(collectMax.trim(), '--collect-max') }) }) })
}

function checkData ({ data, files }: Form): void {
  checkDataNames(data.map(({ name }) => name))

  for (const { name, isFile, of, files } of data) {
    if (of == null && !isFile) {
      checkDataFiles(name, files.map(({ name }) => name))
    }

    if (of == null && files.some(({ blob }) => blob == null)) {
      throw new MeshmarkError('usage', `data set ${name} was not sent: choose it again`)
    }
  }

  const taken = data.length === 0 ? undefined : files.find(({ name }) => name === DATA_FOLDER || name.startsWith(`${DATA_FOLDER}/`))

  if (taken != null) {
    throw new MeshmarkError('usage', `data sets lie in the folder ${DATA_FOLDER}, and ${taken.name} would be there too: give it another name`)
  }
}

function checkCommands (form: Form, parameters: Parameter[]): void {
  const { kind, shell, prepare, conclude } = form
  const lines = saidCommands(form)

  if (kind === 'compare') {
    comparedLines(lines.filter(line => line.trim() !== ''), parameters)
  }

  const isMeasured = kind === 'run' || kind === 'compare'
  const commands = collectCommands([], lines, {
    shell,
    parameters,
    ...(isMeasured ? { names: form.names.filter(name => name !== ''), hooks: { prepare: linesOf(prepare), conclude: linesOf(conclude) } } : {})
  })

  for (const { argv: [word = ''] } of shell ? [] : commands) {
    const program = readProgram(word)

    if (program.kind === 'local' && form.variant.length === 0 && form.build.trim() === '' && !form.files.some(({ name }) => name === insideOf(word))) {
      throw new MeshmarkError('not-found', `program ${word} is none of the job's files: choose it below; a program of the worker is written worker:/PATH or by its bare name`)
    }
  }
}

function checkFiles (form: Form, found: Map<Field, string>, limits: UploadLimits | undefined): void {
  const { kind, files, stdin } = form
  const names = files.map(({ name }) => name)
  const wrong = names.find(name => !isPayloadPath(name))
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  const sent = sentFiles(form)
  const [unnamed] = kind === 'map' ? unnamedFiles(form.map, names) : []
  const large = limits == null ? undefined : sent.find(({ size }) => size > limits.fileBytes)
  const bytes = sent.reduce((sum, { size }) => sum + size, 0)
  const gone = files.find(({ blob, of }) => blob == null && of == null)

  const problem = wrong != null
    ? `'${wrong}' must be a path inside the program's folder, without .. or a leading /`
    : twice != null
      ? `two files would be ${twice} beside the program: give one of them another name`
      : gone != null
        ? `${gone.name} was not sent: choose it again`
        : large != null
          ? `${large.name} has ${formatBytes(large.size)}, and ${formatBytes(limits!.fileBytes)} is the most that one file may have here; meshmark on a terminal takes more`
          : limits != null && bytes > limits.tokenBytes
            ? `the files have ${formatBytes(bytes)} together, and ${formatBytes(limits.tokenBytes)} is the most that can be sent here; meshmark on a terminal takes more`
            : files.length > MAX_FILES || (limits != null && sent.length > limits.files)
              ? `${Math.max(files.length, sent.length)} files are more than can go along: pack them into one archive`
              : unnamed != null
                ? `the map names ${unnamed} nowhere: write it behind with:, or remove it here`
                : undefined

  if (problem != null) {
    found.set('files', problem)
  }

  if (kind !== 'map' && stdin !== '' && !names.includes(stdin)) {
    found.set('stdin', `${stdin} is none of the job's files: choose it among them`)
  }
}

type Judge = (text: string, option: string) => unknown

const aCount = (min?: number, max?: number): Judge => (text, option) => parseCount(text, option, min, max)
const aDuration: Judge = (text, option) => positive(parseDuration(text, option), option, text)
const LIMIT_JUDGES = Object.fromEntries(LIMIT_KEYS.map(key => [LIMIT_OPTIONS[key].job, (text: string, option: string) => parseLimit(key, option, text)]))
const aLimit: Judge = (text, option) => LIMIT_JUDGES[option]!(text, option)
const anything: Judge = () => {}

const JUDGES: Record<keyof FormTexts, Judge> = {
  where: text => readPlacement('all', [text]),
  parameterScan: anything,
  parameterStepSize: anything,
  parameterList: anything,
  collect: anything,
  collectMax: anything,
  runs: aCount(),
  warmup: aCount(0),
  minRuns: aCount(),
  maxRuns: aCount(),
  precision: parsePercent,
  budget: aDuration,
  metric: anything,
  margin: parsePercent,
  failIfSlower: readThreshold,
  setup: anything,
  prepare: anything,
  conclude: anything,
  cleanup: anything,
  ignoreFailure: text => text === 'all' || readCodes(text),
  quietWait: text => readQuietWait(text),
  timeout: aLimit,
  cpuTime: aLimit,
  memory: aLimit,
  processes: aLimit,
  outputLimit: aLimit,
  fileLimit: aLimit,
  tmpLimit: aLimit,
  tmpFiles: aLimit,
  openFiles: aLimit,
  build: anything,
  buildTimeout: (text, option) => parseLimit('wallMs', option, text),
  buildMemory: (text, option) => parseLimit('memoryBytes', option, text),
  name: text => { checkNames({ name: text }) },
  priority: readPriority,
  deadline: aDuration,
  retry: readRetry,
  retryLost: aDuration,
  replicas: aCount(1, MAX_MASTERS)
}
