import { closest, distance } from 'fastest-levenshtein'
import { Document, isAlias, isMap, isPair, isScalar, isSeq, LineCounter, parseDocument, visit } from 'yaml'
import { isMeshmarkError } from '../../../model/errors.ts'
import { Complaints } from './complaints.ts'
import type { Node, Scalar } from 'yaml'

/** Aliases may make much of little: what is looked at has an end. */
const MAX_LOOKS = 1_000_000

const MERGE = '<<'

/** Another word is suggested when so little of it would have to change. */
const NEAR = 0.5

/** Something that stands in the file; null = nothing stands there. */
export type Place = Node | null

/** The value of a key, and where it stands. */
export interface Entry {
  key: string
  value: Place
  /** Complaints about the value: of the key where there is none. */
  at: Node
}

/** What is read: a text, or what such a text would say, as a value of JSON. */
export type YamlSource = { text: string } | { value: unknown }

/**
 * A YAML file that is read by what is expected of it. Whatever is otherwise
 * becomes a complaint with its line and column, or with its path in a value,
 * and reading goes on with `undefined` in its place.
 */
export class YamlReader {
  readonly complaints: Complaints
  readonly root: Place
  readonly #document: Document
  readonly #lines = new LineCounter()
  readonly #aliases = new Map<Node, Place>()
  readonly #isText: boolean
  /** Where each node of a value is, once somebody asks. */
  #paths?: Map<Node, { path: string, order: number }>
  #looks = 0

  constructor (file: string, source: YamlSource) {
    this.complaints = new Complaints(file)
    this.#isText = 'text' in source
    this.#document = 'text' in source
      ? parseDocument(source.text, { lineCounter: this.#lines, prettyErrors: false, merge: true })
      : new Document(source.value)
    this.root = this.#document.contents as Place

    for (const { message, pos } of [...this.#document.errors, ...this.#document.warnings]) {
      this.#complainAt(pos[0], `this is no YAML: ${message}`)
    }
  }

  /** About what stands there; about the whole file where nothing does. */
  complain (at: Place, text: string): void {
    if (this.#isText) {
      this.#complainAt(at?.range?.[0] ?? 0, text)
    } else {
      const { path, order } = (at == null ? undefined : this.#pathOf(at)) ?? { path: '', order: 0 }

      this.complaints.add({ line: order, column: 0, path, text })
    }
  }

  /** What `read` makes of it; an error for people becomes a complaint. */
  try<T> (at: Place, read: () => T): T | undefined {
    try {
      return read()
    } catch (err) {
      if (!isMeshmarkError(err)) {
        throw err
      }

      this.complain(at, err.message)
    }
  }

  /** Keys and values, each of a known key; `ignored` are passed over. Undefined for anything but a mapping. */
  mapping (place: Place, what: string, known: readonly string[], ignored = /^$/): Map<string, Entry> | undefined {
    const entries = this.entries(place, what)

    for (const [key, { at }] of entries ?? []) {
      if (!known.includes(key)) {
        entries?.delete(key)

        if (!ignored.test(key)) {
          this.complain(at, `${what} has no '${key}': ${nearest(key, known)}`)
        }
      }
    }

    return entries
  }

  /** Keys and values, whatever the keys. */
  entries (place: Place, what: string): Map<string, Entry> | undefined {
    const node = this.#resolve(place)

    if (!isMap(node)) {
      this.complain(node ?? place, `${what} must be keys with values, not ${describe(node)}`)
      return undefined
    }

    const entries = new Map<string, Entry>()

    for (const { key, value } of node.items) {
      const name = this.#resolve(key as Place)
      const word = isScalar(name) ? wordOf(name) : undefined

      if (word === MERGE && isScalar(name) && name.type === 'PLAIN') {
        for (const [key, entry] of this.#merged(value as Place, what)) {
          if (!entries.has(key)) {
            entries.set(key, entry)
          }
        }
      } else if (word == null) {
        this.complain(name ?? node, `${what} has ${describe(name)} as a key: a key is a text`)
      } else {
        entries.set(word, { key: word, value: value as Place, at: name as Node })
      }
    }

    return entries
  }

  list (place: Place, what: string): Place[] | undefined {
    const node = this.#resolve(place)

    if (!isSeq(node)) {
      this.complain(node ?? place, `${what} must be a list, not ${describe(node)}`)
      return undefined
    }

    return node.items as Place[]
  }

  /** A single value counts as a list of one. */
  listOrOne (place: Place, what: string): Place[] | undefined {
    return isSeq(this.#resolve(place)) ? this.list(place, what) : [place]
  }

  isList (place: Place): boolean {
    return isSeq(this.#resolve(place))
  }

  isMapping (place: Place): boolean {
    return isMap(this.#resolve(place))
  }

  /** A text as it is written: of a number its digits, not its value. */
  word (place: Place, what: string, at: Place = place): string | undefined {
    const node = this.#resolve(place)
    const word = isScalar(node) ? wordOf(node) : undefined

    if (word == null) {
      this.complain(node == null || (this.#isText && node.range == null) ? at : node, `${what} must be a text, not ${describe(node)}${node == null || isNothing(node) ? ': write \'\' for one without characters' : ''}`)
    }

    return word
  }

  flag (place: Place, what: string): boolean | undefined {
    const node = this.#resolve(place)

    if (isScalar(node) && typeof node.value === 'boolean') {
      return node.value
    }

    this.complain(node ?? place, `${what} must be true or false, not ${describe(node)}`)
  }

  #merged (place: Place, what: string): Map<string, Entry> {
    const merged = new Map<string, Entry>()

    for (const source of this.listOrOne(place, what) ?? []) {
      for (const [key, entry] of this.entries(source, `what is merged into ${what}`) ?? []) {
        if (!merged.has(key)) {
          merged.set(key, entry)
        }
      }
    }

    return merged
  }

  #resolve (place: Place): Place {
    if (++this.#looks > MAX_LOOKS) {
      this.complain(place, `this file says too much, aliases counted as often as they stand there: ${MAX_LOOKS} values are the most`)
      this.complaints.raise()
    }

    if (!isAlias(place)) {
      return place
    }

    let node = this.#aliases.get(place)

    if (node === undefined) {
      // walks the whole file
      node = place.resolve(this.#document) ?? null
      this.#aliases.set(place, node)
    }

    return node
  }

  #pathOf (node: Node): { path: string, order: number } | undefined {
    if (this.#paths == null) {
      const paths = new Map<Node, { path: string, order: number }>()

      this.#paths = paths
      visit(this.#document, {
        Node: (key, node, ancestors) => {
          const pair = ancestors.at(-1)
          const holder = ancestors.findLast(other => isMap(other) || isSeq(other)) as Node | undefined
          const before = (holder == null ? undefined : paths.get(holder))?.path ?? ''
          const name = isPair(pair) ? `${before === '' ? '' : '.'}${String(isScalar(pair.key) ? pair.key.value : '')}` : typeof key === 'number' ? `[${key}]` : ''

          paths.set(node, { path: `${before}${name}`, order: paths.size })
        }
      })
    }

    return this.#paths.get(node)
  }

  #complainAt (offset: number, text: string): void {
    const { line, col } = this.#lines.linePos(offset)

    this.complaints.add({ line: Math.max(1, line), column: Math.max(1, col), text })
  }
}

function wordOf (node: Scalar): string | undefined {
  if (typeof node.value === 'string') {
    return node.value
  }

  return isNothing(node) ? undefined : node.source ?? (typeof node.value === 'symbol' ? node.value.description : String(node.value))
}

/** Nothing at all, `~` or `null`. */
function isNothing (node: Place): boolean {
  return isScalar(node) && node.value == null
}

function describe (node: Place): string {
  if (node == null || isNothing(node)) {
    return 'nothing'
  }

  return isMap(node) ? 'keys with values' : isSeq(node) ? 'a list' : isScalar(node) ? `'${wordOf(node) ?? ''}'` : 'an alias of nothing'
}

/** `did you mean X?`, or what there is. */
export function nearest (word: string, known: readonly string[]): string {
  const best = closest(word, known)

  return distance(word, best) <= Math.ceil(best.length * NEAR) ? `did you mean ${best}?` : `it can have ${known.join(', ')}`
}
