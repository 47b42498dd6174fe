import { byteLength } from '../../../model/text.ts'
import { readProgram, splitCommand } from '../draft/command-words.ts'
import { fitTitle } from '../draft/command-titles.ts'
import { readEnv, readFiles, readLimits } from './read-parts.ts'
import { readRestart } from './read-restart.ts'
import type { Defaults, MapFileCommand } from './map-file.ts'
import type { Entry, Place, YamlReader } from './yaml-reader.ts'

const KEYS = ['run', 'shell', 'name', 'env', 'with', 'stdin', 'restart', 'limits']

/** The wire takes no longer ones; Linux no longer words. */
const MAX_NAME_BYTES = 256
const MAX_WORD_BYTES = 128 * 1024
const MAX_WORDS = 4_096

/** A text alone is short for a mapping with nothing but `run`. */
export function readCommand (reader: YamlReader, place: Place, defaults: Defaults): MapFileCommand | undefined {
  if (!reader.isMapping(place)) {
    const argv = readLine(reader, place, place)

    return commandOf(reader, argv, undefined, { with: [], at: place, ...defaults })
  }

  const entries = reader.mapping(place, 'a command', KEYS)
  const run = entries?.get('run')

  if (entries == null || run == null) {
    reader.complain(place, 'a command needs run: write run: ./program ARG')
    return undefined
  }

  const shell = entries.get('shell')
  const stdin = entries.get('stdin')
  const input = stdin && reader.word(stdin.value, 'stdin', stdin.at)
  const restart = entries.get('restart')
  const name = readName(reader, entries.get('name'))
  const isShell = shell != null && reader.flag(shell.value, 'shell') === true
  const line = isShell ? readShellLine(reader, run) : undefined
  const argv = !isShell ? readLine(reader, run.value, run.at) : line == null ? undefined : ['sh', '-c', line]

  if (input === '') {
    reader.complain(stdin?.value ?? null, 'stdin names no file')
  }

  return commandOf(reader, argv, name ?? (line == null ? undefined : fitTitle(line)), {
    with: readFiles(reader, entries.get('with')),
    at: run.value ?? run.at,
    ...(entries.has('env') ? { env: readEnv(reader, entries.get('env')) } : {}),
    ...(entries.has('limits') ? { limits: readLimits(reader, entries.get('limits')) } : {}),
    ...(input == null ? {} : { stdin: { text: input, at: stdin?.value ?? null } }),
    ...(restart == null ? defaults : { restart: readRestart(reader, restart.value, restart.at) })
  })
}

function commandOf (reader: YamlReader, argv: string[] | undefined, name: string | undefined, rest: Pick<MapFileCommand, 'with' | 'at'>): MapFileCommand | undefined {
  const program = argv && reader.try(rest.at, () => readProgram(argv[0] ?? ''))

  return argv == null || program == null ? undefined : { argv, program, ...(name == null ? {} : { name }), ...rest }
}

/** Split as a shell does, or a list of words as they are. */
function readLine (reader: YamlReader, place: Place, at: Place): string[] | undefined {
  const words = reader.isList(place) ? readWords(reader, place) : splitLine(reader, place, at)

  if (words != null && words.length > MAX_WORDS) {
    reader.complain(place, `this command has ${words.length} words, and ${MAX_WORDS} are the most`)
  }

  for (const word of words ?? []) {
    checkWord(reader, place, word)
  }

  return words
}

function splitLine (reader: YamlReader, place: Place, at: Place): string[] | undefined {
  const text = reader.word(place, 'run', at)

  return text == null ? undefined : reader.try(place, () => splitCommand(text))
}

function readWords (reader: YamlReader, place: Place): string[] | undefined {
  const places = reader.list(place, 'run') ?? []
  const words = places.map(word => reader.word(word, 'a word of run', place))

  if (places.length === 0) {
    reader.complain(place, 'run is empty: name a program')
  }

  return places.length === 0 || words.includes(undefined) ? undefined : words as string[]
}

function readShellLine (reader: YamlReader, { value, at }: Entry): string | undefined {
  if (reader.isList(value)) {
    reader.complain(value, 'with shell: true, run is one line for sh, not a list of words')
    return undefined
  }

  const line = reader.word(value, 'run', at)

  if (line?.trim() === '') {
    reader.complain(value, 'the command for the shell is empty')
  } else if (line != null) {
    checkWord(reader, value, line)
  }

  return line
}

function checkWord (reader: YamlReader, place: Place, word: string): void {
  if (word.includes('\0')) {
    reader.complain(place, 'a word of this command holds a NUL character, which no argument of a program can')
  } else if (byteLength(word) >= MAX_WORD_BYTES) {
    reader.complain(place, `a word of this command has ${byteLength(word)} bytes, and fewer than ${MAX_WORD_BYTES} are possible: put the data into a file and send it with: [FILE]`)
  }
}

function readName (reader: YamlReader, entry: Entry | undefined): string | undefined {
  const name = entry && reader.word(entry.value, 'name', entry.at)

  if (entry != null && name != null && (name === '' || byteLength(name) > MAX_NAME_BYTES || /\p{Cc}/u.test(name))) {
    reader.complain(entry.value, `name '${fitTitle(name, 60)}' must be 1 to ${MAX_NAME_BYTES} bytes of printable text`)
  }

  return name
}
