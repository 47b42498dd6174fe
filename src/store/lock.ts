import { stat } from 'node:fs/promises'
import { coresOf, readTopology } from '../machine/topology.ts'
import { holdLock } from './lock-file.ts'
import type { AcquireOptions, LockFile, LockMode } from './lock-file.ts'

export interface HeldLock {
  /** Idempotent. */
  release: () => Promise<void>
}

const NAME = 'meshmark-measure.lock'

/**
 * Keeps apart what runs on the same physical cores of a machine, between
 * processes of every user: measured tasks take their cores exclusively, others
 * share them. Whoever is bound to cores takes these; everybody else takes all
 * on which its programs may run. The kernel releases them when the process dies.
 *
 * There is a file for each core. They are taken in ascending order, so that no
 * two wait for each other.
 */
export class MachineLock {
  /** What the names of all files begin with. */
  readonly path: string
  /** Physical cores, as a topology names them, ascending. */
  readonly cores: readonly number[]

  constructor (path: string, cores: readonly number[]) {
    this.path = path
    this.cores = [...new Set(cores)].sort((a, b) => a - b)
  }

  /** @param cores - default: those that this process may use, whole or in part */
  static async find (env: NodeJS.ProcessEnv = process.env, cores?: readonly number[]): Promise<MachineLock> {
    return new MachineLock(await lockPath(env), cores ?? await usableCores())
  }

  /** The file of a core. */
  pathOf (core: number): string {
    return `${this.path}.${core}`
  }

  /** Rejects with the signal's reason when it is aborted while waiting. */
  async acquire (mode: LockMode, options: AcquireOptions = {}): Promise<HeldLock> {
    const files: LockFile[] = []
    let onWait = options.onWait
    const waiting = { signal: options.signal, onWait: () => { onWait?.(); onWait = undefined } }

    try {
      for (const core of this.cores) {
        files.push(await this.#take(core, mode, waiting))
      }
    } catch (err) {
      await closeAll(files)
      throw err
    }

    let closing: Promise<void> | undefined

    return {
      release: async () => {
        closing ??= closeAll(files)
        return closing
      }
    }
  }

  /**
   * Who waits holds the gate, so that later sharers queue up behind somebody
   * who needs the core alone instead of overtaking for ever. Sharers pass it
   * together: many at one moment would wait for each other otherwise.
   */
  async #take (core: number, mode: LockMode, options: AcquireOptions): Promise<LockFile> {
    const gate = await holdLock(`${this.pathOf(core)}.gate`, mode, options)

    try {
      return await holdLock(this.pathOf(core), mode, options)
    } finally {
      await gate.close()
    }
  }
}

/** What the names of this machine's lock files begin with. */
export async function lockPath (env: NodeJS.ProcessEnv = process.env): Promise<string> {
  return env.MESHMARK_LOCK == null || env.MESHMARK_LOCK === '' ? await commonPath() : env.MESHMARK_LOCK
}

async function closeAll (files: readonly LockFile[]): Promise<void> {
  await Promise.all(files.map(async file => file.close()))
}

/** Where nothing says what there is, one that stands for all. */
async function usableCores (): Promise<number[]> {
  const topology = await readTopology()
  const cores = coresOf(topology, topology.allowed)

  return cores.length === 0 ? [0] : cores
}

/**
 * The choice must be the same for every user, so it looks at who may write to
 * /run/lock (everybody on Debian, root alone on Fedora), not at whether we may;
 * and not at TMPDIR, which differs between users.
 */
async function commonPath (): Promise<string> {
  const info = await stat('/run/lock').catch(() => undefined)
  const open = info?.isDirectory() === true && (info.mode & 0o1002) === 0o1002

  return `${open ? '/run/lock' : '/tmp'}/${NAME}`
}
