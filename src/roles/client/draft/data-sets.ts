import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { DATA_FILE, isDataName, MAX_DATA_SETS } from '../../../model/data.ts'
import { MeshmarkError } from '../../../model/errors.ts'
import { MAX_FILES } from '../../../model/payload.ts'
import type { DraftDataSet, DraftFile } from '../types.ts'

/** A word of `--data` that names a data set; what is none names the folder in which this machine keeps its things. */
export function isDataSet (text: string): boolean {
  return /^[A-Za-z0-9_][A-Za-z0-9._-]*=/.test(text)
}

/** The data sets among the words of `--data`, each looked at: `NAME=FILE` or `NAME=FOLDER`, with all that is in it. */
export async function dataSetsOf (words: string | readonly string[] = []): Promise<DraftDataSet[]> {
  const sets = new Map<string, DraftDataSet>()

  for (const word of [words].flat().filter(isDataSet)) {
    const at = word.indexOf('=')
    const [name, path] = [word.slice(0, at), word.slice(at + 1)]

    if (!isDataName(name) || path === '') {
      throw new MeshmarkError('usage', `--data '${word}' is not NAME=FILE or NAME=FOLDER, with a name of at most 64 letters, digits, dots, dashes or underscores`)
    }

    if (sets.has(name)) {
      throw new MeshmarkError('usage', `two data sets are called ${name}: give one of them another name`)
    }

    sets.set(name, await dataSet(name, path))
  }

  if (sets.size > MAX_DATA_SETS) {
    throw new MeshmarkError('usage', `${sets.size} data sets, and a job can have ${MAX_DATA_SETS}: put some of them into one folder`)
  }

  return [...sets.values()]
}

async function dataSet (name: string, path: string): Promise<DraftDataSet> {
  const found = await stat(path).catch(() => { throw new MeshmarkError('not-found', `data set ${name}: ${path} does not exist on this machine`) })

  if (found.isFile()) {
    return { name, file: true, files: [{ source: path, path: DATA_FILE, executable: false }] }
  }

  if (!found.isDirectory()) {
    throw new MeshmarkError('not-executable', `data set ${name}: ${path} is neither a file nor a folder`)
  }

  const files: DraftFile[] = []

  await addFolder(files, path, '', name)

  if (files.length === 0) {
    throw new MeshmarkError('usage', `data set ${name}: there is no file in ${path}`)
  }

  return { name, files }
}

async function addFolder (files: DraftFile[], folder: string, prefix: string, name: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const source = join(folder, entry.name)

    if (entry.isDirectory()) {
      await addFolder(files, source, `${prefix}${entry.name}/`, name)
    } else if (entry.isFile()) {
      files.push({ source, path: `${prefix}${entry.name}` })
    } else {
      throw new MeshmarkError('usage', `data set ${name}: ${source} is ${entry.isSymbolicLink() ? 'a link' : 'no regular file'}, and a data set has files and folders only`)
    }

    if (files.length > MAX_FILES) {
      throw new MeshmarkError('usage', `data set ${name}: more than ${MAX_FILES} files in ${folder}: pack them into one archive`)
    }
  }
}
