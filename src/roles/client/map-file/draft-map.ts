import { stat } from 'node:fs/promises'
import { basename, isAbsolute, join } from 'node:path'
import { isMeshmarkError } from '../../../model/errors.ts'
import { PayloadFiles } from '../draft/payload-files.ts'
import { readMap } from './read-map.ts'
import type { Command } from '../../../model/job.ts'
import type { MapEntry, MapList } from '../../../model/map.ts'
import type { JobDraft } from '../types.ts'
import type { MapFile, MapFileCommand } from './map-file.ts'
import type { Place, YamlReader } from './yaml-reader.ts'

/** What a draft of a map has, beside what may be said of any job. */
export type MapDraft = Pick<JobDraft, 'name' | 'kind' | 'commands' | 'files' | 'env' | 'limits' | 'placement' | 'plan' | 'map'>

/**
 * Turns the text of a map file into a job. Looks at every file that goes
 * along. Throws a FileError with everything that is wrong, files that are not
 * there included.
 *
 * @param file - as it is called in complaints
 * @param folder - where the paths in it begin
 */
export async function draftMap (text: string, file: string, folder: string): Promise<MapDraft> {
  const { map, reader } = readMap(text, file)
  const files = new Sent(reader, folder)
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
  readonly #files = new PayloadFiles()
  readonly #reader: YamlReader
  readonly #folder: string

  constructor (reader: YamlReader, folder: string) {
    this.#reader = reader
    this.#folder = folder
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
    const whole = this.#pathOf(text)
    const equals = text.lastIndexOf('=')
    const isWhole = equals === -1 || await stat(whole).then(() => true, () => false)
    const [path, name] = isWhole ? [whole, basename(text)] : [this.#pathOf(text.slice(0, equals)), text.slice(equals + 1)]

    await this.#try(at, async () => this.#files.addWith(`${path}=${name}`))
  }

  #pathOf (path: string): string {
    return isAbsolute(path) ? path : join(this.#folder, path)
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
