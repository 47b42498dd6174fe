import { parametersOf } from '../../roles/client/draft/parameter-options.ts'
import type { JobSpec } from '../../library/options.ts'
import type { Parameter } from '../../roles/client/draft/parameters.ts'

export type Kind = JobSpec['kind']

export type Place = 'all' | 'any' | 'some' | 'names'

/** How many runs: until it is known well, or so many. */
export type Often = 'precision' | 'runs'

/** A file that goes along, and lies beside the program under this name. */
export interface FormFile {
  name: string
  /** Bytes. */
  size: number
  /** What was chosen here; absent = a file of the job that `from` names. */
  blob?: Blob
  /** Its path there. */
  of?: string
  /** As it was there, or as its content looks. */
  executable?: boolean
}

/** Files that many jobs use: `data/NAME` beside the program. */
export interface FormDataSet {
  name: string
  /** What was chosen here: a file or a folder of this name. */
  path: string
  /** `data/NAME` is its only file; otherwise a folder with all of them. */
  isFile: boolean
  /** None of one that is of a job before. */
  files: FormFile[]
  /** Bytes. */
  size: number
  /** Its name in the job that `from` names. */
  of?: string
}

/** What is typed as text; empty = not said. Names are those of the library and of the HTTP interface. */
export interface FormTexts {
  where: string
  /** VAR MIN MAX */
  parameterScan: string
  parameterStepSize: string
  /** VAR VALUES in each line. */
  parameterList: string
  runs: string
  warmup: string
  minRuns: string
  maxRuns: string
  precision: string
  budget: string
  metric: string
  margin: string
  failIfSlower: string
  /** One line. */
  setup: string
  /** A line for all commands, or as many lines as there are commands. */
  prepare: string
  conclude: string
  cleanup: string
  /** `all`, or codes: `1,2`. */
  ignoreFailure: string
  quietWait: string
  timeout: string
  cpuTime: string
  memory: string
  processes: string
  outputLimit: string
  fileLimit: string
  tmpLimit: string
  tmpFiles: string
  openFiles: string
  /** A pattern in each line. */
  collect: string
  collectMax: string
  build: string
  buildTimeout: string
  buildMemory: string
  name: string
  priority: string
  deadline: string
  retry: string
  retryLost: string
  replicas: string
}

/** A job as it is filled in, whether or not it makes sense. */
export interface Form extends FormTexts {
  kind: Kind
  /** Command lines; of what is handed out the first one counts. */
  commands: string[]
  /** What results call them, in their order; shorter, or empty where they have no name. */
  names: string[]
  shell: boolean
  /** An item in each line. */
  items: string
  /** A map file, in YAML. */
  map: string
  data: FormDataSet[]
  files: FormFile[]
  /** Name of the file that every run reads as its standard input; empty = nothing. */
  stdin: string
  /** KEY=VALUE in each line; KEY alone is as in the job that `from` names. */
  env: string
  on: Place
  count: string
  /** Names of workers. */
  workers: string[]
  often: Often
  /** CONDITION:FILE each. */
  variant: string[]
  require: string[]
  coldCache: boolean
  counters: boolean
  failIfUndecided: boolean
  /** Id of the job that it was filled from: files without content are its. */
  from?: string
}

export type Field = Exclude<keyof Form, 'from' | 'names' | 'counters' | 'coldCache' | 'failIfUndecided' | 'often' | 'kind' | 'shell' | 'count' | 'workers'>

const MEASURED: readonly Kind[] = ['run', 'compare']
const HANDED_OUT: readonly Kind[] = ['exec', 'each']
const ANY: readonly Kind[] = [...MEASURED, ...HANDED_OUT]
const EVERY: readonly Kind[] = [...ANY, 'map']
/** What is compared brings nothing back. */
export const BRINGING: readonly Kind[] = EVERY.filter(kind => kind !== 'compare')

export interface TextRule {
  /** As on the command line. */
  option: string
  kinds: readonly Kind[]
  /** In JSON it is a number. */
  isCount?: true
  /** Each line is a value of its own, and in JSON they are a list. */
  isList?: true
  isMeant?: (form: Form) => boolean
}

const often = (often: Often) => (form: Form): boolean => form.often === often

/** In the order in which they stand in a command line. */
export const TEXTS: Readonly<Record<keyof FormTexts, TextRule>> = {
  where: { option: '--where', kinds: ANY },
  parameterScan: { option: '--parameter-scan', kinds: MEASURED },
  parameterStepSize: { option: '--parameter-step-size', kinds: MEASURED },
  parameterList: { option: '--parameter-list', kinds: MEASURED, isList: true },
  runs: { option: '--runs', kinds: MEASURED, isCount: true, isMeant: often('runs') },
  warmup: { option: '--warmup', kinds: MEASURED, isCount: true },
  minRuns: { option: '--min-runs', kinds: MEASURED, isCount: true, isMeant: often('precision') },
  maxRuns: { option: '--max-runs', kinds: MEASURED, isCount: true, isMeant: often('precision') },
  precision: { option: '--precision', kinds: MEASURED, isMeant: often('precision') },
  budget: { option: '--budget', kinds: MEASURED, isMeant: often('precision') },
  metric: { option: '--metric', kinds: ['compare'] },
  margin: { option: '--margin', kinds: ['compare'] },
  failIfSlower: { option: '--fail-if-slower', kinds: ['compare'] },
  setup: { option: '--setup', kinds: MEASURED },
  prepare: { option: '--prepare', kinds: MEASURED, isList: true },
  conclude: { option: '--conclude', kinds: MEASURED, isList: true },
  cleanup: { option: '--cleanup', kinds: MEASURED },
  ignoreFailure: { option: '--ignore-failure', kinds: MEASURED },
  quietWait: { option: '--quiet-wait', kinds: MEASURED },
  timeout: { option: '--timeout', kinds: ANY },
  cpuTime: { option: '--cpu-time', kinds: ANY },
  memory: { option: '--memory', kinds: ANY },
  processes: { option: '--processes', kinds: ANY, isCount: true },
  outputLimit: { option: '--output-limit', kinds: ANY },
  fileLimit: { option: '--file-limit', kinds: ANY },
  tmpLimit: { option: '--tmp-limit', kinds: ANY },
  tmpFiles: { option: '--tmp-files', kinds: ANY, isCount: true },
  openFiles: { option: '--open-files', kinds: ANY, isCount: true },
  collect: { option: '--collect', kinds: BRINGING, isList: true },
  collectMax: { option: '--collect-max', kinds: BRINGING },
  build: { option: '--build', kinds: ANY },
  buildTimeout: { option: '--build-timeout', kinds: ANY },
  buildMemory: { option: '--build-memory', kinds: ANY },
  name: { option: '--name', kinds: EVERY },
  priority: { option: '--priority', kinds: EVERY, isCount: true },
  deadline: { option: '--deadline', kinds: EVERY },
  retry: { option: '--retry', kinds: HANDED_OUT },
  retryLost: { option: '--retry-lost', kinds: ANY, isMeant: ({ on }) => on === 'any' || on === 'some' },
  replicas: { option: '--replicas', kinds: EVERY, isCount: true }
}

export const TEXT_FIELDS = Object.keys(TEXTS) as Array<keyof FormTexts>

/** Where a job of this kind runs unless it says so. */
export function usualPlace (kind: Kind): Place {
  return MEASURED.includes(kind) || kind === 'map' ? 'all' : 'any'
}

export const EMPTY_FORM: Form = {
  ...Object.fromEntries(TEXT_FIELDS.map(field => [field, ''])) as unknown as FormTexts,
  kind: 'run',
  commands: [''],
  names: [],
  shell: false,
  items: '',
  map: '',
  data: [],
  files: [],
  stdin: '',
  env: '',
  on: 'all',
  count: '2',
  workers: [],
  often: 'precision',
  variant: [],
  require: [],
  coldCache: false,
  counters: false,
  failIfUndecided: false
}

/** The texts that count for this kind of job and what else was chosen. What does not count is kept, but not said. */
export function saidTexts (form: Form): Array<keyof FormTexts> {
  return TEXT_FIELDS.filter(field => {
    const { kinds, isMeant } = TEXTS[field]

    return form[field].trim() !== '' && kinds.includes(form.kind) && (isMeant?.(form) ?? true)
  })
}

/** The command lines that count. */
export function saidCommands ({ kind, commands }: Form): string[] {
  return kind === 'map' ? [] : HANDED_OUT.includes(kind) ? commands.slice(0, 1) : commands.filter((line, index) => index === 0 || line.trim() !== '')
}

export function itemsOf ({ items }: Form): string[] {
  return items.split(/\r?\n/).filter(item => item !== '')
}

/** What was chosen here and has to be sent, in the order in which it is. */
export function sentFiles ({ files, data }: Form): Array<FormFile & { blob: Blob }> {
  return [...files, ...data.flatMap(({ files }) => files)].filter((file): file is FormFile & { blob: Blob } => file.blob != null)
}

export function linesOf (text: string): string[] {
  return text.split(/\r?\n/).filter(line => line.trim() !== '')
}

/** As its first bytes say, for a browser does not tell the mode of a file: it has a `#!`, or is an ELF or a Mach-O file. */
export function isProgram (bytes: Uint8Array): boolean {
  const [a, b, c, d] = bytes

  return (a === 0x23 && b === 0x21) || (a === 0x7f && b === 0x45 && c === 0x4c && d === 0x46) || (a === 0xcf && b === 0xfa && c === 0xed && d === 0xfe)
}

/** As the options of a command line are read; what is wrong with them is thrown as `usage`. */
export function parametersIn ({ kind, parameterScan, parameterStepSize, parameterList }: Form): Parameter[] {
  return !MEASURED.includes(kind)
    ? []
    : parametersOf({
      ...(parameterScan.trim() === '' ? {} : { parameterScan: parameterScan.trim() }),
      ...(parameterStepSize.trim() === '' ? {} : { parameterStepSize: parameterStepSize.trim() }),
      parameterList: linesOf(parameterList).map(line => line.trimStart())
    })
}

/** Another kind of job, of what is there; it goes where jobs of that kind go, unless workers were chosen. */
export function withKind (form: Form, kind: Kind): Form {
  const commands = kind === 'compare' && form.commands.length < 2 ? [...form.commands, ''] : form.commands

  return { ...form, kind, commands, on: kind === 'each' || kind === 'map' || form.on === usualPlace(form.kind) ? usualPlace(kind) : form.on }
}
