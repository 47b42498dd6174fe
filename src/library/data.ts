import { DATA_FILE, isDataName, MAX_DATA_SETS } from '../model/data.ts'
import { MeshmarkError } from '../model/errors.ts'
import { isPayloadPath, MAX_FILES } from '../model/payload.ts'
import { printable } from '../model/text.ts'
import { dataSetsOf } from '../roles/client/draft/data-sets.ts'
import type { DataSpec } from './options.ts'
import type { DraftDataSet, DraftFile } from '../roles/client/types.ts'

/** What a data set holds, wherever it comes from. */
export type GivenData = DraftFile['source'] | DraftFile[]

/** The data sets of a job, each looked at. Throws `usage`, `not-found` or `not-executable`. */
export async function dataOf (data: Readonly<Record<string, DataSpec>> = {}): Promise<DraftDataSet[]> {
  const sets: DraftDataSet[] = []

  for (const [name, spec] of Object.entries(data)) {
    checkName(name)
    sets.push(...typeof spec === 'string' ? await dataSetsOf([`${name}=${spec}`]) : givenData({ [name]: contentOf(name, spec) }))
  }

  checkNumber(sets)

  return sets
}

/** The same, where what they hold has been given. */
export function givenData (data: Readonly<Record<string, GivenData>>): DraftDataSet[] {
  const sets = Object.entries(data).map(([name, content]): DraftDataSet => {
    checkName(name)

    if (!Array.isArray(content)) {
      return { name, file: true, files: [{ source: content, path: DATA_FILE, executable: false }] }
    }

    checkFiles(name, content)

    return { name, files: content }
  })

  checkNumber(sets)

  return sets
}

function contentOf (name: string, spec: Exclude<DataSpec, string>): GivenData {
  if ('content' in spec) {
    return bytesOf(spec.content)
  }

  if (!Array.isArray(spec.files)) {
    throw new MeshmarkError('usage', `data set ${name} is neither a path, nor { content }, nor { files }`)
  }

  return spec.files.map(({ name, content, executable }) => ({ path: name, source: bytesOf(content), executable }))
}

function checkName (name: string): void {
  if (!isDataName(name)) {
    throw new MeshmarkError('usage', `data set '${printable(name, 100)}' must have a name of at most 64 letters, digits, dots, dashes or underscores`)
  }
}

function checkNumber (sets: readonly DraftDataSet[]): void {
  if (sets.length > MAX_DATA_SETS) {
    throw new MeshmarkError('usage', `${sets.length} data sets, and a job can have ${MAX_DATA_SETS}: put some of them into one folder`)
  }
}

function checkFiles (name: string, files: readonly DraftFile[]): void {
  const paths = files.map(({ path }) => path)
  const bad = paths.find(path => !isPayloadPath(path))
  const folders = new Set(paths.flatMap(path => path.split('/').map((_, at, parts) => parts.slice(0, at).join('/'))))
  const twice = paths.find((path, at) => paths.indexOf(path) !== at || folders.has(path))

  if (files.length === 0 || files.length > MAX_FILES) {
    throw new MeshmarkError('usage', `data set ${name} has ${files.length} files, and 1 to ${MAX_FILES} are possible`)
  }

  if (bad != null || twice != null) {
    throw new MeshmarkError('usage', `data set ${name}: ${bad != null ? `'${printable(bad, 100)}' must be a path inside its folder, without .. or a leading /` : `two files would be '${printable(twice!, 100)}'`}`)
  }
}

function bytesOf (content: string | Uint8Array): Uint8Array {
  return typeof content === 'string' ? Buffer.from(content) : content
}
