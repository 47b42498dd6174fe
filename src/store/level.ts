import { constants } from 'node:fs'
import { cp, open, readFile, readdir, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { ClassicLevel } from 'classic-level'
import { MeshmarkError, toError } from '../model/errors.ts'
import { diskFullError, syncDir } from './files.ts'
import { findLogDamage } from './level-log.ts'
import { findTableDamage } from './level-table.ts'

export type Level = ClassicLevel<string, Buffer>

/** Somebody else has this journal open: another process, or this one. */
export class JournalLockedError extends MeshmarkError {
  readonly locked = true
}

/** What is in the folder is not to be trusted. */
export class DamageError extends Error {}

export function lockedError (dir: string, cause?: unknown): JournalLockedError {
  return new JournalLockedError('failed', `the journal ${dir} is in use by another process or part of this one`, { cause })
}

/**
 * Looks for what LevelDB would pass over in silence. Rejects with a DamageError;
 * resolves with the tables that are damaged, by number: one that a crash left
 * unfinished is in nobody's use.
 */
export async function inspectLevel (dir: string): Promise<Map<number, string>> {
  const names = await readdir(dir)
  const tables = new Map<number, string>()

  // without CURRENT LevelDB begins anew and deletes what is there
  if (!names.includes('CURRENT') && names.some(name => /\.(ldb|log)$/.test(name))) {
    throw new DamageError('its file CURRENT is missing')
  }

  for (const name of names) {
    // the manifest is written as a log is
    const find = /\.log$|^MANIFEST-/.test(name) ? findLogDamage : name.endsWith('.ldb') ? findTableDamage : undefined
    const damage = find?.(await readIfThere(join(dir, name)))

    if (damage != null && find === findLogDamage) {
      throw new DamageError(`${name}: ${damage}`)
    }

    if (damage != null) {
      tables.set(Number.parseInt(name, 10), `${name}: ${damage}`)
    }
  }

  return tables
}

/** Somebody who has the database open may remove files; nothing is no damage to a log, and a table that is gone is not in use. */
async function readIfThere (path: string): Promise<Uint8Array> {
  return readFile(path).catch(err => {
    if (err.code === 'ENOENT') {
      return new Uint8Array(0)
    }

    throw explainLevel(err, dirname(path))
  })
}

/** Throws a DamageError when one of these tables holds what is in the database. */
export function refuseDamaged (level: Level, tables: Map<number, string>): void {
  // one line for each table: number, colon, size, range of keys
  for (const [, number] of level.getProperty('leveldb.sstables').matchAll(/^ (\d+):\d+\[/gm)) {
    const damage = tables.get(Number(number))

    if (damage != null) {
      throw new DamageError(damage)
    }
  }
}

export async function openLevel (dir: string): Promise<Level> {
  // not compressed, so that a table's index can be read here
  const level: Level = new ClassicLevel(dir, { keyEncoding: 'utf8', valueEncoding: 'buffer', compression: false })

  try {
    await level.open()
  } catch (err: any) {
    const cause = toError(err.cause ?? err)

    if (err.cause?.code === 'LEVEL_LOCKED') {
      throw lockedError(dir, cause)
    }

    if (isCorruption(cause)) {
      throw new DamageError(cause.message, { cause })
    }

    throw explainLevel(cause, dir)
  }

  return level
}

/**
 * Copies the damaged database to `<dir>.damaged-<time>`, resolves with that path
 * and leaves nothing in its place. A move would not do: only by opening it can
 * one learn whether another process lives in it, and opening changes it.
 */
export async function setAside (dir: string): Promise<string> {
  const aside = `${dir}.damaged-${new Date().toISOString().replaceAll(':', '')}`

  try {
    await cp(dir, aside, { recursive: true, mode: constants.COPYFILE_FICLONE, errorOnExist: true, force: false })
    await empty(dir)
  } catch (err) {
    await rm(aside, { recursive: true, force: true })
    throw explainLevel(err, dir)
  }

  await syncDir(dirname(dir))

  // both take the lock: whoever comes between them finds damage, or nothing
  await ClassicLevel.destroy(dir).catch(err => {
    if (err.code !== 'LEVEL_LOCKED') {
      throw explainLevel(err, dir)
    }
  })

  return aside
}

/** Opening drops what is damaged in the log, so what is left must not be taken for the whole. */
async function empty (dir: string): Promise<void> {
  try {
    const level = await openLevel(dir)

    try {
      await level.clear()
    } finally {
      await level.close()
    }
  } catch (err) {
    if (!(err instanceof DamageError) && !isCorruption(err)) {
      throw err
    }
  }
}

/** One process at a time sets something aside. The parent folder is what is locked, so no file is left. */
export async function guarded<T> (dir: string, work: () => Promise<T>): Promise<T> {
  // koffi is loaded only on this rare path
  const { lockHandle } = await import('./lock-file.ts')
  const parent = await open(dirname(dir), constants.O_RDONLY | constants.O_DIRECTORY)

  try {
    await lockHandle(parent, 'exclusive', dirname(dir))

    return await work()
  } finally {
    await parent.close()
  }
}

/** What recovery would have to write out. */
export async function logBytes (dir: string): Promise<number> {
  const names = (await readdir(dir)).filter(name => name.endsWith('.log'))
  const sizes = await Promise.all(names.map(async name => stat(join(dir, name)).then(({ size }) => size, () => 0)))

  return sizes.reduce((sum, size) => sum + size, 0)
}

/** LevelDB meets a file that is gone or cut short as an error of the file system. */
export function isCorruption (err: any): boolean {
  return err?.code === 'LEVEL_CORRUPTION' ||
    /^Corruption: |^IO error: .*: (No such file or directory|Is a directory|Invalid argument)$/.test(err?.message ?? '') ||
    (err?.cause != null && isCorruption(err.cause))
}

/** LevelDB gives the text of errno and not its number. */
export function explainLevel (err: any, dir: string): Error {
  const message = toError(err).message

  if (err instanceof MeshmarkError || err instanceof DamageError) {
    return err
  }

  if (/No space left on device|Disk quota exceeded|ENOSPC|EDQUOT/.test(message)) {
    return diskFullError(dir, err)
  }

  if (/Permission denied|Read-only file system|EACCES|EROFS/.test(message)) {
    return new MeshmarkError('failed', `the journal ${dir} cannot be written by this user: ${message}`, { cause: err })
  }

  return new MeshmarkError('failed', `the journal ${dir} does not work: ${message}`, { cause: err })
}
