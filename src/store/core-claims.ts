import { holdLock, tryLock } from './lock-file.ts'
import type { LockFile } from './lock-file.ts'

/** Physical cores that nobody else is bound to while this is held; the kernel releases them when the process dies. */
export interface CoreClaims {
  cores: readonly number[]
  /** Idempotent. */
  release: () => Promise<void>
}

/**
 * Chooses among the cores of a machine that no worker is bound to, and claims
 * them. Only one process at a time chooses, so that no two choose the same.
 *
 * @param path - what the names of the machine's lock files begin with
 * @param cores - all that could be chosen
 * @param choose - is told which of them are taken; may throw
 */
export async function claimCores (path: string, cores: readonly number[], choose: (taken: readonly number[]) => readonly number[]): Promise<CoreClaims> {
  const turn = await holdLock(`${path}.binding`, 'exclusive', {})
  const files = new Map<number, LockFile>()
  const release = async (unless: readonly number[] = []): Promise<void> => {
    for (const [core, file] of files) {
      if (!unless.includes(core)) {
        files.delete(core)
        await file.close()
      }
    }
  }

  try {
    for (const core of cores) {
      const file = await tryLock(`${path}.${core}.bound`)

      if (file != null) {
        files.set(core, file)
      }
    }

    const chosen = choose(cores.filter(core => !files.has(core)))

    await release(chosen)

    return { cores: chosen, release: async () => release() }
  } catch (err) {
    await release()
    throw err
  } finally {
    await turn.close()
  }
}
