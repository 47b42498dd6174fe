import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv } from 'ajv'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parse, stringify } from 'yaml'
import { isMeshmarkError } from '../../../../src/model/errors.ts'
import { readMap } from '../../../../src/roles/client/map-file/read-map.ts'
import { mapContent } from '../../../../src/http/schema/map.ts'
import type { YamlSource } from '../../../../src/roles/client/map-file/yaml-reader.ts'
import type { Arbitrary } from 'fast-check'

const SCHEMA = JSON.parse(readFileSync(join(import.meta.dirname, '../../../../docs/map.schema.json'), 'utf8'))
const validate = new Ajv({ allowUnionTypes: true, strict: true, strictRequired: false }).compile(SCHEMA)

/** What the reader says of it; undefined = it takes it. */
function refusal (text: string): string | undefined {
  return refusalOf({ text })
}

function refusalOf (source: YamlSource): string | undefined {
  try {
    readMap(source, 'm.yaml')
  } catch (err) {
    if (isMeshmarkError(err)) {
      return err.message
    }

    throw err
  }
}

const word = fc.constantFrom<unknown>('a', '--size', 'two words', 7, true, 0.5)
const name = fc.constantFrom<unknown>('lab-1', 'lab-[1-3]', 'pi', '12D3KooWQ7u1gLh2ZtmmVxiQJ3mUWUpeuqbPvz8rjYc9qzkAbCdE')
const file = fc.constantFrom('a.txt', 'dir/b.txt=b', './c')
const duration = fc.constantFrom<unknown>('500ms', '2s', 30, '1.5m', '1h')
const env = fc.dictionary(fc.constantFrom('A', 'B_1', '_c'), word, { maxKeys: 2, noNullPrototype: true })
const files = fc.oneof(file, fc.array(file, { maxLength: 3 }))
const when = fc.constantFrom('never', 'on-failure')

function some (fields: Record<string, Arbitrary<unknown>>, requiredKeys: string[] = []): Arbitrary<Record<string, unknown>> {
  return fc.record(fields, { requiredKeys, noNullPrototype: true }) as Arbitrary<Record<string, unknown>>
}

const limits = some({ timeout: duration, 'cpu-time': duration, memory: fc.constantFrom<unknown>('2G', '64m', 8_388_608), processes: fc.constantFrom<unknown>(3, '12'), 'tmp-files': fc.constant(100), 'open-files': fc.constant(64) })
const restart = fc.oneof(when, some({ when, max: fc.constantFrom<unknown>(0, 5, '7'), backoff: fc.constantFrom<unknown>('10ms', 1), 'max-backoff': fc.constantFrom<unknown>('2m', 90) }, ['when']))
const line = fc.oneof(fc.constantFrom<unknown>('./a b', "sh -c 'exit 3'", 5), fc.array(fc.constantFrom<unknown>('a', '', 7, true), { minLength: 1, maxLength: 3 }).map(words => ['prog', ...words]))
const command = fc.oneof(line, some({ run: line, shell: fc.constant(false), name: fc.constantFrom<unknown>('solve', 'a b', 3), env, with: files, stdin: file, restart, limits }, ['run']), some({ run: fc.constant('a | b'), shell: fc.constant(true), env }, ['run', 'shell']))
const commands = fc.array(command, { minLength: 1, maxLength: 3 })
const condition = fc.constantFrom('arch=arm64', 'cores=4..,memory=2G..', 'label.zone=lab')
const list = fc.oneof(
  some({ on: fc.oneof(name, fc.constant('all'), fc.constant(['all']), fc.array(name, { minLength: 1, maxLength: 3 })), 'keep-going': fc.boolean(), commands }, ['on', 'commands']),
  some({ on: fc.constant('all'), where: fc.oneof(condition, fc.array(condition, { maxLength: 2 })), commands }, ['where', 'commands'])
)
const map = some({ name: fc.constantFrom<unknown>('night', 'a.b-c', 4), 'report-every': fc.constantFrom<unknown>('2s', 60), env, limits, restart, with: files, lists: fc.array(list, { minLength: 1, maxLength: 3 }), 'x-own': fc.anything({ maxDepth: 1 }).map(() => ({ any: ['thing'] })) }, ['lists'])

/** Every place in it where something can be put in or taken out. */
function places (value: unknown, path: Array<string | number> = []): Array<Array<string | number>> {
  const inner = Array.isArray(value)
    ? value.flatMap((item, index) => places(item, [...path, index]))
    : typeof value === 'object' && value != null
      ? Object.entries(value).flatMap(([key, item]) => key.startsWith('x-') ? [] : places(item, [...path, key]))
      : []

  return [path, ...inner]
}

function put (value: unknown, [first, ...rest]: Array<string | number>, change: (old: unknown) => unknown): unknown {
  if (first == null) {
    return change(value)
  }

  if (Array.isArray(value)) {
    return value.map((item, index) => index === first ? put(item, rest, change) : item)
  }

  return Object.fromEntries(Object.entries(value as object).map(([key, item]) => [key, key === first ? put(item, rest, change) : item]))
}

/** Mistakes in the form, which both can see. */
const CHANGES: Array<(old: unknown) => unknown> = [
  () => null,
  () => [],
  () => ({}),
  () => ({ surprise: 1 }),
  () => '',
  () => -1,
  () => true,
  () => 'any',
  () => [[]],
  old => typeof old === 'object' && old != null && !Array.isArray(old) ? { ...old, 'un-known': 1 } : old,
  old => typeof old === 'object' && old != null && !Array.isArray(old) ? Object.fromEntries(Object.entries(old).slice(1)) : old,
  old => [old],
  old => Array.isArray(old) ? old[0] : old
]

describe('the JSON Schema of maps', () => {
  it('takes whatever the reader takes that is put together of what the documents name', () => {
    fc.assert(fc.property(map, value => {
      const text = stringify(value)

      expect(refusal(text)).toBeUndefined()
      expect(validate(parse(text)), JSON.stringify(validate.errors)).toBe(true)
    }), { numRuns: 100 })
  })

  it('takes what the reader takes, and refuses what has another form, wherever a mistake is made', () => {
    fc.assert(fc.property(map, fc.nat(), fc.nat(CHANGES.length - 1), (value, at, change) => {
      const all = places(value)
      const text = stringify(put(value, all[at % all.length]!, CHANGES[change]!))
      const said = refusal(text)

      // what a word means, only the reader knows
      const isMeaning = said != null && said.split('\n').every(line => /is empty: name a program|name is empty|names no worker|is not KEY=VALUE|restarted for ever|is not a whole number|taken for the name of one program|is less than|is not between|more than nothing/.test(line))

      if (!isMeaning) {
        expect(validate(parse(text)), `${text}\nreader: ${said}\nschema: ${JSON.stringify(validate.errors)}`).toBe(said == null)
      }
    }), { numRuns: 300 })
  })

  it('is what the HTTP interface takes too, as JSON', () => {
    fc.assert(fc.property(map, ({ 'x-own': _, ...value }) => {
      expect(mapContent.safeParse(value).error?.message).toBeUndefined()
    }), { numRuns: 100 })
  })
})

describe('a map that is no text', () => {
  it('is read as its text would be, and has the same mistakes, at places of its own', () => {
    fc.assert(fc.property(map, fc.nat(), fc.nat(CHANGES.length - 1), (value, at, change) => {
      const all = places(value)
      const changed = put(value, all[at % all.length]!, CHANGES[change]!)
      const words = (text = ''): string[] => text.split('\n').map(line => line.replace(/^m\.yaml(:\d+:\d+| '[^']*')?: /, '')).sort()

      expect(words(refusalOf({ value: changed }))).toEqual(words(refusal(stringify(changed))))
    }), { numRuns: 300 })
  })
})
