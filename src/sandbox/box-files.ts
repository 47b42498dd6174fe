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
import type { Libc } from './native/libc.ts'

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
  /** The bundled host of WebAssembly modules. */
  wasmHost: Buffer
  builder: Builder
  compiler: FilterCompiler
  /** Of memory, as the kernel counts it. */
  pageBytes: number
  memory: MemoryFiles
  libc: Libc
  node: BoxNode
  /** What preflight saw; stands in the facts of every later box. */
  canaries: Record<string, string>
}

/** What boxes are built with. */
export type Builder =
  | { kind: 'bubblewrap', path: string, version: string }
  | { kind: 'unshare', version: string, unshare: string, setpriv: string, assembler: Buffer }

/** Loaded, or why there can be no boxes here; preflight tells. */
export type BoxFilesOrProblem = LoadedBoxFiles | { problem: MeshmarkError }

/**
 * To be called before privileges are dropped. What is missing on this machine
 * does not make it throw: a worker without boxes registers and says why.
 */
export async function loadBoxFiles (o: { builder?: Builder['kind'] } = {}): Promise<BoxFilesOrProblem> {
  if (process.platform !== 'linux') {
    return { problem: new MeshmarkError('refused', `workers need Linux and this is ${process.platform}: masters and clients run here, start the worker in a Linux machine, a virtual one or WSL 2`) }
  }

  try {
    const builder = await findBuilder(o.builder)
    // Loaded here and not at the top: the package brings no binary for systems without workers.
    const { default: koffi } = await import('koffi') as unknown as { default: Koffi }
    const libc = loadLibc(koffi)
    const paths = { nodeBinary: await realpath(process.execPath), runner: fileURLToPath(new URL(RUNNER, import.meta.url)), koffi: await loadedKoffi() }

    return {
      paths,
      runner: await readBundle(paths.runner),
      koffi: await readFile(paths.koffi),
      wasmHost: await readBundle(fileURLToPath(new URL(WASM_HOST, import.meta.url))),
      builder,
      memory: new MemoryFiles(libc),
      libc,
      pageBytes: libc.getpagesize(),
      compiler: new FilterCompiler(libc, loadSeccomp(koffi)),
      node: await BoxNode.open(paths.nodeBinary),
      canaries: {}
    }
  } catch (err) {
    return { problem: err instanceof MeshmarkError ? err : new MeshmarkError('refused', `boxes cannot be built: ${toError(err).message}`, { cause: err }) }
  }
}

/** This file is compiled into dist/sandbox/, or run from src/sandbox/ by tests. */
const DIST = import.meta.url.endsWith('.ts') ? '../../dist' : '..'
const RUNNER = `${DIST}/runner.cjs`
const WASM_HOST = `${DIST}/wasm-host.cjs`
const ASSEMBLER = `${DIST}/assembler.cjs`

async function readBundle (path: string): Promise<Buffer> {
  try {
    return await readFile(path)
  } catch (err) {
    throw new MeshmarkError('refused', `${path} is missing: run npm run build`, { cause: err })
  }
}

/** @param wanted - this one or none. @default bubblewrap, else unshare */
async function findBuilder (wanted?: Builder['kind']): Promise<Builder> {
  const bwrap = wanted === 'unshare' ? undefined : await inPath('bwrap')

  if (bwrap != null) {
    return { kind: 'bubblewrap', path: bwrap, version: await versionOf(bwrap) }
  }

  // They are needed inside of boxes as well, which have what comes with the system.
  const [unshare, setpriv] = wanted === 'bubblewrap' ? [] : await Promise.all([inPath('unshare', SYSTEM_FOLDERS), inPath('setpriv', SYSTEM_FOLDERS)])

  if (unshare == null || setpriv == null) {
    throw new MeshmarkError('refused', 'bubblewrap is not installed: type apt-get install bubblewrap, or what your system has in its place')
  }

  const help = `${await ask(unshare, '--help')} ${await ask(setpriv, '--help')}`
  const missing = ['--map-user', '--keep-caps', '--kill-child', '--pdeathsig'].find(option => !help.includes(option))

  if (missing != null) {
    throw new MeshmarkError('refused', `bubblewrap is not installed, and util-linux is too old to do without (it has no ${missing}): type apt-get install bubblewrap, or what your system has in its place`)
  }

  return { kind: 'unshare', version: await versionOf(unshare), unshare, setpriv, assembler: await readBundle(fileURLToPath(new URL(ASSEMBLER, import.meta.url))) }
}

const SYSTEM_FOLDERS = ['/usr/bin', '/bin', '/usr/local/bin']

async function inPath (name: string, folders = [...(process.env['PATH'] ?? '').split(':'), ...SYSTEM_FOLDERS]): Promise<string | undefined> {
  for (const folder of folders) {
    const path = join(folder, name)

    if (folder.startsWith('/') && await access(path, constants.X_OK).then(() => true, () => false)) {
      return path
    }
  }
}

/** `bubblewrap 0.8.0`, `unshare from util-linux 2.38.1` */
async function versionOf (path: string): Promise<string> {
  return (await ask(path, '--version')).trim().split(' ').at(-1) ?? ''
}

async function ask (path: string, option: string): Promise<string> {
  return (await promisify(execFile)(path, [option])).stdout
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
