import { toError } from '../../model/errors.ts'
import type { Change, Replica } from './replica/replica.ts'

/** Every fact whose key begins with this: those that are there, and from then on each that this or another master writes. */
export async function followFacts (replica: Replica, prefix: string, take: (change: Change) => void): Promise<void> {
  replica.onChange(changes => { changes.filter(({ key }) => key.startsWith(prefix)).forEach(take) })

  for await (const { key, value } of replica.iterate(prefix)) {
    take({ key, value, elsewhere: false })
  }
}

/** Keeps a record that was written, by its id; `later` says which counts, for what is in memory may be ahead of it. */
export function keepRecord<T> (records: Map<string, T>, { key, value }: Pick<Change, 'key' | 'value'>, later: (known: T | undefined, stored: T) => T, log: (line: string) => void): void {
  const id = key.slice(key.indexOf('/') + 1)

  try {
    records.set(id, later(records.get(id), JSON.parse(Buffer.from(value).toString())))
  } catch (err) {
    log(`${key} cannot be read: ${toError(err).message}`)
  }
}

export function encodeFact (record: object): Uint8Array {
  return Buffer.from(JSON.stringify(record))
}
