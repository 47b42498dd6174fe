import { LIMIT_KEYS } from '../../../model/limits.ts'
import { LIMIT_OPTIONS, parseLimit } from '../draft/limit-options.ts'
import type { SomeLimits } from '../../../model/limits.ts'
import type { FileWord } from './map-file.ts'
import type { Entry, YamlReader } from './yaml-reader.ts'

/** Of a map or of a command. */
export function readEnv (reader: YamlReader, entry: Entry | undefined): Record<string, string> {
  const entries = entry == null ? [] : reader.entries(entry.value, 'env') ?? []

  return Object.fromEntries([...entries].flatMap(([key, { value, at }]) => {
    const text = reader.word(value, `variable ${key}`, at)

    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(key)) {
      reader.complain(at, `'${key}' is not the name of a variable: write letters, digits and underscores`)
    } else if (text?.includes('\0') === true) {
      reader.complain(value, `variable ${key} holds a NUL character, which none can`)
    }

    return text == null ? [] : [[key, text]]
  }))
}

/** Of a map or of a command. */
export function readLimits (reader: YamlReader, entry: Entry | undefined): SomeLimits {
  const words = new Map(LIMIT_KEYS.map(key => [LIMIT_OPTIONS[key].job.slice(2), key]))
  const entries = entry == null ? [] : reader.mapping(entry.value, 'limits', [...words.keys()]) ?? []

  return Object.fromEntries([...entries].flatMap(([word, { value, at }]) => {
    const text = reader.word(value, word, at)
    const key = words.get(word)
    const limit = text == null || key == null ? undefined : reader.try(value, () => parseLimit(key, word, text))

    return key == null || limit == null ? [] : [[key, limit]]
  }))
}

/** Of a map or of a command. */
export function readFiles (reader: YamlReader, entry: Entry | undefined): FileWord[] {
  return entry == null
    ? []
    : (reader.listOrOne(entry.value, 'with') ?? []).flatMap(place => {
        const text = reader.word(place, 'a file of with', entry.at)

        if (text === '') {
          reader.complain(place, 'a file of with has no name')
        }

        return text == null ? [] : [{ text, at: place ?? entry.at }]
      })
}
