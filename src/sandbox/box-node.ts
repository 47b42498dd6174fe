import { rmSync } from 'node:fs'
import { access, constants, mkdir, mkdtemp, open, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join, parse } from 'node:path'
import { MeshmarkError } from '../model/errors.ts'
import { identity } from './box-records.ts'
import { BOX } from './layout.ts'
import type { FileHandle } from 'node:fs/promises'

/** Programs can read the path of what is bound into their box. These say nothing about anybody. */
const IMPERSONAL = /^\/(usr|opt)\//

/** Where copies go, and how their folders are named. */
const PLACE = '/tmp/meshmark-node-'

/** Beside a copy: the process that it was made for, so that others can tell when nobody needs it. */
const OWNER = 'owner'

const PIECE_BYTES = 1024 * 1024

/**
 * The worker's own Node, made visible in boxes wherever it is installed. It
 * comes with /usr as a rule. From somebody's home it is copied for as long as
 * the worker lives: its path would tell whose, and the worker's user may not
 * be able to enter there.
 */
export class BoxNode {
  readonly #path: string
  readonly #handle: FileHandle | undefined
  #source: Promise<string> | undefined

  private constructor (path: string, handle?: FileHandle) {
    this.#path = path
    this.#handle = handle
  }

  /** To be called while the file can be reached; it stays open. */
  static async open (path: string): Promise<BoxNode> {
    return path.startsWith('/usr/') ? new BoxNode(path) : new BoxNode(path, await open(path))
  }

  /** Where it is inside a box. */
  get boxPath (): string {
    return this.#handle == null ? this.#path : BOX.node
  }

  /**
   * The file to bind there; undefined when it comes with /usr.
   *
   * @param dir - of the worker, for a copy when there is no better place
   */
  async source (dir: string): Promise<string | undefined> {
    if (this.#handle == null) {
      return undefined
    }

    const known = await this.#source?.catch(() => undefined)

    // Folders for temporary files are swept.
    if (this.#source == null || (known != null && !await isExecutable(known))) {
      this.#source = this.#find(this.#handle, dir)
    }

    return this.#source
  }

  async #find (handle: FileHandle, dir: string): Promise<string> {
    if (IMPERSONAL.test(this.#path) && await isExecutable(this.#path)) {
      return this.#path
    }

    // The first box of a worker's life comes here before anything else has been put into its folder.
    await mkdir(dir, { recursive: true, mode: 0o700 })
    await sweepCopies()

    const folder = await mkdtemp(PLACE).catch(() => undefined)

    if (folder != null) {
      await writeFile(join(folder, OWNER), `${process.pid} ${identity(process.pid)}`)
      process.once('exit', () => { rmSync(folder, { recursive: true, force: true }) })
    }

    for (const target of [...(folder == null ? [] : [join(folder, 'node')]), join(dir, 'node')]) {
      if (await copy(handle, target)) {
        return target
      }
    }

    throw new MeshmarkError('refused', `${this.#path} cannot be copied for the sandbox: neither /tmp nor ${dir} takes programs; install Node below /usr`)
  }
}

/** Removes the copies of workers that were killed. Each says whose it is; one that does not yet is being made. */
async function sweepCopies (): Promise<void> {
  const { dir, base } = parse(PLACE)

  for (const name of await readdir(dir).catch(() => [])) {
    const owner = name.startsWith(base) ? await readFile(join(dir, name, OWNER), 'utf8').catch(() => undefined) : undefined

    if (owner != null && owner !== `${parseInt(owner)} ${identity(parseInt(owner))}`) {
      // It may belong to the user that an earlier worker became.
      await rm(join(dir, name), { recursive: true, force: true }).catch(() => {})
    }
  }
}

/** False where programs cannot be executed or there is no room. */
async function copy (handle: FileHandle, path: string): Promise<boolean> {
  try {
    await rm(path, { force: true })

    const target = await open(path, 'wx', 0o755)

    try {
      for await (const piece of pieces(handle)) {
        await target.writeFile(piece)
      }
    } finally {
      await target.close()
    }

    return await isExecutable(path)
  } catch {
    return false
  }
}

/** Read by position: after privileges were dropped the file cannot be opened again. */
async function * pieces (handle: FileHandle): AsyncGenerator<Buffer> {
  const buffer = Buffer.alloc(PIECE_BYTES)

  for (let at = 0; ;) {
    const { bytesRead } = await handle.read(buffer, 0, PIECE_BYTES, at)

    if (bytesRead === 0) {
      return
    }

    at += bytesRead
    yield buffer.subarray(0, bytesRead)
  }
}

/** Also false on a file system that is mounted noexec. */
async function isExecutable (path: string): Promise<boolean> {
  return access(path, constants.R_OK | constants.X_OK).then(() => true, () => false)
}
