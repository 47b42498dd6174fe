import { createHash, randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { copyFile, lstat, mkdir, open, readdir, rename, rm, stat, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isMeshmarkError, MeshmarkError, toError } from '../../model/errors.ts'
import { printable } from '../../model/text.ts'
import { formatBytes } from '../../model/units.ts'
import { contentBytes } from '../../node/payload/source.ts'
import type { DraftFile } from '../../roles/client/types.ts'
import { ensurePrivateDir, explainDiskFull, openPrivate, syncDir, writeFileAtomic } from '../../store/files.ts'
import { dataRoot } from '../../store/folders.ts'
import { lockHandle } from '../../store/lock-file.ts'
import { type Baseline, type BaselineFile, encodeBaseline, parseBaseline } from './baseline-format.ts'

/*
 * <data>/client/baselines/NAME/baseline.json
 *                              files/<SHA-256 of the content>
 *                         .staging-…/             what may become one
 *
 * A folder of the data directory is a mesh when it has one for a role, so
 * nothing here may be a folder with a name that the user chose right below one
 * in the data directory: a baseline may well be called `master`.
 */

const DESCRIPTION = 'baseline.json'
const FILES = 'files'
const STAGING = '.staging-'

/** Of a description: thousands of files and workers. */
const MAX_DESCRIPTION = 64 * 1024 ** 2

export function baselinesDir (): string {
  return join(dataRoot(), 'client', 'baselines')
}

/** Neither hidden nor a path, whatever the file system. */
export function checkBaselineName (option: string, name: string): string {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(name)) {
    throw new MeshmarkError('usage', `${option} '${printable(name, 80)}' must be at most 64 letters, digits, dots, dashes or underscores, and begin with a letter or digit`)
  }

  return name
}

/** A baseline whose every file has been read and is what was saved. */
export interface LoadedBaseline extends Baseline {
  /** Where the content of a file is on this machine. */
  sourceOf: (file: BaselineFile) => string
}

/** Throws when there is none of that name, and when it is damaged: a changed file is never run in the place of the saved one. */
export async function loadBaseline (name: string): Promise<LoadedBaseline> {
  const dir = join(baselinesDir(), name)
  const baseline = await describe(name)

  for (const file of baseline.files) {
    const path = join(dir, FILES, file.sha256)

    try {
      const { size, sha256 } = await digestOf(path)

      if (size !== file.size || sha256 !== file.sha256) {
        throw new MeshmarkError('failed', 'its content is not what was saved')
      }
    } catch (err) {
      throw damaged(name, `${file.path} (${path}): ${whyOf(err)}`, err)
    }
  }

  return { ...baseline, sourceOf: file => join(dir, FILES, file.sha256) }
}

/** What is stored, by name; a damaged one comes with what is wrong with it. */
export async function listBaselines (): Promise<Array<{ name: string, baseline?: Baseline, damage?: string }>> {
  const names = (await readdir(baselinesDir()).catch(ignoreMissing([]))).filter(name => !name.startsWith('.')).sort()

  return await Promise.all(names.map(async name => {
    try {
      return { name, baseline: await describe(name) }
    } catch (err) {
      return { name, damage: toError(err).message }
    }
  }))
}

export async function removeBaseline (name: string): Promise<void> {
  const dir = baselinesDir()

  if (!await exists(join(dir, name))) {
    throw unknownBaseline(name)
  }

  await withStore(async () => {
    const going = join(dir, `${STAGING}${randomBytes(6).toString('hex')}`)

    // Whole or not at all, as it came.
    await rename(join(dir, name), going)
    await syncDir(dir)
    await rm(going, { recursive: true, force: true })
  })
}

/** Files as they were when a job was submitted, kept until it is known whether they become a baseline. */
export interface Staged {
  files: BaselineFile[]
  /** Where the kept content is: what is submitted is then what is saved, whatever happens to the originals. */
  sourceOf: (file: BaselineFile) => string
  /** Resolves with what it replaced, in words; undefined when the name is new. */
  commit: (baseline: Omit<Baseline, 'files'>) => Promise<string | undefined>
  /** Idempotent; after a commit there is nothing left to discard. */
  discard: () => Promise<void>
}

/** Copies the files aside. A process that dies leaves them to the next one, which sees that nobody holds their folder. */
export async function stageBaseline (files: readonly DraftFile[]): Promise<Staged> {
  const staging = join(baselinesDir(), `${STAGING}${randomBytes(6).toString('hex')}`)
  const held = await withStore(async () => {
    await removeAbandoned()
    await mkdir(join(staging, FILES), { recursive: true, mode: 0o700 })

    const handle = await open(staging, constants.O_RDONLY)

    await lockHandle(handle, 'exclusive', staging)

    return handle
  })
  const discard = async (): Promise<void> => {
    await rm(staging, { recursive: true, force: true })
    await held.close()
  }

  try {
    const kept: BaselineFile[] = []

    for (const file of files) {
      kept.push(await keep(file, join(staging, FILES)))
    }

    return {
      files: kept,
      sourceOf: file => join(staging, FILES, file.sha256),
      commit: async baseline => await withStore(async () => await commit(staging, { ...baseline, files: kept })),
      discard
    }
  } catch (err) {
    await discard()
    throw explainDiskFull(err, baselinesDir())
  }
}

async function describe (name: string): Promise<Baseline> {
  const path = join(baselinesDir(), name, DESCRIPTION)
  let text: string

  try {
    const file = await openPrivate(path, constants.O_RDONLY)

    try {
      const { size } = await file.stat()

      if (size > MAX_DESCRIPTION) {
        throw new MeshmarkError('failed', `${formatBytes(size)} are more than a description takes`)
      }

      text = await file.readFile('utf8')
    } finally {
      await file.close()
    }
  } catch (err) {
    throw await exists(join(baselinesDir(), name)) ? damaged(name, `${path}: ${whyOf(err)}`, err) : unknownBaseline(name)
  }

  try {
    const baseline = parseBaseline(text, path)

    if (baseline.name !== name) {
      throw new MeshmarkError('failed', `${path} describes a baseline called ${printable(baseline.name)}`)
    }

    return baseline
  } catch (err) {
    throw damaged(name, whyOf(err), err)
  }
}

/** Every step leaves the baseline of before or the new one whole, and at worst files that nothing names. */
async function commit (staging: string, baseline: Baseline): Promise<string | undefined> {
  const dir = baselinesDir()
  const target = join(dir, baseline.name)
  const text = encodeBaseline(baseline)

  if (!await exists(target)) {
    await writeFileAtomic(join(staging, DESCRIPTION), text)
    await syncDir(join(staging, FILES))
    await rename(staging, target)
    await syncDir(dir)

    return undefined
  }

  const replaced = await describe(baseline.name).then(({ job, savedAt }) => `the one of ${new Date(savedAt).toISOString().slice(0, 10)}, job ${job.slice(-8).toLowerCase()}`, () => 'a damaged one')
  const folder = join(target, FILES)

  await ensurePrivateDir(folder)

  for (const { sha256 } of baseline.files) {
    // Two files of one content have one name here.
    await rename(join(staging, FILES, sha256), join(folder, sha256)).catch(ignoreMissing(undefined))
  }

  await syncDir(folder)
  await writeFileAtomic(join(target, DESCRIPTION), text)

  const wanted = new Set(baseline.files.map(({ sha256 }) => sha256))

  for (const name of await readdir(folder)) {
    if (!wanted.has(name)) {
      await rm(join(folder, name), { recursive: true, force: true })
    }
  }

  return replaced
}

async function keep (file: DraftFile, folder: string): Promise<BaselineFile> {
  const copy = join(folder, randomBytes(6).toString('hex'))
  const executable = await copyOf(file, copy)

  try {
    const { size, sha256 } = await digestOf(copy, true)

    await rename(copy, join(folder, sha256))

    return { path: file.path, size, executable, sha256 }
  } catch (err) {
    await unlink(copy).catch(() => {})
    throw err
  }
}

/** Resolves with whether it is executable. */
async function copyOf ({ source, executable }: DraftFile, copy: string): Promise<boolean> {
  if (typeof source !== 'string') {
    await writeFile(copy, await contentBytes(source), { mode: 0o600, flag: 'wx' })

    return executable ?? false
  }

  const before = await stat(source, { bigint: true })

  await copyFile(source, copy, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE)

  const after = await stat(source, { bigint: true })

  if (before.mtimeNs !== after.mtimeNs || before.size !== after.size || before.ino !== after.ino) {
    throw new MeshmarkError('failed', `${source} changed while it was being read: wait until it is written, and try again`)
  }

  return executable ?? (before.mode & 0o111n) !== 0n
}

/** @param durable - sync it, too, and close it to others */
async function digestOf (path: string, durable = false): Promise<{ size: number, sha256: string }> {
  const file = await openPrivate(path, constants.O_RDONLY)

  try {
    const hash = createHash('sha256')
    let size = 0

    for await (const chunk of file.createReadStream({ autoClose: false, start: 0 })) {
      hash.update(chunk)
      size += chunk.length
    }

    if (durable) {
      await file.chmod(0o600)
      await file.sync()
    }

    return { size, sha256: hash.digest('hex') }
  } finally {
    await file.close()
  }
}

/** One process at a time changes what is there. */
async function withStore<T> (change: () => Promise<T>): Promise<T> {
  const dir = baselinesDir()

  await ensurePrivateDir(dir)

  const handle = await open(dir, constants.O_RDONLY)

  try {
    await lockHandle(handle, 'exclusive', dir)

    return await change()
  } catch (err) {
    throw explainDiskFull(err, dir)
  } finally {
    await handle.close()
  }
}

/** What processes left that died before they came to save or discard it. */
async function removeAbandoned (): Promise<void> {
  const dir = baselinesDir()

  for (const name of (await readdir(dir)).filter(name => name.startsWith(STAGING))) {
    const path = join(dir, name)
    const handle = await open(path, constants.O_RDONLY).catch(() => undefined)
    const soon = new AbortController()

    try {
      if (handle != null) {
        await lockHandle(handle, 'exclusive', path, { signal: soon.signal, onWait: () => { soon.abort() } })
        await rm(path, { recursive: true, force: true })
      }
    } catch (err) {
      if (!soon.signal.aborted) {
        throw err
      }
    } finally {
      await handle?.close()
    }
  }
}

async function exists (path: string): Promise<boolean> {
  return await lstat(path).then(() => true, ignoreMissing(false))
}

function ignoreMissing<T> (instead: T): (err: NodeJS.ErrnoException) => T {
  return err => {
    if (err.code === 'ENOENT') {
      return instead
    }

    throw err
  }
}

function whyOf (err: any): string {
  if (isMeshmarkError(err)) {
    return err.message
  }

  return err.code === 'ENOENT' ? 'it is missing' : err.code === 'EACCES' ? 'this user may not read it' : err.code === 'ELOOP' ? 'it is a link' : toError(err).message
}

function damaged (name: string, why: string, cause: unknown): MeshmarkError {
  return new MeshmarkError('failed', `baseline ${name} is damaged and is not used: ${why}; save it again, or remove it with meshmark baseline rm ${name}`, { cause })
}

function unknownBaseline (name: string): MeshmarkError {
  return new MeshmarkError('usage', `there is no baseline ${name} in ${baselinesDir()}: meshmark baseline ls shows what there is, --save-baseline ${name} makes it`)
}
