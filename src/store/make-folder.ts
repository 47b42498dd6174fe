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
  try {
    await mkdir(dir, { mode })

    return dir
  } catch (err) {
    const { code } = err as NodeJS.ErrnoException

    if (code === 'ENOENT' && dirname(dir) !== dir) {
      const first = await makeFolder(dirname(dir), mode)

      // a parent that was there all the time is not what was missing
      if (first == null) {
        throw err
      }

      await makeFolder(dir, mode)

      return first
    }

    // some file systems say EROFS, EACCES or EPERM of what is there
    if (code === 'ENOTDIR' || !await stat(dir).then(found => found.isDirectory(), () => false)) {
      throw err
    }

    return undefined
  }
}
