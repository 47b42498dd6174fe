import { setImmediate as nextTurn } from 'node:timers/promises'
import { toError } from '../model/errors.ts'

export type Operation =
  | { type: 'put', key: string, value: Uint8Array }
  | { type: 'del', key: string }

interface Write {
  /** Made when its turn has come. */
  operations: () => Operation[]
  durable: boolean
  resolve: () => void
  reject: (err: Error) => void
}

/** What waits is written together, up to here. */
const GROUP_BYTES = 1024 * 1024

/**
 * Writes in the order of the calls, one at a time: after one that failed half
 * way LevelDB would go on writing at places where its reader does not look, and
 * confirm it. Those that wait meanwhile share the next write and its fsync.
 */
export class WriteQueue {
  readonly #write: (operations: Operation[], durable: boolean) => Promise<void>
  readonly #queue: Write[] = []
  #draining?: Promise<void>

  constructor (write: (operations: Operation[], durable: boolean) => Promise<void>) {
    this.#write = write
  }

  /** Settles as its write does. `operations` is called when its turn has come, and perhaps again. */
  async add (operations: () => Operation[], durable: boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ operations, durable, resolve, reject })
      this.#draining ??= this.#drain()
    })
  }

  /** Resolves when nothing waits. */
  async idle (): Promise<void> {
    await this.#draining
  }

  async #drain (): Promise<void> {
    // nobody relies on what need not be on the disk: it waits for a turn, and goes with what does
    await (this.#queue.some(({ durable }) => durable) ? undefined : nextTurn())

    while (this.#queue.length > 0) {
      const group: Write[] = []

      try {
        const operations = this.#takeGroup(group)

        await this.#write(operations, group.some(({ durable }) => durable))
        group.forEach(({ resolve }) => { resolve() })
      } catch (err) {
        group.forEach(({ reject }) => { reject(toError(err)) })
      }
    }

    // in the same turn in which the queue was seen empty
    this.#draining = undefined
  }

  #takeGroup (group: Write[]): Operation[] {
    const operations: Operation[] = []
    const keys = new Set<string>()
    let bytes = 0

    for (let next = this.#queue[0]; next != null && bytes < GROUP_BYTES; next = this.#queue[0]) {
      let made: Operation[]

      try {
        made = next.operations()
      } catch (err) {
        this.#queue.shift()
        next.reject(toError(err))
        continue
      }

      // a prepared operation looks at the database, where its group is not yet
      if (made.some(({ key }) => keys.has(key))) {
        break
      }

      this.#queue.shift()
      group.push(next)

      for (const operation of made) {
        keys.add(operation.key)
        operations.push(operation)
        bytes += operation.key.length + (operation.type === 'put' ? operation.value.byteLength : 0)
      }
    }

    return operations
  }
}
