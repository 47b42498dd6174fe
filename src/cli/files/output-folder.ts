import { constants } from 'node:fs'
import { lstat, mkdir, open, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { MeshmarkError } from '../../model/errors.ts'
import { shortJobId } from '../../model/ids.ts'
import { systemReason } from '../../model/system-reason.ts'
import { makeFolder } from '../../store/make-folder.ts'
import type { FileHandle } from 'node:fs/promises'

/** Says whose output a folder has. */
const MARK = '.meshmark-job'

/** Files that are open at once; the one that was written to longest ago is closed for another. */
const MAX_OPEN = 32

/**
 * A folder with what programs printed, a file for each stream. What is in a
 * file already is not written again, so that the same output may come as often
 * as it likes. Nothing is written through a link.
 */
export class OutputFolder {
  readonly dir: string
  readonly #open = new Map<string, FileHandle>()
  readonly #sizes = new Map<string, number>()
  readonly #folders = new Set<string>()

  readonly #mode: 'go on' | 'new files' | 'replace'

  private constructor (dir: string, mode: 'go on' | 'new files' | 'replace') {
    this.dir = dir
    this.#mode = mode
  }

  /**
   * Makes the folder where there is none.
   *
   * @param job - id of the job whose output it is to have; throws `usage` when it has another one's
   */
  static async open (dir: string, job: string): Promise<OutputFolder> {
    const owner = await ownerOf(dir)

    if (owner != null && owner !== job) {
      throw ofAnother(dir, owner)
    }

    if (owner == null) {
      await makeFolder(dir).catch(err => { throw unwritable(dir, err) })
      await writeFile(join(dir, MARK), `${job}\n`, { flag: constants.O_WRONLY | constants.O_CREAT | constants.O_NOFOLLOW }).catch(err => { throw unwritable(dir, err) })
    }

    // in a folder that had no output yet, what is there is somebody's
    return new OutputFolder(dir, owner == null ? 'new files' : 'go on')
  }

  /** The same, for output that takes the place of what is in its files. */
  static async replacing (dir: string): Promise<OutputFolder> {
    await OutputFolder.check(dir)
    await makeFolder(dir).catch(err => { throw unwritable(dir, err) })

    return new OutputFolder(dir, 'replace')
  }

  /** Throws `usage` when output of a job that is yet to come could not be put there. */
  static async check (dir: string): Promise<void> {
    const owner = await ownerOf(dir)

    if (owner != null) {
      throw ofAnother(dir, owner)
    }
  }

  /**
   * Bytes from `offset` on; those before it have been written, now or earlier.
   *
   * @param path - inside the folder; made of safe names only
   */
  async write (path: string, offset: number, data: Uint8Array): Promise<void> {
    const file = await this.#fileOf(path)
    // known since it was opened
    const size = this.#sizes.get(path) ?? 0

    if (offset > size) {
      throw new MeshmarkError('failed', `${join(this.dir, path)} has ${size} bytes, and what comes next begins at byte ${offset}: remove it, and attach again`)
    }

    const fresh = data.subarray(size - offset)

    if (fresh.byteLength > 0) {
      await file.appendFile(fresh).catch(err => { throw unwritable(join(this.dir, path), err) })
      this.#sizes.set(path, size + fresh.byteLength)
    }
  }

  async close (): Promise<void> {
    await Promise.all([...this.#open.values()].map(async file => file.close()))
    this.#open.clear()
  }

  async #fileOf (path: string): Promise<FileHandle> {
    let file = this.#open.get(path)

    if (file == null) {
      await this.#makeRoom()
      file = await this.#openFile(path)
    }

    // the last one is the one that was used last
    this.#open.delete(path)
    this.#open.set(path, file)

    return file
  }

  async #makeRoom (): Promise<void> {
    for (const [path, file] of this.#open) {
      if (this.#open.size < MAX_OPEN) {
        return
      }

      this.#open.delete(path)
      await file.close()
    }
  }

  async #openFile (path: string): Promise<FileHandle> {
    const whole = join(this.dir, path)

    await this.#makeFolder(dirname(path))

    const isFirst = !this.#sizes.has(path)
    const flags = this.#mode === 'new files' && isFirst ? constants.O_EXCL : 0
    const file = await open(whole, constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK | flags, 0o666).catch(err => { throw unwritable(whole, err) })
    const found = await file.stat()

    if (!found.isFile() || found.nlink > 1) {
      await file.close()
      throw new MeshmarkError('usage', `${whole} is not a file of its own: remove it, or name another folder`)
    }

    if (this.#mode === 'replace' && isFirst) {
      await file.truncate(0)
    }

    this.#sizes.set(path, this.#mode === 'replace' && isFirst ? 0 : found.size)

    return file
  }

  async #makeFolder (path: string): Promise<void> {
    if (path === '.' || this.#folders.has(path)) {
      return
    }

    const whole = join(this.dir, path)

    await mkdir(whole).catch(err => {
      if (err.code !== 'EEXIST') {
        throw unwritable(whole, err)
      }
    })

    if (!(await lstat(whole)).isDirectory()) {
      throw new MeshmarkError('usage', `${whole} is not a folder but a link or a file: remove it, or name another folder`)
    }

    this.#folders.add(path)
  }
}

async function ownerOf (dir: string): Promise<string | undefined> {
  try {
    const owner = (await readFile(join(dir, MARK), 'utf8')).trim()

    // somebody was interrupted before he could say whose it is
    return owner === '' ? undefined : owner
  } catch (err) {
    if ((err as NodeJS.ErrnoException).code === 'ENOENT') {
      return undefined
    }

    throw unwritable(dir, err)
  }
}

function ofAnother (dir: string, owner: string): MeshmarkError {
  return new MeshmarkError('usage', `${dir} has the output of job ${shortJobId(owner)}: name another folder, or remove it`)
}

function unwritable (path: string, err: unknown): MeshmarkError {
  return new MeshmarkError('usage', `${path} cannot be written: ${systemReason(err)}`, { cause: err })
}
