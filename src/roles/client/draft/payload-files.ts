import { constants } from 'node:fs'
import { access, stat } from 'node:fs/promises'
import { basename, resolve } from 'node:path'
import { MeshmarkError } from '../../../model/errors.ts'
import { isPayloadPath, MAX_FILES } from '../../../model/payload.ts'
import { printable } from '../../../model/text.ts'
import { insideFolder, isReadyToRun } from './build.ts'
import type { DraftFile } from '../types.ts'

/**
 * The files of a job as they are collected. Every file is looked at before
 * anything is sent, and two files cannot take one name in the payload.
 */
export class PayloadFiles {
  readonly #files = new Map<string, DraftFile>()
  readonly #given = new Set<string>()
  /** Given for some workers only. */
  readonly #taken = new Map<string, DraftFile>()
  readonly #isOnlyGiven: boolean

  /**
   * @param given - files that are there without being looked for: bytes, or what lies somewhere under another name
   * @param isOnlyGiven - nothing else of this machine goes along, nor is it looked at: the job is another one's
   */
  constructor (given: readonly DraftFile[] = [], isOnlyGiven = false) {
    this.#isOnlyGiven = isOnlyGiven

    for (const file of given) {
      if (!isPayloadPath(file.path)) {
        throw new MeshmarkError('usage', `file '${printable(file.path, 100)}' must have a path inside the program's folder, without .. or a leading /`)
      }

      this.#put(file.path, file)
      this.#given.add(file.path)
    }
  }

  get all (): DraftFile[] {
    return [...this.#files.values()]
  }

  /**
   * A program of the command line. Resolves with its path in the payload: its
   * own name, or `2/NAME` where another program has that, as of `./old/prog`
   * and `./new/prog`.
   *
   * @param setup - the job has a setup, which may make what is not there yet
   */
  async addProgram (path: string, setup = false): Promise<string> {
    const given = this.#useGiven(path)

    if (given != null) {
      this.#files.set(given, { ...this.#files.get(given)!, executable: true })

      return given
    }

    this.#refuseUngiven(path, 'program')

    const found = await look(path, 'program', setup ? `; what --setup makes is run by a shell: --shell 'exec ${path}'` : undefined)

    if (found.size === 0) {
      throw new MeshmarkError('not-executable', `program ${path} is empty: there is nothing to run`)
    }

    return this.#add(path, this.#programName(path), found.mode)
  }

  /**
   * A program that a build may make: of this machine only a script goes along,
   * since what is compiled here may be an old one, and for this machine alone.
   * Resolves with its path in the payload.
   *
   * @param isMade - the build's line says that it makes it
   */
  async addBuilt (path: string, isMade: boolean): Promise<string> {
    const given = this.#useGiven(path)
    const name = insideFolder(path)

    if (given != null) {
      return given
    }

    if (name == null) {
      throw new MeshmarkError('usage', `program ${path}: what --build makes is in the program's folder: write e.g. ./${basename(path)}`)
    }

    return this.#isOnlyGiven || isMade || !await isReadyToRun(path) ? name : this.#add(path, name, (await look(path, 'program')).mode)
  }

  /** The program of some workers, which goes to no other. `path`: what it is called where it was not given. */
  async takeVariant (file: string, path: string): Promise<DraftFile> {
    const given = this.givenAs(file)

    if (given != null) {
      const taken = this.#files.get(given) ?? this.#taken.get(given)!

      this.#files.delete(given)
      this.#taken.set(given, taken)

      return taken
    }

    this.#refuseUngiven(file, '--variant file')

    const { size } = await look(file, '--variant file')

    if (size === 0) {
      throw new MeshmarkError('not-executable', `--variant file ${file} is empty: there is nothing to run`)
    }

    return { source: resolve(file), path, executable: true }
  }

  /** A file that a build's line may name, under the path that it has there; nothing when there is none here. */
  async addSource (path: string): Promise<void> {
    const name = insideFolder(path)

    if (name != null && !this.#isOnlyGiven && !this.#files.has(name) && await stat(path).then(found => found.isFile(), () => false)) {
      this.#add(path, name, (await look(path, '--build file')).mode)
    }
  }

  /** `FILE` or `FILE=NAME`, where NAME may name folders. Resolves with its path in the payload. */
  async addWith (text: string): Promise<string> {
    const given = this.#useGiven(text)

    if (given != null) {
      return given
    }

    this.#refuseUngiven(text, 'file')

    const { path, name } = await splitName(text)

    if (!isPayloadPath(name)) {
      throw new MeshmarkError('usage', `--with ${text}: '${name}' must be a path inside the program's folder, without .. or a leading /`)
    }

    return this.#add(path, name, (await look(path, '--with file')).mode)
  }

  async addStdin (path: string, name = basename(path)): Promise<string> {
    const given = this.#useGiven(path)

    if (given != null) {
      return given
    }

    this.#refuseUngiven(path, 'standard input')

    return this.#add(path, name, (await look(path, '--stdin file')).mode)
  }

  /** The path in the payload of a file that was given, however it is written; undefined for any other. */
  givenAs (path: string): string | undefined {
    const name = path.replace(/^(\.\/+)+/, '')

    return this.#given.has(name) ? name : undefined
  }

  /** As `givenAs`, of a file that every worker needs, whether or not it is the variant of some. */
  #useGiven (path: string): string | undefined {
    const name = this.givenAs(path)
    const taken = name == null ? undefined : this.#taken.get(name)

    if (name != null && taken != null) {
      this.#files.set(name, taken)
    }

    return name
  }

  #refuseUngiven (path: string, what: string): void {
    if (this.#isOnlyGiven) {
      throw new MeshmarkError('not-found', `${what} ${printable(path, 100)} is none of the job's files: send it among them; a program of the worker is written worker:/PATH or by its bare name`)
    }
  }

  #programName (path: string): string {
    const source = resolve(path)

    for (let number = 1; number <= MAX_FILES; number++) {
      const name = number === 1 ? basename(path) : `${number}/${basename(path)}`
      const other = this.#files.get(name)

      if (other == null ? this.#contradicts(name) == null : other.source === source) {
        return name
      }
    }

    return basename(path)
  }

  /** A file that would be a folder of `name`, or the other way round. */
  #contradicts (name: string): string | undefined {
    return [...this.#files.keys()].find(other => other.startsWith(`${name}/`) || name.startsWith(`${other}/`))
  }

  #add (path: string, name: string, mode: number): string {
    const source = resolve(path)
    const same = this.#files.get(name)

    if (same != null && same.source !== source) {
      throw new MeshmarkError('usage', `${placeOf(same)} and ${source} would both be ${name} beside the program: rename one with --with FILE=NAME`)
    }

    this.#put(name, { source, path: name, executable: (mode & 0o111) !== 0 })

    return name
  }

  #put (name: string, file: DraftFile): void {
    const other = this.#contradicts(name)

    if (this.#given.has(name)) {
      throw new MeshmarkError('usage', `two files would be ${name} beside the program: give one of them another name`)
    }

    if (other != null) {
      throw new MeshmarkError('usage', `${name} and ${other} cannot both exist beside the program: one would be a file and a folder`)
    }

    if (this.#files.size >= MAX_FILES) {
      throw new MeshmarkError('usage', `more than ${MAX_FILES} files: pack them into one archive`)
    }

    this.#files.set(name, file)
  }
}

function placeOf ({ source, path }: DraftFile): string {
  return typeof source === 'string' ? source : `the given ${path}`
}

/** A file that is really called `a=b` is meant as a whole. */
async function splitName (text: string): Promise<{ path: string, name: string }> {
  const at = text.lastIndexOf('=')

  if (at === -1 || await stat(text).then(() => true, () => false)) {
    return { path: text, name: basename(text) }
  }

  return { path: text.slice(0, at), name: text.slice(at + 1) }
}

async function look (path: string, what: string, instead = `; a program of the worker is written worker:${path.startsWith('/') ? path : '/PATH'} or by its bare name`): Promise<{ size: number, mode: number }> {
  const found = await stat(path).catch((err: NodeJS.ErrnoException) => {
    if (err.code === 'ENOENT' || err.code === 'ENOTDIR') {
      throw new MeshmarkError('not-found', `${what} ${path} does not exist on this machine${what === 'program' ? instead : ''}`)
    }

    throw new MeshmarkError('not-executable', `${what} ${path} cannot be read: ${err.code === 'EACCES' ? 'this user may not' : err.message}`)
  })

  if (found.isDirectory()) {
    throw new MeshmarkError('not-executable', `${what} ${path} is a folder: name a file${what === '--with file' ? ', one --with for each' : ''}`)
  }

  if (!found.isFile()) {
    throw new MeshmarkError('not-executable', `${what} ${path} is not a regular file`)
  }

  await access(path, constants.R_OK).catch(() => {
    throw new MeshmarkError('not-executable', `${what} ${path} cannot be read by this user: change its permissions`)
  })

  return found
}
