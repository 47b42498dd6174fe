import { lstatSync, mkdirSync, statSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { MeshmarkError } from '../model/errors.ts'

/** Where everything durable lives. */
export function dataRoot (env: NodeJS.ProcessEnv = process.env, uid = process.getuid?.()): string {
  if (env.MESHMARK_DATA != null && env.MESHMARK_DATA !== '') {
    return env.MESHMARK_DATA
  }

  if (uid === 0) {
    return '/var/lib/meshmark'
  }

  // the specification says that relative paths are to be ignored
  return env.XDG_DATA_HOME?.startsWith('/') === true
    ? join(env.XDG_DATA_HOME, 'meshmark')
    : join(env.HOME ?? homedir(), '.local', 'share', 'meshmark')
}

/**
 * A folder of mode 0700 for what lives as long as the processes of one user.
 * Refused when another user could have put something into it.
 */
export function runtimeDir (env: NodeJS.ProcessEnv = process.env, uid = process.getuid?.(), temporary = tmpdir()): string {
  const dir = isOwnDir(env.XDG_RUNTIME_DIR, uid)
    ? join(env.XDG_RUNTIME_DIR, 'meshmark')
    : join(temporary, `meshmark-${uid ?? 'user'}`)

  try {
    mkdirSync(dir, { mode: 0o700 })
  } catch (err: any) {
    if (err.code !== 'EEXIST') {
      throw new MeshmarkError('failed', `the folder ${dir} cannot be made (${err.code}): name a folder of your own in XDG_RUNTIME_DIR`, { cause: err })
    }
  }

  const info = lstatSync(dir)

  if (!info.isDirectory() || (uid != null && info.uid !== uid)) {
    throw new MeshmarkError('refused', `${dir} ${info.isDirectory() ? `belongs to user ${info.uid}` : 'is no folder'}: remove it, or name a folder of your own in XDG_RUNTIME_DIR`)
  }

  if (uid != null && (info.mode & 0o077) !== 0) {
    throw new MeshmarkError('refused', `${dir} is open to other users (mode ${(info.mode & 0o777).toString(8)}): remove it, and it will be made anew`)
  }

  return dir
}

function isOwnDir (dir: string | undefined, uid: number | undefined): dir is string {
  const info = dir != null && dir.startsWith('/') ? statSync(dir, { throwIfNoEntry: false }) : undefined

  return info?.isDirectory() === true && (uid == null || info.uid === uid)
}
