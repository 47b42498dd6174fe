import { execFile } from 'node:child_process'
import { access, constants, readFile, realpath } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { MeshmarkError, toError } from '../model/errors.ts'
import { BoxNode } from './box-node.ts'
import { MemoryFiles } from './memory-files.ts'
import { loadLibc } from './native/libc.ts'
import { loadLibseccomp } from './native/libseccomp.ts'
import { FilterCompiler } from './seccomp.ts'
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
  builder: { kind: 'bubblewrap', path: string, version: string }
  compiler: FilterCompiler
  memory: MemoryFiles
  node: BoxNode
  /** What preflight saw; stands in the facts of every later box. */
  canaries: Record<string, string>
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
    const builder: LoadedBoxFiles['builder'] = { kind: 'bubblewrap', ...await findBubblewrap() }
    // Loaded here and not at the top: the package brings no binary for systems without workers.
    const { default: koffi } = await import('koffi') as unknown as { default: Koffi }
    const libc = loadLibc(koffi)
    const paths = { nodeBinary: await realpath(process.execPath), runner: fileURLToPath(new URL(RUNNER, import.meta.url)), koffi: await loadedKoffi() }

    return {
      paths,
      runner: await readRunner(paths.runner),
      koffi: await readFile(paths.koffi),
      builder,
      memory: new MemoryFiles(libc),
      compiler: new FilterCompiler(libc, loadSeccomp(koffi)),
      node: await BoxNode.open(paths.nodeBinary),
      canaries: {}
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
