import { constants } from 'node:fs'
import { access, stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { MeshmarkError } from '../../model/errors.ts'
import { systemReason } from '../../model/system-reason.ts'

/** Throws `usage`, before anything is sent, for what neither is a folder that this user may write into nor can become one. */
export async function checkFolder (option: string, dir: string): Promise<void> {
  const refused = (why: string): MeshmarkError => new MeshmarkError('usage', `${option} '${dir}' cannot be written: ${why}`)

  if (dir === '') {
    throw refused('it has no name')
  }

  for (let path = resolve(dir); ; path = dirname(path)) {
    try {
      if (!(await stat(path)).isDirectory()) {
        throw refused(path === resolve(dir) ? 'it is a file; name a folder' : 'a part of it is no folder')
      }

      return await access(path, constants.W_OK | constants.X_OK)
    } catch (err) {
      if ((err as NodeJS.ErrnoException).code !== 'ENOENT' || dirname(path) === path) {
        throw err instanceof MeshmarkError ? err : refused(systemReason(err))
      }
    }
  }
}
