import { MeshmarkError } from '../../model/errors.ts'
import { isJobId } from '../../model/ids.ts'
import type { Command, Hooks, Program } from '../../model/job.ts'
import { isPayloadPath, MAX_FILES, type PayloadFile } from '../../model/payload.ts'
import { type ForeignValue, parseForeign } from '../../report/foreign-json.ts'

const FORMAT = 'meshmark-baseline'

/** Grows when a reader of the version before could misunderstand the file. */
const VERSION = 1

export interface BaselineFile extends PayloadFile {
  /** Of its content, lower-case hex. */
  sha256: string
}

/** A command with everything that it ran with, and what came of it then. */
export interface Baseline {
  name: string
  /** This machine's clock, milliseconds since 1970. */
  savedAt: number
  /** Id of the job that measured it. */
  job: string
  command: Command
  files: BaselineFile[]
  /** Path among the files. */
  stdin?: string
  env: Record<string, string>
  /** One for each worker. */
  results: BaselineResult[]
}

/** Of the session that it was saved in. */
export interface BaselineResult {
  worker: string
  peerId: string
  /** Model of its processor. */
  cpu: string
  runs: number
  medianNs: number
  /** 95 % interval of the median, which may reach below 0; absent below six runs. */
  interval?: { lowNs: number, highNs: number }
  /** Median CPU time. */
  cpuNs: number
  /** Median of the peaks of the runs; absent where they were not billed one by one. */
  memoryBytes?: number
}

/** As the protocol bounds them. */
const MAX_WORDS = 4_096
const MAX_WORD = 128 * 1024
const MAX_VARIABLES = 1_024
const MAX_WORKERS = 100_000

/** Throws when what it would write could not be read again. */
export function encodeBaseline (baseline: Baseline): string {
  const text = `${JSON.stringify({ format: FORMAT, version: VERSION, ...baseline }, undefined, 2)}\n`

  parseBaseline(text, `baseline ${baseline.name}`)

  return text
}

/** Throws with the file, the field and what it must be. */
export function parseBaseline (text: string, file: string): Baseline {
  const content = parseForeign(text, file)

  if (content.at('format').value !== FORMAT) {
    content.at('format').fail(`'${FORMAT}'`)
  }

  if (content.at('version').value !== VERSION) {
    content.at('version').fail(`${VERSION}, the only version that this Meshmark reads`)
  }

  const stdin = content.find('stdin')?.text(MAX_WORD)
  const files = content.at('files').items(MAX_FILES).map(readFile)
  const command = readCommand(content.at('command'))

  for (const path of [stdin, command.program.kind === 'payload' ? command.program.path : undefined]) {
    if (path != null && !files.some(file => file.path === path)) {
      throw new MeshmarkError('usage', `${file}: ${path} is not among its files`)
    }
  }

  return {
    name: content.at('name').text(64),
    savedAt: content.at('savedAt').count(8.64e15),
    job: like(content.at('job'), isJobId, 'the id of a job'),
    command,
    files,
    ...(stdin == null ? {} : { stdin }),
    env: content.at('env').texts(MAX_VARIABLES, MAX_WORD),
    results: content.at('results').items(MAX_WORKERS).map(readResult)
  }
}

function readFile (file: ForeignValue): BaselineFile {
  return {
    path: like(file.at('path'), isPayloadPath, 'a path inside the payload'),
    size: file.at('size').count(),
    executable: file.at('executable').flag(),
    sha256: like(file.at('sha256'), text => /^[0-9a-f]{64}$/.test(text), 'a SHA-256 in hex')
  }
}

function readCommand (command: ForeignValue): Command {
  const name = command.find('name')?.text(256)
  const hooks = command.find('hooks')
  const parameters = command.find('parameters')?.texts(64, MAX_WORD)

  return {
    argv: command.at('argv').items(MAX_WORDS, 1).map(word => word.text(MAX_WORD)),
    program: readProgram(command.at('program')),
    ...(name == null ? {} : { name }),
    ...(hooks == null ? {} : { hooks: readHooks(hooks) }),
    ...(parameters == null ? {} : { parameters })
  }
}

function readProgram (program: ForeignValue): Program {
  const kind = program.at('kind')

  switch (kind.value) {
    case 'payload': return { kind: 'payload', path: like(program.at('path'), isPayloadPath, 'a path inside the payload') }
    case 'name': return { kind: 'name', name: program.at('name').text(4_096) }
    case 'worker': return { kind: 'worker', path: program.at('path').text(4_096) }
    default: return kind.fail('payload, name or worker')
  }
}

function readHooks (hooks: ForeignValue): Hooks {
  return Object.fromEntries((['setup', 'prepare', 'conclude', 'cleanup'] as const).flatMap(name => {
    const line = hooks.find(name)?.text(MAX_WORD)

    return line == null ? [] : [[name, line]]
  }))
}

function readResult (result: ForeignValue): BaselineResult {
  const interval = result.find('interval')
  const memory = result.find('memoryBytes')?.amount()

  return {
    worker: result.at('worker').text(256),
    peerId: result.at('peerId').text(64),
    cpu: result.at('cpu').text(1_000),
    runs: result.at('runs').count(),
    medianNs: result.at('medianNs').amount(),
    ...(interval == null ? {} : { interval: { lowNs: interval.at('lowNs').number(), highNs: interval.at('highNs').number() } }),
    cpuNs: result.at('cpuNs').amount(),
    ...(memory == null ? {} : { memoryBytes: memory })
  }
}

function like (field: ForeignValue, test: (text: string) => boolean, words: string): string {
  const text = field.text(MAX_WORD)

  return test(text) ? text : field.fail(words)
}
