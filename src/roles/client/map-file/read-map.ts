import { parseWhere } from '../../../machine/match.ts'
import { MAX_ENTRIES, MAX_LISTS, MAX_REPORT_MS, MIN_REPORT_MS } from '../../../model/map.ts'
import { formatDuration, parseDuration } from '../../../model/units.ts'
import { expandNames } from '../draft/placement.ts'
import { FileError } from './complaints.ts'
import { readCommand } from './read-command.ts'
import { readEnv, readFiles, readLimits } from './read-parts.ts'
import { readRestart } from './read-restart.ts'
import { YamlReader } from './yaml-reader.ts'
import type { Defaults, MapFile, MapFileCommand, MapFileList } from './map-file.ts'
import type { Entry, Place, YamlSource } from './yaml-reader.ts'

const MAP_KEYS = ['name', 'report-every', 'env', 'limits', 'restart', 'with', 'lists']
const LIST_KEYS = ['on', 'where', 'keep-going', 'commands']

/** As in compose files: keys of the author's own, for what aliases repeat. */
const OWN_KEY = /^x-/

/** As `--name` is checked. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/

/**
 * Reads what a map file says. Throws a FileError that names every mistake with
 * its line and column, or its path in a value. Looks at no other file.
 *
 * @param file - as it is called in complaints
 */
export function readMap (source: YamlSource, file: string): { map: MapFile, reader: YamlReader } {
  if ('text' in source) {
    refuseBinary(source.text, file)
  }

  const reader = new YamlReader(file, source)

  // what follows would complain of what the parser made of it
  reader.complaints.raise()

  const map = readTop(reader)

  reader.complaints.raise()

  return { map: map!, reader }
}

/** Of what is no text the parser would complain in every line. */
function refuseBinary (text: string, file: string): void {
  const at = text.indexOf('\0')

  if (at !== -1) {
    const lines = text.slice(0, at).split('\n')

    throw new FileError(file, [{ line: lines.length, column: (lines.at(-1) ?? '').length + 1, text: 'this is no text: it has a NUL character' }])
  }
}

function readTop (reader: YamlReader): MapFile | undefined {
  const entries = reader.mapping(reader.root, 'a map', MAP_KEYS, OWN_KEY)
  const lists = entries?.get('lists')

  if (entries == null) {
    return undefined
  }

  const restart = entries.get('restart')
  const defaults: Defaults = restart == null ? {} : { restart: readRestart(reader, restart.value, restart.at) }

  if (lists == null) {
    reader.complain(reader.root, 'a map needs lists: write lists: with one entry for each worker, - on: NAME and its commands:')
  }

  return {
    ...named(reader, entries.get('name')),
    ...reported(reader, entries.get('report-every')),
    env: readEnv(reader, entries.get('env')),
    limits: readLimits(reader, entries.get('limits')),
    with: readFiles(reader, entries.get('with')),
    lists: lists == null ? [] : readLists(reader, lists, defaults)
  }
}

function named (reader: YamlReader, entry: Entry | undefined): Pick<MapFile, 'name'> {
  const name = entry && reader.word(entry.value, 'name', entry.at)

  if (entry != null && name != null && !NAME.test(name)) {
    reader.complain(entry.value, `name '${name}' must be at most 64 letters, digits, dots, dashes or underscores`)
  }

  return name == null ? {} : { name }
}

function reported (reader: YamlReader, entry: Entry | undefined): Pick<MapFile, 'reportMs'> {
  const text = entry && reader.word(entry.value, 'report-every', entry.at)
  const reportMs = entry == null || text == null ? undefined : reader.try(entry.value, () => Math.round(parseDuration(text, 'report-every')))

  if (reportMs == null) {
    return {}
  }

  if (reportMs < MIN_REPORT_MS || reportMs > MAX_REPORT_MS) {
    reader.complain(entry!.value, `report-every '${text}' is not between ${formatDuration(MIN_REPORT_MS)} and ${formatDuration(MAX_REPORT_MS)}`)
  }

  return { reportMs }
}

function readLists (reader: YamlReader, { value, at }: Entry, defaults: Defaults): MapFileList[] {
  const places = reader.list(value, 'lists')

  if (places?.length === 0) {
    reader.complain(value ?? at, 'lists is empty: write an entry for each worker, - on: NAME and its commands:')
  }

  const lists = (places ?? []).slice(0, MAX_LISTS).map(place => readList(reader, place, defaults))
  const workers = lists.reduce((sum, list) => sum + (list?.workers?.length ?? 1), 0)
  const entries = lists.reduce((sum, list) => sum + (list?.workers?.length ?? 1) * (list?.commands.length ?? 0), 0)

  if (workers > MAX_LISTS || (places?.length ?? 0) > MAX_LISTS) {
    reader.complain(value, `there are more than the ${MAX_LISTS} lists that a map may have: write several maps`)
  }

  if (entries > MAX_ENTRIES) {
    reader.complain(value, `there are ${entries} commands for all workers together, and ${MAX_ENTRIES} are the most of one map: write several maps`)
  }

  return lists.flatMap(list => list ?? [])
}

function readList (reader: YamlReader, place: Place, defaults: Defaults): MapFileList | undefined {
  const entries = reader.mapping(place, 'a list', LIST_KEYS)
  const commands = entries?.get('commands')
  const keepGoing = entries?.get('keep-going')

  if (entries == null) {
    return undefined
  }

  if (commands == null) {
    reader.complain(place, 'a list needs commands: write commands: with one line for each')
  }

  return {
    ...readWorkers(reader, place, entries),
    keepGoing: keepGoing != null && reader.flag(keepGoing.value, 'keep-going') === true,
    commands: commands == null ? [] : readCommands(reader, commands, defaults)
  }
}

function readWorkers (reader: YamlReader, place: Place, entries: Map<string, Entry>): Pick<MapFileList, 'workers' | 'where'> {
  const on = entries.get('on')
  const where = entries.get('where')
  const names = on == null ? undefined : readOn(reader, on)
  const conditions = where == null
    ? []
    : (reader.listOrOne(where.value, 'where') ?? []).flatMap(condition => {
        const text = reader.word(condition, 'a condition of where', where.at)

        return text == null ? [] : reader.try(condition, () => parseWhere(text)) ?? []
      })

  if (on == null && where == null) {
    reader.complain(place, 'a list must say who does it: write on: NAME, on: all, or where: arch=arm64')
  }

  if (names != null && where != null) {
    reader.complain(where.at, 'where chooses among all workers, and on names them: leave one of them out')
  }

  return { ...(names == null ? {} : { workers: names }), where: conditions }
}

/** Undefined: all. */
function readOn (reader: YamlReader, { value, at }: Entry): string[] | undefined {
  const places = reader.listOrOne(value, 'on') ?? []
  const texts = places.map(place => reader.word(place, 'on', at))

  if (places.length === 0) {
    reader.complain(value, 'on is empty: write all, or names of workers')
  }

  if (texts.length === 1 && texts[0] === 'all') {
    return undefined
  }

  return [...new Set(texts.flatMap((text, index) => {
    if (text === 'all' || text === 'any' || (text != null && /^\d+$/.test(text))) {
      reader.complain(places[index] ?? value, `on '${text}' does not go here: write ${text === 'all' ? 'all alone' : 'names of workers'}, or all; what any free worker may do is for meshmark exec`)

      return []
    }

    return text == null ? [] : reader.try(places[index] ?? value, () => expandNames(text)) ?? []
  }))]
}

function readCommands (reader: YamlReader, { value, at }: Entry, defaults: Defaults): MapFileCommand[] {
  const places = reader.list(value, 'commands')

  if (places?.length === 0) {
    reader.complain(value ?? at, 'commands is empty: write a line for each')
  }

  if ((places?.length ?? 0) > MAX_ENTRIES) {
    reader.complain(value, `there are ${places?.length} commands, and ${MAX_ENTRIES} are the most of one map: write several maps`)
  }

  const commands = (places ?? []).slice(0, MAX_ENTRIES).flatMap(place => readCommand(reader, place, defaults) ?? [])
  const endless = commands.slice(0, -1).find(({ restart }) => restart?.when === 'always' && restart.max == null)

  if (endless != null) {
    reader.complain(endless.at, 'this command is restarted for ever, so that none of those behind it begins: give its restart a max, or put it last')
  }

  return commands
}
