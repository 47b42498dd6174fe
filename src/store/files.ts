import { randomBytes } from 'node:crypto'
import { constants, statfsSync } from 'node:fs'
import { lstat, open, rename, rm, statfs } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { MeshmarkError } from '../model/errors.ts'
import { makeFolder } from './make-folder.ts'
import type { FileHandle } from 'node:fs/promises'

/** The file is there whole, with what it had before or with this, whatever happens. */
export async function writeFileAtomic (path: string, bytes: Uint8Array | string, mode = 0o600): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}`)

  try {
    const file = await openPrivate(temporary, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, mode)

    try {
      // the umask may have taken bits away
      await file.chmod(mode)
      await file.writeFile(bytes)
      await file.sync()
    } finally {
      await file.close()
    }

    await rename(temporary, path)
  } catch (err) {
    await rm(temporary, { force: true })
    throw explainDiskFull(err, dirname(path))
  }

  await syncDir(dirname(path))
}

/** Opens without following a symbolic link in the last part of the path, and without waiting at a FIFO. */
export async function openPrivate (path: string, flags: number, mode = 0o600): Promise<FileHandle> {
  return open(path, flags | constants.O_NOFOLLOW | constants.O_NONBLOCK, mode)
}

/** Makes the folder and its missing parents with mode 0700; refuses a link or a file in its place. */
export async function ensurePrivateDir (dir: string): Promise<void> {
  const first = await makeFolder(dir, 0o700).catch(err => {
    if (err.code === 'EEXIST' || err.code === 'ENOTDIR') {
      throw new MeshmarkError('failed', `${dir} is not a folder: move it away`, { cause: err })
    }

    if (err.code === 'EACCES' || err.code === 'EPERM' || err.code === 'EROFS') {
      throw new MeshmarkError('failed', `the folder ${dir} cannot be made (${err.code}): choose another place with MESHMARK_DATA`, { cause: err })
    }

    throw explainDiskFull(err, dir)
  })

  if (!(await lstat(dir)).isDirectory()) {
    throw new MeshmarkError('failed', `${dir} is not a folder but a link or a file: move it away`)
  }

  if (first != null) {
    await syncDir(dirname(first))
  }
}

/** Makes the names in a folder durable. */
export async function syncDir (dir: string): Promise<void> {
  const handle = await open(dir, constants.O_RDONLY)

  try {
    await handle.sync().catch(err => {
      // some file systems cannot sync a folder, and have nothing to lose then
      if (err.code !== 'EINVAL' && err.code !== 'EPERM') {
        throw err
      }
    })
  } finally {
    await handle.close()
  }
}

/** Bytes that this process may still write to the disk of `dir`. */
export async function freeBytes (dir: string): Promise<number> {
  const { bavail, bsize } = await statfs(dir)

  return bavail * bsize
}

/** The same for what is asked often: it takes microseconds, and the way to another thread and back many times that. For local disks. */
export function freeBytesNow (dir: string): number {
  const { bavail, bsize } = statfsSync(dir)

  return bavail * bsize
}

export function diskFullError (dir: string, cause?: unknown): MeshmarkError {
  return new MeshmarkError('failed', `the disk of ${dir} is full: free some space there`, { cause })
}

/** An error of the file system as it is, or in words when the disk is full. */
export function explainDiskFull (err: any, dir: string): any {
  return err?.code === 'ENOSPC' || err?.code === 'EDQUOT' ? diskFullError(dir, err) : err
}
