import { splitCommand } from '../../roles/client/draft/command-words.ts'
import { placeOf } from './body.ts'
import { itemsOf, linesOf, saidCommands, saidTexts, TEXTS, usualPlace, type Form } from './form.ts'

export interface Typed {
  /** Beginning with `meshmark`; undefined while there is nothing that could be typed. */
  words?: string[]
  /** What must be where for it, one sentence each. */
  notes: string[]
}

/** Characters of all items together that stand on a line; more are better read from a file. */
const MAX_ITEMS_LENGTH = 400

export const ITEMS_FILE = 'items.txt'
export const MAP_FILE = 'map.yaml'

const ITEMS_FOLLOW = ':::'

/** The same job as it is typed in a terminal. Pure. */
export function commandLine (form: Form): Typed {
  const { kind } = form
  const lines = saidCommands(form)
  const notes: string[] = []

  if (kind === 'map') {
    return form.map.trim() === '' ? { notes } : { words: ['meshmark', 'map', ...optionsOf(form, [], notes), MAP_FILE], notes: [...notes, `${MAP_FILE} has the map.`] }
  }

  if (lines.every(line => line.trim() === '')) {
    return { notes }
  }

  try {
    const commands = lines.map(line => form.shell ? [line] : splitCommand(line))
    const options = optionsOf(form, commands, notes)
    const words = kind === 'compare'
      ? lines
      : kind === 'run' && lines.length > 1 ? lines.flatMap(line => ['--command', line]) : dashed(commands[0] ?? [])

    return kind !== 'each'
      ? kind === 'exec' && words.includes(ITEMS_FOLLOW) ? untypable() : { words: ['meshmark', kind, ...options, ...words], notes }
      : eachLine(options, words, itemsOf(form), notes)
  } catch {
    // a quote without its other end: its field says so
    return { notes }
  }
}

function eachLine (options: string[], words: string[], items: string[], notes: string[]): Typed {
  if (words.includes(ITEMS_FOLLOW)) {
    return untypable()
  }

  if (items.join(' ').length <= MAX_ITEMS_LENGTH && !items.includes(ITEMS_FOLLOW) && items.length > 0) {
    return { words: ['meshmark', 'exec', ...options, ...words, ITEMS_FOLLOW, ...items], notes }
  }

  return { words: ['meshmark', 'exec', ...options, '--each', ITEMS_FILE, ...words], notes: [...notes, `${ITEMS_FILE} has the items, one in each line.`] }
}

function untypable (): Typed {
  return { notes: [`No command line does the same: ${ITEMS_FOLLOW} in a command separates its items there.`] }
}

/** What begins with a dash is otherwise taken for an option. */
function dashed (words: string[]): string[] {
  return words[0]?.startsWith('-') === true ? ['--', ...words] : words
}

function optionsOf (form: Form, commands: string[][], notes: string[]): string[] {
  const { kind, on, env, data } = form
  const stdin = kind === 'map' ? '' : form.stdin
  const isMeasured = kind === 'run' || kind === 'compare'
  const programs = new Set(form.shell ? [] : commands.flatMap(([word]) => word?.includes('/') === true ? [insideOf(word)] : []))
  const others = form.files.filter(({ name }) => name !== stdin && !programs.has(name) && !form.variant.some(text => insideOf(text.slice(text.indexOf(':') + 1)) === name))
  const lines = linesOf(env)
  const secrets = lines.filter(line => !line.includes('=')).map(line => line.trim())

  const looked = [...form.files.map(({ name }) => name), ...data.map(({ path }) => path)]

  if (looked.length > 0) {
    notes.push(`${looked.length === 1 ? `${looked[0]} is` : 'The files are'} looked for in the folder where it is typed.`)
  }

  if (kind === 'map') {
    if (lines.length > 0) {
      notes.push(`Its environment (${lines.map(line => line.split('=')[0]!.trim()).join(', ')}) is written there: env in ${MAP_FILE}.`)
    }

    return [...saidTexts(form).flatMap(field => textWords(form, field)), ...dataWords(form)]
  }

  if (secrets.length > 0) {
    notes.push(`The ${secrets.length === 1 ? 'value' : 'values'} of ${secrets.join(', ')} ${secrets.length === 1 ? 'is' : 'are'} not shown: add --env KEY=VALUE.`)
  }

  return [
    ...(on === usualPlace(kind) ? [] : ['--on', placeOf(form)]),
    ...form.require.flatMap(requirement => ['--require', requirement]),
    ...saidTexts(form).flatMap(field => textWords(form, field)),
    ...(isMeasured ? form.names.filter(name => name !== '').flatMap(name => ['--command-name', name]) : []),
    ...(isMeasured && form.coldCache ? ['--cold-cache'] : []),
    ...(isMeasured && form.counters ? ['--counters'] : []),
    ...(kind === 'compare' && form.failIfUndecided ? ['--fail-if-undecided'] : []),
    ...others.flatMap(({ name }) => ['--with', name.includes('/') ? `${name}=${name}` : name]),
    ...dataWords(form),
    ...form.variant.flatMap(text => ['--variant', text]),
    ...(stdin === '' ? [] : ['--stdin', stdin]),
    ...lines.filter(line => line.includes('=')).flatMap(line => ['--env', `${line.slice(0, line.indexOf('=')).trim()}${line.slice(line.indexOf('='))}`]),
    ...(form.shell ? ['--shell'] : [])
  ]
}

function textWords (form: Form, field: keyof typeof TEXTS): string[] {
  const { option, isList } = TEXTS[field]
  const text = form[field].trim()

  switch (field) {
    case 'parameterScan':
      return [option, ...text.split(/\s+/)]
    case 'parameterList':
      return linesOf(text).flatMap(line => [option, ...splitOnce(line.trimStart())])
    case 'ignoreFailure':
      // its value is optional, and would be taken for the program
      return [`${option}=${text === 'all' ? 'all-non-zero' : text}`]
    default:
      return isList === true ? linesOf(form[field]).flatMap(line => [option, line]) : [option, text]
  }
}

function dataWords ({ data }: Form): string[] {
  return data.flatMap(({ name, path }) => ['--data', `${name}=${path}`])
}

/** VAR and VALUES, which may hold spaces. */
function splitOnce (line: string): string[] {
  const at = line.indexOf(' ')

  return at === -1 ? [line] : [line.slice(0, at), line.slice(at + 1)]
}

/** As a file is called beside the program. */
export function insideOf (path: string): string {
  return path.replace(/^(\.\/+)+/, '')
}
