import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { access, constants, open, readFile, realpath, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { MeshmarkError, toError } from '../model/errors.ts'
import { BOX } from './layout.ts'
import { loadLibc } from './native/libc.ts'
import { loadLibseccomp } from './native/libseccomp.ts'
import { FilterCompiler } from './seccomp.ts'
import type { FileHandle } from 'node:fs/promises'
import type { Koffi } from './native/koffi.ts'

export interface BoxFiles {
  /** The Node that runs this. */
  nodeBinary: string
  /** The bundled runner. */
  runner: string
  koffi: string
}

/** Everything that boxes are built from, read while it can be: a checkout may lie where the worker's user cannot go. */
export interface LoadedBoxFiles {
  paths: BoxFiles
  runner: Buffer
  koffi: Buffer
  bwrap: { path: string, version: string }
  compiler: FilterCompiler
  node: BoxNode
}

/** Loaded, or why there can be no boxes here; preflight tells. */
export type BoxFilesOrProblem = LoadedBoxFiles | { problem: MeshmarkError }

/**
 * To be called before privileges are dropped. What is missing on this machine
 * does not make it throw: a worker without boxes registers and says why.
 */
export async function loadBoxFiles (): Promise<BoxFilesOrProblem> {
  if (process.platform !== 'linux') {
    return { problem: new MeshmarkError('refused', `workers need Linux and this is ${process.platform}: masters and clients run here, start the worker in a Linux machine, a virtual one or WSL 2`) }
  }

  try {
    const bwrap = await findBubblewrap()
    // Loaded here and not at the top: the package brings no binary for systems without workers.
    const { default: koffi } = await import('koffi') as unknown as { default: Koffi }
    const libc = loadLibc(koffi)
    const paths = { nodeBinary: await realpath(process.execPath), runner: fileURLToPath(new URL(RUNNER, import.meta.url)), koffi: await loadedKoffi() }

    return {
      paths,
      runner: await readRunner(paths.runner),
      koffi: await readFile(paths.koffi),
      bwrap,
      compiler: new FilterCompiler(libc, loadSeccomp(koffi)),
      node: await BoxNode.open(paths.nodeBinary)
    }
  } catch (err) {
    return { problem: err instanceof MeshmarkError ? err : new MeshmarkError('refused', `boxes cannot be built: ${toError(err).message}`, { cause: err }) }
  }
}

/** This file is compiled into dist/sandbox/, or run from src/sandbox/ by tests. */
const RUNNER = import.meta.url.endsWith('.ts') ? '../../dist/runner.cjs' : '../runner.cjs'

async function readRunner (path: string): Promise<Buffer> {
  try {
    return await readFile(path)
  } catch (err) {
    throw new MeshmarkError('refused', `${path} is missing: run npm run build`, { cause: err })
  }
}

async function findBubblewrap (): Promise<{ path: string, version: string }> {
  for (const folder of `${process.env['PATH'] ?? ''}:/usr/bin:/bin:/usr/local/bin`.split(':')) {
    const path = join(folder, 'bwrap')

    if (folder.startsWith('/') && await access(path, constants.X_OK).then(() => true, () => false)) {
      const { stdout } = await promisify(execFile)(path, ['--version'])

      return { path, version: stdout.trim().replace(/^bubblewrap /, '') }
    }
  }

  throw new MeshmarkError('refused', 'bubblewrap is not installed: type apt-get install bubblewrap, or what your system has in its place')
}

function loadSeccomp (koffi: Koffi): ReturnType<typeof loadLibseccomp> {
  try {
    return loadLibseccomp(koffi)
  } catch (err) {
    throw new MeshmarkError('refused', 'libseccomp.so.2 is not installed: type apt-get install libseccomp2, or what your system has in its place', { cause: err })
  }
}

/** The binary that koffi's own loader chose for this machine. */
async function loadedKoffi (): Promise<string> {
  const maps = await readFile('/proc/self/maps', 'utf8')
  const path = /\s(\/.*koffi[^\n/]*\.node)$/m.exec(maps)?.[1]

  if (path == null) {
    throw new Error('koffi was loaded, but its file is not known')
  }

  return path
}

/** The worker's own Node, made visible in boxes wherever it is installed. */
export class BoxNode {
  readonly #path: string
  readonly #handle: FileHandle | undefined
  #source: Promise<string> | undefined

  constructor (path: string, handle?: FileHandle) {
    this.#path = path
    this.#handle = handle
  }

  static async open (path: string): Promise<BoxNode> {
    // Kept open until it is known whether the worker's user can reach it.
    return path.startsWith('/usr/') ? new BoxNode(path) : new BoxNode(path, await open(path))
  }

  /** Where it is inside a box. */
  get boxPath (): string {
    return this.#handle == null ? this.#path : BOX.node
  }

  /** What has to be bound there; undefined when it comes with /usr. Copied into `dir` once, if it cannot be reached where it is. */
  async source (dir: string): Promise<string | undefined> {
    if (this.#handle == null) {
      return undefined
    }

    this.#source ??= this.#find(this.#handle, dir)
    return this.#source
  }

  async #find (handle: FileHandle, dir: string): Promise<string> {
    if (await access(this.#path, constants.R_OK | constants.X_OK).then(() => true, () => false)) {
      return this.#path
    }

    const { size, mtimeMs, ino } = await handle.stat()
    const key = createHash('sha256').update(`${process.version} ${this.#path} ${size} ${mtimeMs} ${ino}`).digest('hex').slice(0, 16)
    const target = join(dir, `node-${key}`)

    if (await access(target, constants.X_OK).then(() => false, () => true)) {
      const temporary = `${target}.${process.pid}`
      const copy = await open(temporary, 'w', 0o755)

      try {
        const buffer = Buffer.alloc(1024 * 1024)

        for (let at = 0; at < size;) {
          const { bytesRead } = await handle.read(buffer, 0, buffer.length, at)

          if (bytesRead === 0) {
            throw new Error(`${this.#path} became shorter while it was copied`)
          }

          await copy.write(buffer, 0, bytesRead)
          at += bytesRead
        }
      } finally {
        await copy.close()
      }

      await rename(temporary, target)
    }

    return target
  }
}
