import { chmod, chown, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { MeshmarkError } from '../model/errors.ts'

/**
 * `<data>/<mesh>/<role>`, made where it is missing. For a user other than ours
 * (a worker that will drop root) it is given to that user, and the folders
 * above let others pass without letting them look.
 */
export async function prepareRoleDir (dataRoot: string, meshId: string, role: string, owner?: { uid: number, gid: number }): Promise<string> {
  const mesh = join(dataRoot, meshId)
  const dir = join(mesh, role)

  try {
    await mkdir(dir, { recursive: true, mode: 0o700 })

    if (owner != null) {
      for (const passage of [dataRoot, mesh]) {
        await chmod(passage, 0o711)
      }

      await chown(dir, owner.uid, owner.gid)
    }
  } catch (err: any) {
    throw new MeshmarkError('failed', `the data directory ${dir} cannot be made: ${err.code ?? err.message}; name another with --data-dir or MESHMARK_DATA`, { cause: err })
  }

  return dir
}
