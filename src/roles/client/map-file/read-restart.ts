import { DEFAULT_BACKOFF_MS, DEFAULT_MAX_BACKOFF_MS } from '../../../model/restart.ts'
import { formatDuration, parseCount, parseDuration } from '../../../model/units.ts'
import { nearest } from './yaml-reader.ts'
import type { RestartRule } from '../../../model/restart.ts'
import type { Entry, Place, YamlReader } from './yaml-reader.ts'

const WORDS = ['never', 'on-failure', 'always']
const KEYS = ['when', 'max', 'backoff', 'max-backoff']

const MAX_RESTARTS = 1_000_000
/** A year. */
const MAX_WAIT_MS = 366 * 24 * 3_600_000

/** `never`, `on-failure`, `always`, or a mapping with one of them as `when`. Undefined: never. */
export function readRestart (reader: YamlReader, place: Place, at: Place): RestartRule | undefined {
  if (!reader.isMapping(place)) {
    return ruleOf(readWhen(reader, place, at, 'restart'), {})
  }

  const entries = reader.mapping(place, 'restart', KEYS)
  const when = entries?.get('when')

  if (when == null) {
    reader.complain(place, 'restart needs when: write when: on-failure or when: always')
    return undefined
  }

  const max = entries?.get('max')
  const text = max && reader.word(max.value, 'max', max.at)
  const backoff = entries?.get('backoff')
  const maxBackoff = entries?.get('max-backoff')
  const first = duration(reader, backoff)
  const most = duration(reader, maxBackoff)

  if (first != null && most != null && first > most) {
    reader.complain(maxBackoff!.value, `max-backoff ${formatDuration(most)} is less than backoff ${formatDuration(first)}`)
  }

  return ruleOf(readWhen(reader, when.value, when.at, 'when'), {
    max: text == null ? undefined : reader.try(max!.value, () => parseCount(text, 'max', 0, MAX_RESTARTS)),
    backoffMs: first,
    maxBackoffMs: most
  })
}

function ruleOf (when: string | undefined, { max, backoffMs = DEFAULT_BACKOFF_MS, maxBackoffMs = Math.max(backoffMs, DEFAULT_MAX_BACKOFF_MS) }: Partial<RestartRule>): RestartRule | undefined {
  return when === 'on-failure' || when === 'always'
    ? { when, ...(max == null ? {} : { max }), backoffMs: Math.min(backoffMs, maxBackoffMs), maxBackoffMs }
    : undefined
}

function readWhen (reader: YamlReader, place: Place, at: Place, what: string): string | undefined {
  const word = reader.word(place, what, at)

  if (word != null && !WORDS.includes(word)) {
    reader.complain(place, `${what} cannot be '${word}': ${nearest(word, WORDS)}`)
  }

  return word
}

function duration (reader: YamlReader, entry: Entry | undefined): number | undefined {
  const text = entry && reader.word(entry.value, entry.key, entry.at)
  const ms = entry == null || text == null ? undefined : reader.try(entry.value, () => Math.round(parseDuration(text, entry.key)))

  if (ms != null && ms > MAX_WAIT_MS) {
    reader.complain(entry!.value, `${entry!.key} '${text}' is more than a year`)
  }

  return ms
}
