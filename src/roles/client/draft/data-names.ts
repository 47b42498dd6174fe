import { isDataName, MAX_DATA_SETS } from '../../../model/data.ts'
import { MeshmarkError } from '../../../model/errors.ts'
import { isPayloadPath, MAX_FILES } from '../../../model/payload.ts'
import { printable } from '../../../model/text.ts'

/** Throws `usage` for names that data sets cannot have, and for too many of them. */
export function checkDataNames (names: readonly string[]): void {
  const bad = names.find(name => !isDataName(name))
  const twice = names.find((name, at) => names.indexOf(name) !== at)

  if (bad != null) {
    throw new MeshmarkError('usage', `data set '${printable(bad, 100)}' must have a name of at most 64 letters, digits, dots, dashes or underscores`)
  }

  if (twice != null) {
    throw new MeshmarkError('usage', `two data sets are called ${twice}: give one of them another name`)
  }

  if (names.length > MAX_DATA_SETS) {
    throw new MeshmarkError('usage', `${names.length} data sets, and a job can have ${MAX_DATA_SETS}: put some of them into one folder`)
  }
}

/** Throws `usage` for paths that the files of a folder cannot have together. */
export function checkDataFiles (name: string, paths: readonly string[]): void {
  const bad = paths.find(path => !isPayloadPath(path))
  const folders = new Set(paths.flatMap(path => path.split('/').map((_, at, parts) => parts.slice(0, at).join('/'))))
  const twice = paths.find((path, at) => paths.indexOf(path) !== at || folders.has(path))

  if (paths.length === 0 || paths.length > MAX_FILES) {
    throw new MeshmarkError('usage', `data set ${name} has ${paths.length} files, and 1 to ${MAX_FILES} are possible`)
  }

  if (bad != null || twice != null) {
    throw new MeshmarkError('usage', `data set ${name}: ${bad != null ? `'${printable(bad, 100)}' must be a path inside its folder, without .. or a leading /` : `two files would be '${printable(twice!, 100)}'`}`)
  }
}
