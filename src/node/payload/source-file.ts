import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { MeshmarkError } from '../../model/errors.ts'
import type { BigIntStats } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'

/** Throws what is wrong with the file, in words for whoever has named it. */
export async function openSource (source: string): Promise<FileHandle> {
  let handle: FileHandle

  try {
    // a FIFO would keep us waiting for its writer
    handle = await open(source, constants.O_RDONLY | constants.O_NONBLOCK)
  } catch (err: any) {
    throw explain(err, source)
  }

  const info = await handle.stat()

  if (!info.isFile()) {
    await handle.close()
    throw new MeshmarkError('not-executable', info.isDirectory() ? `${source} is a folder: name a file` : `${source} is not a regular file`)
  }

  return handle
}

function explain (err: any, source: string): Error {
  switch (err.code) {
    case 'ENOENT':
    case 'ENOTDIR':
      return new MeshmarkError('not-found', `${source} does not exist on this machine`, { cause: err })
    case 'EACCES':
    case 'EPERM':
      return new MeshmarkError('not-executable', `${source} cannot be read by this user: change its permissions`, { cause: err })
    case 'ENXIO':
      return new MeshmarkError('not-executable', `${source} is not a regular file`, { cause: err })
    default:
      return new MeshmarkError('failed', `${source} cannot be read: ${err.message}`, { cause: err })
  }
}

/** Reads until `into` is full or the file ends; resolves with the bytes read. */
export async function readAt (handle: FileHandle, into: Uint8Array, position: number): Promise<number> {
  let done = 0

  while (done < into.byteLength) {
    const { bytesRead } = await handle.read(into, done, into.byteLength - done, position + done)

    if (bytesRead === 0) {
      break
    }

    done += bytesRead
  }

  return done
}

/** As far as can be seen without reading it. */
export function isUnchanged (a: BigIntStats | undefined, b: BigIntStats): boolean {
  return a != null && a.size === b.size && a.mtimeNs === b.mtimeNs && a.ino === b.ino && a.dev === b.dev
}

export function changedError (source: string): MeshmarkError {
  return new MeshmarkError('failed', `${source} changed while it was being read: wait until it is written, and try again`)
}

export function isExecutable ({ mode }: BigIntStats): boolean {
  return (mode & 0o111n) !== 0n
}
