import { inField, message } from './message.ts'
import { Invalid, readLength } from './type.ts'
import type { Fields } from './message.ts'
import type { Type } from './type.ts'
import type { Reader } from 'protons-runtime'

/** One variant: its number in the oneof, and its fields. */
export interface Variant<T> {
  number: number
  fields: Fields<T>
}

type Rest<T, D extends keyof T, K> = Omit<Extract<T, Record<D, K>>, D>

/** Every variant of a discriminated union, each once. */
export type Variants<T, D extends keyof T> = { [K in T[D] & string]: Variant<Rest<T, D, K>> }

export function variant<T> (number: number, fields: Fields<T>): Variant<T> {
  return { number, fields }
}

/** A message that is exactly one of its variants, told apart by `key`. */
export function union<T extends object, D extends keyof T & string> (name: string, key: D, variants: Variants<T, D>): Type<T> {
  const kinds = Object.keys(variants) as Array<T[D] & string>
  const types = new Map(kinds.map(kind => [kind, message<any>(`${name}${camel(kind)}`, variants[kind].fields as Fields<any>)]))
  const byNumber = new Map(kinds.map(kind => [variants[kind].number, kind]))

  const readBody = (reader: Reader, end: number): T => {
    let found: T | undefined

    while (reader.pos < end) {
      const tag = reader.uint32()
      const kind = byNumber.get(tag >>> 3)

      if (kind == null || (tag & 7) !== 2) {
        throw new Invalid(`is of a kind (${tag >>> 3}) that is not known here`)
      }

      if (found != null) {
        throw new Invalid('says two things at once')
      }

      found = inField(kind, () => ({ [key]: kind, ...types.get(kind)!.read(reader) } as unknown as T))
    }

    if (found == null || reader.pos !== end) {
      throw new Invalid('is empty')
    }

    return found
  }

  return {
    wire: 2,
    proto: name,
    defines: {
      name,
      needs: [...types.values()].flatMap(type => type.defines ?? []),
      text: `message ${name} {\n  oneof ${key} {\n${kinds.map(kind => `    ${types.get(kind)!.proto} ${kind.replaceAll('-', '_')} = ${variants[kind].number};\n`).join('')}  }\n}\n`
    },
    write: (writer, value) => {
      const kind = value[key] as T[D] & string
      writer.fork().uint32((variants[kind].number << 3) | 2)
      inField(kind, () => { types.get(kind)!.write(writer, value) })
      writer.ldelim()
    },
    readBody,
    read: reader => readBody(reader, readLength(reader) + reader.pos)
  }
}

function camel (kind: string): string {
  return kind.split('-').map(part => part.charAt(0).toUpperCase() + part.slice(1)).join('')
}
