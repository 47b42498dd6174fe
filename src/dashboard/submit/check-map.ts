import { MeshmarkError } from '../../model/errors.ts'
import { MAX_YAML_CHARS } from '../../model/map.ts'
import { readMap } from '../../roles/client/map-file/read-map.ts'
import { insideOf } from './command-line.ts'
import type { MapFile } from '../../roles/client/map-file/map-file.ts'
import type { Place } from '../../roles/client/map-file/yaml-reader.ts'

/** As masters call it in complaints. */
const MAP_NAME = 'map'

/** What somebody is typing is looked at once, and not again for each change elsewhere. */
let latest: { text: string, read: () => ReturnType<typeof readMap> } | undefined

/**
 * What `meshmark map` would complain of, each line with its place. Throws
 * `usage` as it does.
 *
 * @param names - of the files that go along
 */
export function checkMap (text: string, names: readonly string[]): void {
  const isMissing = ({ path }: MapWord): boolean => !names.includes(insideOf(path))

  if (!wordsOf(readOnce(text).map).some(isMissing)) {
    return
  }

  // the reader that is kept shall have nothing to complain of
  const { map, reader } = readMap({ text }, MAP_NAME)

  for (const { path, what, at } of wordsOf(map).filter(isMissing)) {
    reader.complain(at, `${what} ${path} is none of the job's files: choose it above${what === 'program' ? '; a program of the worker is written worker:/PATH or by its bare name' : ''}`)
  }

  reader.complaints.raise()
}

/** Of these files, those that a map names nowhere; none while it cannot be read. */
export function unnamedFiles (text: string, names: readonly string[]): string[] {
  try {
    const named = new Set(wordsOf(readOnce(text).map).map(({ path }) => insideOf(path)))

    return names.filter(name => !named.has(name))
  } catch {
    return []
  }
}

function readOnce (text: string): ReturnType<typeof readMap> {
  if (latest?.text !== text) {
    let result: ReturnType<typeof readMap> | undefined
    let error: unknown

    try {
      if (text.trim() === '') {
        throw new MeshmarkError('usage', 'there is no map: write one, or choose its file')
      }

      if (text.length > MAX_YAML_CHARS) {
        throw new MeshmarkError('usage', `the map has ${text.length} characters, and ${MAX_YAML_CHARS} are the most that can be sent here; meshmark map on a terminal takes more`)
      }

      result = readMap({ text }, MAP_NAME)
    } catch (err) {
      error = err
    }

    latest = { text, read: () => { if (result == null) { throw error } return result } }
  }

  return latest.read()
}

interface MapWord { path: string, what: string, at: Place }

/** Files that it names. */
function wordsOf ({ with: more, lists }: MapFile): MapWord[] {
  const file = ({ text, at }: { text: string, at: Place }): MapWord => ({ path: text, what: 'file', at })

  return [...more.map(file), ...lists.flatMap(({ commands }) => commands.flatMap(({ program, with: own, stdin, at }) => [
    ...own.map(file),
    ...(stdin == null ? [] : [{ path: stdin.text, what: 'standard input', at: stdin.at }]),
    ...(program.kind === 'local' ? [{ path: program.path, what: 'program', at }] : [])
  ]))]
}
