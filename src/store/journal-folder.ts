import { realpath } from 'node:fs/promises'
import { MeshmarkError } from '../model/errors.ts'
import { ensurePrivateDir } from './files.ts'
import { DamageError, explainLevel, guarded, lockedError, setAside } from './level.ts'
import { decodeRecord, encodeRecord } from './record.ts'
import type { Level } from './level.ts'

/** Called with what was set aside (a folder, or `JOURNAL: KEY`) and why. */
export type OnDamage = (path: string, reason: string) => void

/** Under which a journal keeps the version of what is written into it. */
export const VERSION_KEY = '!version'

/** How often a folder may be set aside by others while it is being opened. */
const MAX_MOVES = 8

/**
 * Journals that this process has open, or is opening. LevelDB must not be asked
 * about these: its refusal closes a descriptor of the lock file, and with it the
 * process loses its (POSIX) lock, unnoticed.
 */
const inUse = new Set<string>()

/** Makes the folder and takes it for this process; returns how to give it back. Rejects with a JournalLockedError when this process has it already. */
export async function takeFolder (dir: string): Promise<() => void> {
  const name = await inFolder(dir, async () => realpath(dir))

  if (inUse.has(name)) {
    throw lockedError(dir)
  }

  inUse.add(name)

  return () => { inUse.delete(name) }
}

/** Opens what is there; what is damaged is set aside as `<dir>.damaged-<time>`, and begun anew. */
export async function openOrSetAside<T> (dir: string, open: () => Promise<T>, onDamage: OnDamage): Promise<T> {
  try {
    return await open()
  } catch (err) {
    if (!(err instanceof DamageError)) {
      throw err
    }
  }

  return guarded(dir, async () => {
    try {
      // somebody else may have set it aside already
      return await open()
    } catch (err) {
      if (!(err instanceof DamageError)) {
        throw err
      }

      onDamage(await setAside(dir), err.message)
    }

    return await open()
  })
}

/** Makes the folder and works in it; again when another process has just set it aside as damaged. */
export async function inFolder<T> (dir: string, work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    await ensurePrivateDir(dir)

    try {
      return await work()
    } catch (err: any) {
      if (err.code !== 'ENOENT' || attempt === MAX_MOVES) {
        throw err
      }
    }
  }
}

/** True when the journal is new. */
export async function checkVersion (level: Level, dir: string, version: number): Promise<boolean> {
  const stored = await level.get(VERSION_KEY)

  if (stored == null) {
    if ((await level.keys({ limit: 1 }).all()).length > 0) {
      throw new DamageError('the record of its version is missing')
    }

    await level.put(VERSION_KEY, encodeRecord(VERSION_KEY, Buffer.from(String(version))), { sync: true }).catch(err => { throw explainLevel(err, dir) })

    return true
  }

  const value = decodeRecord(VERSION_KEY, stored)

  if (value == null) {
    throw new DamageError('the record of its version does not match its checksum')
  }

  const found = Buffer.from(value).toString()

  if (found !== String(version)) {
    throw new MeshmarkError('failed', `the journal ${dir} has format ${found} and this version of meshmark reads format ${version}: use the version that wrote it, or move ${dir} away to start anew`)
  }

  return false
}
