import { constants, type Stats } from 'node:fs'
import { access, realpath, stat, writeFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { MeshmarkError, toError } from '../../model/errors.ts'
import { writeFileAtomic } from '../../store/files.ts'
import { isPerWorker, WORKER } from './worker-files.ts'

/** A file that cannot be written is better found before an hour of measuring than after it. */
export async function checkExportFile (option: string, file: string): Promise<void> {
  if (dirname(file).includes(WORKER)) {
    throw new MeshmarkError('usage', `${option} ${file}: ${WORKER} can stand only in the file's own name, not in its folder's`)
  }

  const target = isPerWorker(file) ? undefined : await stat(file).catch(() => undefined)

  if (target?.isDirectory() === true) {
    throw new MeshmarkError('usage', `${option} ${file} is a folder: name a file in it`)
  }

  await access(target == null ? dirname(file) : file, constants.W_OK).catch(err => {
    const why: Record<string, string> = { ENOENT: `there is no folder ${dirname(file)}`, ENOTDIR: `${dirname(file)} is not a folder`, EACCES: 'this user may not', EROFS: 'the file system is read-only' }

    throw new MeshmarkError('usage', `${option} ${file} cannot be written: ${why[err.code] ?? toError(err).message}`)
  })

  // access says nothing of a file in the place of the folder
  if (target == null && (await stat(dirname(file))).isDirectory() === false) {
    throw new MeshmarkError('usage', `${option} ${file} cannot be written: ${dirname(file)} is not a folder`)
  }
}

/** Writes the file whole or not at all, so that a reader never finds half of it. */
export async function writeExportFile (file: string, text: string): Promise<void> {
  const found = await stat(file).catch(() => undefined)

  if (mustStay(file, found) || !await isWritable(dirname(file))) {
    await writeFile(file, text)
    return
  }

  // A link stays a link, and its file keeps its permissions.
  await writeFileAtomic(found == null ? file : await realpath(file), text, found == null ? 0o666 & ~process.umask() : found.mode & 0o777)
}

/** A device or a pipe, or another name for a stream of this process, is written to and never replaced. */
function mustStay (file: string, found: Stats | undefined): boolean {
  return found?.isFile() === false || /^\/(?:dev|proc)\//.test(resolve(file))
}

async function isWritable (folder: string): Promise<boolean> {
  return await access(folder, constants.W_OK).then(() => true, () => false)
}
