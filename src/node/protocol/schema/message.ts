import { Invalid, readLength } from './type.ts'
import type { Definition, Type } from './type.ts'
import type { Reader, Writer } from 'protons-runtime'

/** A place in a message: its number on the wire never changes its meaning. */
export interface Field<T> {
  number: number
  wire: 0 | 1 | 2
  proto: string
  defines?: Definition
  /** Tags included. */
  write: (writer: Writer, value: T) => void
  /** One occurrence, after the tag; `before` is what earlier occurrences gave. */
  read: (reader: Reader, before: T | undefined) => T
  /** The other form in which numbers may be repeated: every reader of proto3 takes both. */
  alternative?: { wire: 0 | 1 | 2, read: (reader: Reader, before: T | undefined) => T }
  /** What it is when it does not occur at all; absent = then the message is refused. */
  missing?: () => T
}

export type Fields<T> = { [K in keyof T]-?: Field<T[K]> }

/** Must be there. It is always written, also when it is zero or empty. */
export function field<T> (number: number, type: Type<T>): Field<T> {
  return {
    number,
    wire: type.wire,
    proto: `optional ${type.proto}`,
    defines: type.defines,
    write: (writer, value) => {
      writer.uint32((number << 3) | type.wire)
      type.write(writer, value)
    },
    read: reader => type.read(reader)
  }
}

export function optional<T> (number: number, type: Type<T>): Field<T | undefined> {
  const inner = field(number, type)

  return {
    ...inner,
    write: (writer, value) => {
      if (value != null) {
        inner.write(writer, value)
      }
    },
    missing: () => undefined
  }
}

export function list<T> (number: number, type: Type<T>, max: number): Field<T[]> {
  return {
    number,
    wire: type.wire,
    proto: `repeated ${type.proto}`,
    defines: type.defines,
    write: (writer, values) => {
      for (const value of values) {
        writer.uint32((number << 3) | type.wire)
        type.write(writer, value)
      }
    },
    read: readEntry(type, max),
    ...(type.wire === 2 ? {} : { alternative: { wire: 2, read: readPacked(type, max) } }),
    missing: () => []
  }
}

/** As a list, but one without entries is absent. */
export function optionalList<T> (number: number, type: Type<T>, max: number): Field<T[] | undefined> {
  const inner = list(number, type, max)

  return {
    ...inner,
    write: (writer, values) => { inner.write(writer, values ?? []) },
    missing: () => undefined
  }
}

/** Must be given, but earlier versions did not say it: for them this stands. */
export function since<T> (earlier: T, inner: Field<T>): Field<T> {
  return { ...inner, missing: () => earlier }
}

function readEntry<T> (type: Type<T>, max: number): (reader: Reader, before?: T[]) => T[] {
  return (reader, before = []) => {
    if (before.length >= max) {
      throw new Invalid(`has more than ${max} entries`)
    }

    before.push(type.read(reader))

    return before
  }
}

function readPacked<T> (type: Type<T>, max: number): (reader: Reader, before?: T[]) => T[] {
  const readOne = readEntry(type, max)

  return (reader, before = []) => {
    const end = readLength(reader) + reader.pos

    while (reader.pos < end) {
      readOne(reader, before)
    }

    return before
  }
}

/** Numbers one behind the other: proto3's packed form. */
export function packed (number: number, type: Type<number>, max: number): Field<number[]> {
  return {
    number,
    wire: 2,
    proto: `repeated ${type.proto}`,
    write: (writer, values) => {
      if (values.length > 0) {
        writer.uint32((number << 3) | 2).fork()
        values.forEach(value => { type.write(writer, value) })
        writer.ldelim()
      }
    },
    read: readPacked(type, max),
    alternative: { wire: type.wire, read: readEntry(type, max) },
    missing: () => []
  }
}

/** Text by text, in the order of the keys, so that equal maps have equal bytes. */
export function map (number: number, key: Type<string>, value: Type<string>, max: number): Field<Record<string, string>> {
  // other writers leave out what is empty
  const orEmpty = (number: number, type: Type<string>): Field<string> => ({ ...field(number, type), missing: () => '' })
  const entry = message<{ key: string, value: string }>('Entry', { key: orEmpty(1, key), value: orEmpty(2, value) })

  return {
    number,
    wire: 2,
    proto: `map<string, ${value.proto}>`,
    write: (writer, values) => {
      for (const name of Object.keys(values).sort()) {
        writer.uint32((number << 3) | 2)
        entry.write(writer, { key: name, value: values[name] ?? '' })
      }
    },
    read: (reader, before = {}) => {
      if (Object.keys(before).length >= max) {
        throw new Invalid(`has more than ${max} entries`)
      }

      const { key, value } = entry.read(reader)

      // never through a setter such as __proto__
      Object.defineProperty(before, key, { value, enumerable: true, configurable: true, writable: true })

      return before
    },
    missing: () => ({})
  }
}

/** As a map, but one without entries is absent. */
export function optionalMap (number: number, key: Type<string>, value: Type<string>, max: number): Field<Record<string, string> | undefined> {
  const inner = map(number, key, value, max)

  return {
    ...inner,
    write: (writer, values) => { inner.write(writer, values ?? {}) },
    missing: () => undefined
  }
}

/** A message with these fields; unknown ones are passed over, so that the next minor version may add some. */
export function message<T extends object> (name: string, fields: Fields<T>): Type<T> {
  const names = Object.keys(fields) as Array<keyof T & string>
  const byNumber = new Map(names.map(key => [fields[key].number, key]))

  return {
    wire: 2,
    proto: name,
    defines: {
      name,
      needs: needsOf(names.map(key => fields[key])),
      text: `message ${name} {\n${names.map(key => `  ${fieldLine(key, fields[key])}\n`).join('')}}\n`
    },
    write: (writer, value) => {
      writer.fork()
      writeFields(writer, names, fields, value)
      writer.ldelim()
    },
    readBody: (reader, end) => readFields(reader, end, names, fields, byNumber),
    read: reader => readFields(reader, readLength(reader) + reader.pos, names, fields, byNumber)
  }
}

function writeFields<T> (writer: Writer, names: Array<keyof T & string>, fields: Fields<T>, value: T): void {
  for (const name of names) {
    inField(name, () => { fields[name].write(writer, value[name]) })
  }
}

function readFields<T> (reader: Reader, end: number, names: Array<keyof T & string>, fields: Fields<T>, byNumber: Map<number, keyof T & string>): T {
  const value: Partial<T> = {}

  while (reader.pos < end) {
    const tag = reader.uint32()
    const name = byNumber.get(tag >>> 3)

    const form = name == null ? undefined : [fields[name], fields[name].alternative].find(form => form?.wire === (tag & 7))

    if (name == null || form == null) {
      reader.skipType(tag & 7)
      continue
    }

    value[name] = inField(name, () => form.read(reader, value[name]))
  }

  if (reader.pos > end) {
    throw new Invalid('is longer than it says')
  }

  for (const name of names) {
    if (value[name] === undefined) {
      const { missing } = fields[name]

      if (missing == null) {
        throw new Invalid('is missing', [name])
      }

      const stand = missing()

      if (stand !== undefined) {
        value[name] = stand
      }
    }
  }

  return value as T
}

/** Runs a part of the work; what is invalid in it is said to be in this field. */
export function inField<R> (name: string, read: () => R): R {
  try {
    return read()
  } catch (err) {
    throw err instanceof Invalid ? err.within(name) : new Invalid(`cannot be read or written: ${err instanceof Error ? err.message : String(err)}`, [name])
  }
}

function needsOf (fields: Array<{ defines?: Definition }>): Definition[] {
  return fields.flatMap(({ defines }) => defines ?? [])
}

function fieldLine (name: string, { proto, number }: { proto: string, number: number }): string {
  return `${proto} ${name.replace(/[A-Z]/g, letter => `_${letter.toLowerCase()}`)} = ${number};`
}
