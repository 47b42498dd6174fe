import { constants } from 'node:fs'
import { lstat, mkdir, open, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { isCollectedPath } from '../../model/collect.ts'
import { isMeshmarkError, MeshmarkError } from '../../model/errors.ts'
import { parseExecutionId } from '../../model/ids.ts'
import { parseMapTask } from '../../model/map.ts'
import { systemReason } from '../../model/system-reason.ts'
import { makeFolder } from '../../store/make-folder.ts'
import type { Client, CollectedRecord } from './types.ts'
import type { Job } from '../../model/job.ts'
import type { PayloadFile } from '../../model/payload.ts'

export interface SaveOptions {
  /** Write over files that are there. @default false */
  force?: boolean
  /** After each file. */
  onFile?: (file: SavedFile) => void
  signal?: AbortSignal
}

export interface SavedFile {
  /** Below the folder that was given, with `/`. */
  path: string
  bytes: number
  /** Of the worker on which it was made. */
  workerName: string
}

export interface Saved {
  files: SavedFile[]
  /** What was left out, worker by worker, in words. */
  skipped: Array<{ folder: string, workerName: string, reasons: string[] }>
}

/**
 * Writes what the tasks of a job have brought back: a folder for each worker,
 * in it one for each item or entry of a map, in it `attempt-N` where a task
 * was run again there. Nothing is written when a file is in the way, unless
 * `force` says so. Links in the way are never followed.
 */
export async function saveCollected (client: Pick<Client, 'collected' | 'collectedChunks'>, selector: string, dir: string, { force = false, onFile, signal }: SaveOptions = {}): Promise<Saved> {
  const { view, records } = await client.collected(selector, { signal })
  const folders = foldersOf(view.job, records)
  const saved: Saved = { files: [], skipped: [] }

  if (!force) {
    await refuseTaken(dir, records.flatMap((record, index) => filesOf(record).map(({ path }) => join(folders[index]!, path))))
  }

  for (const [index, record] of records.entries()) {
    const folder = folders[index]!

    if (record.skipped.length > 0) {
      saved.skipped.push({ folder, workerName: record.workerName, reasons: record.skipped })
    }

    try {
      await fetchInto(client, record, { dir, folder, force, signal }, file => {
        saved.files.push(file)
        onFile?.(file)
      })
    } catch (err) {
      // what one master lost, and had no room for, is no reason to leave out the rest
      if (!isMeshmarkError(err) || err.code !== 'failed') {
        throw err
      }

      saved.skipped.push({ folder, workerName: record.workerName, reasons: [err.message] })
    }
  }

  return saved
}

/** For each record its folder; no two have the same. */
export function foldersOf (job: Pick<Job, 'each' | 'map'>, records: readonly CollectedRecord[]): string[] {
  const names = new Map<string, string>()
  const tasks = new Map<string, number>()

  for (const { execution, workerName } of records) {
    const { worker, task } = parseExecutionId(execution)
    const name = safeName(workerName)

    names.set(worker, names.get(worker) ?? ([...names.values()].includes(name) ? `${name}-${worker.slice(-8)}` : name))
    tasks.set(`${worker}/${task}`, (tasks.get(`${worker}/${task}`) ?? 0) + 1)
  }

  return records.map(({ execution }) => {
    const { worker, task, attempt } = parseExecutionId(execution)

    return [
      names.get(worker) ?? worker,
      ...job.each == null ? [] : [task],
      ...job.map == null ? [] : [entryName(task)],
      ...tasks.get(`${worker}/${task}`) === 1 ? [] : [`attempt-${attempt + 1}`]
    ].join('/')
  })
}

/** `2.3`: the third entry of the second list, as people count. */
function entryName (task: string): string {
  const { list, entry } = parseMapTask(task)

  return `${list + 1}.${entry + 1}`
}

/** A worker's owner chooses its name. */
function safeName (name: string): string {
  const safe = name.replace(/[^\p{L}\p{N}._-]/gu, '_').replace(/^\.+/, '_').slice(0, 100)

  return safe === '' ? '_' : safe
}

export function filesOf ({ payload }: CollectedRecord): PayloadFile[] {
  const files = payload?.files ?? []
  const bad = files.find(({ path }) => !isCollectedPath(path))

  if (bad != null) {
    throw new MeshmarkError('refused', `a file is called ${JSON.stringify(bad.path.slice(0, 100))}, and is not written for it`)
  }

  return files
}

async function refuseTaken (dir: string, paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    if (await lstat(join(dir, path)).then(() => true, () => false)) {
      throw new MeshmarkError('usage', `${join(dir, path)} is there already: name another folder, or write over it with --force`)
    }
  }
}

interface Place {
  dir: string
  folder: string
  force: boolean
  signal?: AbortSignal
}

async function fetchInto (client: Pick<Client, 'collectedChunks'>, record: CollectedRecord, place: Place, onFile: (file: SavedFile) => void): Promise<void> {
  const files = filesOf(record)
  const chunks = client.collectedChunks(record, { signal: place.signal })[Symbol.asyncIterator]()
  let rest: Uint8Array = new Uint8Array(0)

  try {
    for (const { path, size, executable } of files) {
      const name = `${place.folder}/${path}`

      await writeBelow(place, name, executable, async write => {
        for (let left = size; left > 0;) {
          if (rest.byteLength === 0) {
            const { done, value } = await chunks.next()

            if (done === true) {
              throw new MeshmarkError('failed', `${name} ended early`)
            }

            rest = value
          }

          const piece = rest.subarray(0, left)

          await write(piece)
          rest = rest.subarray(piece.byteLength)
          left -= piece.byteLength
        }
      })
      onFile({ path: name, bytes: size, workerName: record.workerName })
    }
  } finally {
    await chunks.return?.()
  }
}

/** A new file, in folders that are folders. What could not be written as a whole is not there. */
async function writeBelow ({ dir, force }: Place, name: string, executable: boolean, fill: (write: (bytes: Uint8Array) => Promise<void>) => Promise<void>): Promise<void> {
  const path = join(dir, name)

  await makeFolders(dir, dirname(name))

  if (force) {
    // a link goes, not what it names
    await rm(path, { force: true })
  }

  const file = await open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, executable ? 0o777 : 0o666).catch(err => {
    throw new MeshmarkError(err.code === 'EEXIST' ? 'usage' : 'refused', err.code === 'EEXIST' ? `${path} is there already: name another folder, or write over it with --force` : `${path} cannot be written: ${systemReason(err)}`, { cause: err })
  })

  try {
    await fill(async bytes => { await file.writeFile(bytes) })
  } catch (err) {
    await rm(path, { force: true }).catch(() => {})
    throw isMeshmarkError(err) ? err : new MeshmarkError('refused', `${path} cannot be written: ${systemReason(err)}`, { cause: err })
  } finally {
    await file.close()
  }
}

async function makeFolders (dir: string, below: string): Promise<void> {
  await makeFolder(dir).catch(err => { throw new MeshmarkError('usage', `${dir} cannot be written: ${systemReason(err)}`, { cause: err }) })

  let folder = dir

  for (const name of below.split('/').filter(name => name !== '.')) {
    folder = join(folder, name)
    await mkdir(folder).catch(err => {
      if (err.code !== 'EEXIST') {
        throw new MeshmarkError('refused', `${folder} cannot be made: ${systemReason(err)}`, { cause: err })
      }
    })

    if (!(await lstat(folder)).isDirectory()) {
      throw new MeshmarkError('refused', `${folder} is there and is no folder: name another one to write into`)
    }
  }
}
