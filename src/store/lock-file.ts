import { closeSync, constants, fchmodSync, fstatSync, lstatSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { MeshmarkError } from '../model/errors.ts'
import { EINTR, EWOULDBLOCK, LOCK_EX, LOCK_NB, LOCK_SH, flock } from '../sandbox/native/flock.ts'

export type LockMode = 'shared' | 'exclusive'

export interface AcquireOptions {
  signal?: AbortSignal
  /** Called once, when somebody else holds it. */
  onWait?: () => void
}

/** Open, and locked until it is closed. */
export interface LockFile {
  readonly fd: number
  /** Idempotent. */
  close: () => Promise<void>
}

const RETRY_MS = 20

/**
 * Locks an open file or folder until it is closed.
 *
 * flock(2) is asked again and again instead of being left to wait: a thread
 * that sleeps in it cannot be woken by an abort, and would keep one of the few
 * threads of the pool busy for as long as somebody else measures. The random
 * part keeps waiters from asking in step.
 */
export async function lockHandle (handle: { readonly fd: number }, mode: LockMode, path: string, options: AcquireOptions = {}): Promise<void> {
  const operation = (mode === 'shared' ? LOCK_SH : LOCK_EX) | LOCK_NB
  let { onWait } = options

  while (true) {
    options.signal?.throwIfAborted()
    const errno = flock(handle.fd, operation)

    if (errno === 0) {
      return
    }

    if (errno !== EWOULDBLOCK && errno !== EINTR) {
      throw new MeshmarkError('failed', `the lock ${path} cannot be taken (errno ${errno}): choose a path on a local disk with MESHMARK_LOCK`)
    }

    onWait?.()
    onWait = undefined
    await delay(RETRY_MS * (0.5 + Math.random()), undefined, { signal: options.signal }).catch(err => {
      options.signal?.throwIfAborted()
      throw err
    })
  }
}

/**
 * Resolves with the lock file when it is ours: until it is closed, or this
 * process ends. Its folder is a local one, and what the kernel is asked of it
 * takes microseconds: on a busy machine the way to another thread and back takes
 * longer than many a program.
 */
export async function holdLock (path: string, mode: LockMode, options: AcquireOptions): Promise<LockFile> {
  while (true) {
    const file = openLockFile(path)

    try {
      await lockHandle(file, mode, path, options)

      if (isStillThere(file, path)) {
        return file
      }
    } catch (err) {
      await file.close()
      throw err
    }

    // somebody removed it while we waited: those who come now lock the new one
    await file.close()
  }
}

/** The same without waiting: undefined when somebody else has it. */
export async function tryLock (path: string): Promise<LockFile | undefined> {
  const soon = new AbortController()

  try {
    return await holdLock(path, 'exclusive', { signal: soon.signal, onWait: () => { soon.abort() } })
  } catch (err) {
    if (soon.signal.aborted && err === soon.signal.reason) {
      return undefined
    }

    throw err
  }
}

function isStillThere ({ fd }: LockFile, path: string): boolean {
  const ours = fstatSync(fd, { bigint: true })
  const there = lstatSync(path, { bigint: true, throwIfNoEntry: false })

  return there != null && ours.ino === there.ino && ours.dev === there.dev
}

/**
 * Without O_CREAT first: with fs.protected_regular even root may not open
 * another user's file in a sticky folder with it. For reading only, which is
 * all that flock needs.
 */
function openLockFile (path: string): LockFile {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK

  while (true) {
    try {
      return regular(openSync(path, flags), path)
    } catch (err: any) {
      if (err.code !== 'ENOENT') {
        throw explain(err, path)
      }
    }

    try {
      const fd = openSync(path, flags | constants.O_CREAT | constants.O_EXCL, 0o666)

      // the umask may have closed it to others
      fchmodSync(fd, 0o666)

      return regular(fd, path)
    } catch (err: any) {
      if (err.code === 'EACCES' || err.code === 'EPERM' || err.code === 'EROFS') {
        throw new MeshmarkError('failed', `the lock ${path} cannot be made: this user may not write to ${dirname(path)}: chmod 1777 it, or choose another place with MESHMARK_LOCK`, { cause: err })
      }

      if (err.code !== 'EEXIST') {
        throw explain(err, path)
      }
    }
  }
}

function regular (fd: number, path: string): LockFile {
  if (fstatSync(fd).isFile()) {
    return toLockFile(fd)
  }

  closeSync(fd)
  throw new MeshmarkError('failed', `the lock ${path} is not a regular file: remove it`)
}

function toLockFile (fd: number): LockFile {
  let isOpen = true

  return {
    fd,
    close: async () => {
      if (isOpen) {
        isOpen = false
        closeSync(fd)
      }
    }
  }
}

function explain (err: any, path: string): Error {
  switch (err.code) {
    case 'ELOOP':
      return new MeshmarkError('failed', `the lock ${path} is a symbolic link: remove it`, { cause: err })
    case 'ENXIO':
      return new MeshmarkError('failed', `the lock ${path} is not a regular file: remove it`, { cause: err })
    case 'EACCES':
    case 'EPERM':
      return new MeshmarkError('failed', `the lock ${path} is closed to this user: chmod 666 it, or remove it`, { cause: err })
    case 'ENOENT':
    case 'ENOTDIR':
      return new MeshmarkError('failed', `the lock ${path} cannot be made: ${dirname(path)} is not a folder`, { cause: err })
    default:
      return err
  }
}
