import { constants } from 'node:fs'
import { chmod, chown, open, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { isMeshmarkError, MeshmarkError } from '../model/errors.ts'
import { makeFolder } from '../store/make-folder.ts'

export interface Owner {
  uid: number
  gid: number
}

/** `<data>/<mesh>/<role>`, made where it is missing. */
export async function prepareRoleDir (dataRoot: string, meshId: string, role: string): Promise<string> {
  const dir = join(dataRoot, meshId, role)

  await explained(dir, async () => { await makeFolder(dir, 0o700) })

  return dir
}

/**
 * The same for a worker that will drop root: the folder belongs to the user
 * that it becomes, and the folders above let others pass without letting them
 * look. Whoever owned it before is that user again, so that every worker here
 * finds its files; `choose` is asked only the first time.
 */
export async function prepareOwnedDir (dataRoot: string, meshId: string, role: string, choose: () => Owner): Promise<{ dir: string, owner: Owner }> {
  const mesh = join(dataRoot, meshId)
  const dir = join(mesh, role)

  return explained(dir, async () => {
    await makeFolder(dir, 0o700)

    for (const passage of [dataRoot, mesh]) {
      await letPass(passage)
    }

    // two workers that start at once must agree
    const handle = await open(dir, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW)

    try {
      // clients never come here, and to load koffi takes as long as to connect
      const { lockHandle } = await import('../store/lock-file.ts')

      await lockHandle(handle, 'exclusive', dir)
      const { uid, gid } = await stat(dir)

      if (uid !== 0) {
        return { dir, owner: { uid, gid } }
      }

      const owner = choose()
      await chown(dir, owner.uid, owner.gid)

      return { dir, owner }
    } finally {
      await handle.close()
    }
  })
}

/** Never less than it was: somebody may keep other things there. */
async function letPass (dir: string): Promise<void> {
  const { mode } = await stat(dir)

  if ((mode & 0o011) !== 0o011) {
    await chmod(dir, (mode & 0o7777) | 0o011)
  }
}

async function explained<T> (dir: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (err: any) {
    if (isMeshmarkError(err)) {
      throw err
    }

    throw new MeshmarkError('failed', `the data directory ${dir} cannot be made: ${err.code ?? err.message}; name another with --data or MESHMARK_DATA`, { cause: err })
  }
}
