import { stat } from 'node:fs/promises'
import { basename, isAbsolute, join } from 'node:path'
import { isMeshmarkError } from '../../../model/errors.ts'
import { PayloadFiles } from '../draft/payload-files.ts'
import { readMap } from './read-map.ts'
import type { Command } from '../../../model/job.ts'
import type { MapEntry, MapList } from '../../../model/map.ts'
import type { DraftFile, JobDraft } from '../types.ts'
import type { MapFile, MapFileCommand } from './map-file.ts'
import type { Place, YamlReader, YamlSource } from './yaml-reader.ts'

/** What a draft of a map has, beside what may be said of any job. */
export type MapDraft = Pick<JobDraft, 'name' | 'kind' | 'commands' | 'files' | 'env' | 'limits' | 'placement' | 'plan' | 'map'>

export interface MapContext {
  /** Where the paths in it begin. */
  folder: string
  /** Files of the job that are here under other names. */
  given?: readonly DraftFile[]
  /** The job is another one's: no file of this machine is looked at. */
  onlyGiven?: boolean
}

/**
 * Turns a map file, or what such a file says, into a job. Looks at every file
 * that goes along. Throws a FileError with everything that is wrong, files that
 * are not there included.
 *
 * @param file - as it is called in complaints
 */
export async function draftMap (source: YamlSource, file: string, context: MapContext): Promise<MapDraft> {
  const { map, reader } = readMap(source, file)
  const files = new Sent(reader, context)
  const commands: Command[] = []
  const known = new Map<string, number>()

  for (const { text, at } of map.with) {
    await files.addWith(text, at)
  }

  const share = async (written: MapFileCommand): Promise<number> => {
    const command = await commandOf(written, files)
    const key = JSON.stringify(command)
    const index = known.get(key) ?? commands.length

    if (index === commands.length) {
      commands.push(command)
      known.set(key, index)
    }

    return index
  }

  const lists = await listsOf(map, share)

  reader.complaints.raise()

  return {
    ...(map.name == null ? {} : { name: map.name }),
    kind: 'exec',
    commands,
    files: files.all,
    env: map.env,
    limits: map.limits,
    placement: { on: 'all', where: [] },
    plan: { kind: 'once' },
    map: { lists, ...(map.reportMs == null ? {} : { reportMs: map.reportMs }) }
  }
}

async function listsOf ({ lists }: MapFile, share: (command: MapFileCommand) => Promise<number>): Promise<MapList[]> {
  const all: MapList[] = []

  for (const { workers, where, keepGoing, commands } of lists) {
    const entries: MapEntry[] = []

    for (const command of commands) {
      entries.push({ command: await share(command), ...(command.restart == null ? {} : { restart: command.restart }) })
    }

    const list = { where, entries, ...(keepGoing ? { keepGoing } : {}) }

    all.push(...(workers == null ? [list] : workers.map(worker => ({ worker, ...list }))))
  }

  return all
}

async function commandOf ({ argv, program, name, env, limits, stdin, with: more, at }: MapFileCommand, files: Sent): Promise<Command> {
  for (const { text, at } of more) {
    await files.addWith(text, at)
  }

  const input = stdin == null ? undefined : await files.addStdin(stdin.text, stdin.at)

  return {
    argv,
    program: program.kind === 'local' ? { kind: 'payload', path: await files.addProgram(program.path, at) } : program,
    ...(name == null ? {} : { name }),
    ...(env == null ? {} : { env }),
    ...(limits == null ? {} : { limits }),
    ...(input == null ? {} : { stdin: input })
  }
}

/** Files that go along. What is wrong with one is a complaint at its place. */
class Sent {
  readonly #files: PayloadFiles
  readonly #reader: YamlReader
  readonly #context: MapContext

  constructor (reader: YamlReader, context: MapContext) {
    this.#files = new PayloadFiles(context.given, context.onlyGiven)
    this.#reader = reader
    this.#context = context
  }

  get all (): JobDraft['files'] {
    return this.#files.all
  }

  async addProgram (path: string, at: Place): Promise<string> {
    return await this.#try(at, async () => this.#files.addProgram(this.#pathOf(path))) ?? path
  }

  async addStdin (path: string, at: Place): Promise<string> {
    return await this.#try(at, async () => this.#files.addStdin(this.#pathOf(path))) ?? path
  }

  /** `FILE` or `FILE=NAME`; one that is really called `a=b` is meant as a whole. */
  async addWith (text: string, at: Place): Promise<void> {
    if (this.#files.givenAs(text) != null || this.#context.onlyGiven === true) {
      await this.#try(at, async () => this.#files.addWith(text))
      return
    }

    const whole = this.#pathOf(text)
    const equals = text.lastIndexOf('=')
    const isWhole = equals === -1 || await stat(whole).then(() => true, () => false)
    const [path, name] = isWhole ? [whole, basename(text)] : [this.#pathOf(text.slice(0, equals)), text.slice(equals + 1)]

    await this.#try(at, async () => this.#files.addWith(`${path}=${name}`))
  }

  #pathOf (path: string): string {
    return isAbsolute(path) || this.#files.givenAs(path) != null ? path : join(this.#context.folder, path)
  }

  async #try<T> (at: Place, add: () => Promise<T>): Promise<T | undefined> {
    try {
      return await add()
    } catch (err) {
      if (!isMeshmarkError(err)) {
        throw err
      }

      this.#reader.complain(at, err.message)
    }
  }
}
