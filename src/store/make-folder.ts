import { mkdir, stat } from 'node:fs/promises'
import { dirname } from 'node:path'

/**
 * A folder and its missing parents; one that is there is left as it is.
 * Resolves with the first that was made, `undefined` when none was. Rejects
 * with what the system says: EEXIST and ENOTDIR where a file is in the way.
 *
 * Node's own `recursive` never ends where a file system answers ENOENT for a
 * new name in a folder that is there, as /proc does.
 */
export async function makeFolder (dir: string, mode = 0o777): Promise<string | undefined> {
  return await make(dir, mode, true)
}

/** @param patient - whether a missing parent may be one that somebody else has made meanwhile */
async function make (dir: string, mode: number, patient: boolean): Promise<string | undefined> {
  try {
    await mkdir(dir, { mode })

    return dir
  } catch (err) {
    const { code } = err as NodeJS.ErrnoException

    if (code === 'ENOENT' && dirname(dir) !== dir) {
      const first = await make(dirname(dir), mode, true)

      // a parent that was there all the time is not what was missing
      if (first == null && !patient) {
        throw err
      }

      const made = await make(dir, mode, first != null)

      return first ?? made
    }

    // some file systems say EROFS, EACCES or EPERM of what is there
    if (code === 'ENOTDIR' || !await stat(dir).then(found => found.isDirectory(), () => false)) {
      throw err
    }

    return undefined
  }
}
