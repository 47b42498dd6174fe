import type { Journal } from '../../src/store/journal.ts'
import type { Operation } from '../../src/store/write-queue.ts'
import type { Process, World } from './world.ts'

interface Write { operations: Operation[], resolve: () => void }

/** How long a write takes to the platters. */
const WRITE_MS = { least: 0.5, most: 12 }
/** On a disk that others keep busy. */
const SLOW_WRITE_MS = { least: 0.5, most: 300 }
const SLOW_READ_MS = { least: 0.1, most: 40 }
/** Without fsync the system writes it out by itself, in this time. */
const LAZY_MS = { least: 500, most: 5_000 }

/** Records by key that outlive the process which writes them: all of a batch or nothing, in the order of the calls. */
export class Disk {
  readonly #world: World
  readonly #records: Map<string, Uint8Array>
  /** The fault: what is said to be on the disk is in memory only. */
  readonly #lazy: boolean
  /** Others keep it busy. */
  readonly isSlow: boolean
  #keys: string[]
  readonly #pending: Write[] = []
  /** How to take back what is not on the platters yet. */
  #undo: Array<() => void> = []
  #busy = false

  constructor (world: World, { lazy = false, records = new Map<string, Uint8Array>() } = {}) {
    this.#world = world
    this.#lazy = lazy
    this.isSlow = world.chance(0.1)
    this.#records = new Map(records)
    this.#keys = [...records.keys()].sort()
  }

  get (key: string): Uint8Array | undefined {
    return this.#records.get(key)
  }

  has (key: string): boolean {
    return this.#records.has(key)
  }

  keys (prefix: string): string[] {
    const start = this.#position(prefix)
    let end = start

    while (end < this.#keys.length && this.#keys[end]!.startsWith(prefix)) {
      end++
    }

    return this.#keys.slice(start, end)
  }

  /** A backup. */
  copy (): Map<string, Uint8Array> {
    return new Map(this.#records)
  }

  /** Calls back when it is on the disk, unless the process dies before. */
  write (process: Process, operations: Operation[], done: () => void): void {
    // what a dead process was about to do
    if (!process.alive) {
      return
    }

    this.#pending.push({ operations, resolve: done })

    if (!this.#busy) {
      this.#next(process)
    }
  }

  /** The power goes: of what was being written a part may have made it. */
  powerCut (): void {
    while (this.#pending.length > 0 && this.#world.chance(0.5)) {
      this.#apply(this.#pending.shift()!.operations)
    }

    this.#pending.length = 0
    this.#busy = false
    this.#undo.splice(0).reverse().forEach(undo => { undo() })
  }

  #next (process: Process): void {
    this.#busy = this.#pending.length > 0

    if (!this.#busy) {
      return
    }

    const { least, most } = this.isSlow ? SLOW_WRITE_MS : WRITE_MS

    process.input(this.#world.between(least, most), () => {
      // whatever waits shares the fsync
      const writes = this.#pending.splice(0)

      writes.forEach(({ operations }) => { this.#apply(operations) })
      this.#next(process)
      writes.forEach(({ resolve }) => { resolve() })
    })
  }

  #apply (operations: Operation[]): void {
    const before = this.#lazy ? new Map(operations.map(({ key }) => [key, this.#records.get(key)])) : undefined

    operations.forEach(operation => { this.#set(operation.key, operation.type === 'put' ? operation.value : undefined) })

    if (before != null) {
      const undo = (): void => { before.forEach((value, key) => { this.#set(key, value) }) }

      this.#undo.push(undo)
      this.#world.after(this.#world.between(LAZY_MS.least, LAZY_MS.most), () => {
        // in order: what is before it is written out as well
        const at = this.#undo.indexOf(undo)

        this.#undo.splice(0, at + 1)
      })
    }
  }

  #set (key: string, value: Uint8Array | undefined): void {
    const had = this.#records.has(key)

    if (value == null) {
      this.#records.delete(key)
    } else {
      this.#records.set(key, value)
    }

    if (had !== (value != null)) {
      this.#keys.splice(this.#position(key), had ? 1 : 0, ...(had ? [] : [key]))
    }
  }

  #position (key: string): number {
    let [low, high] = [0, this.#keys.length]

    while (low < high) {
      const middle = (low + high) >>> 1

      if (this.#keys[middle]! < key) {
        low = middle + 1
      } else {
        high = middle
      }
    }

    return low
  }
}

/** The journal of one life of a process on a disk of the simulation. */
export function journalOn (world: World, process: Process, disk: Disk): Journal {
  const batch = async (operations: Operation[]): Promise<void> => {
    world.stir()

    if (operations.length > 0) {
      await new Promise<void>(resolve => {
        disk.write(process, operations, () => {
          world.stir()
          resolve()
        })
      })
    }
  }
  const journal: Pick<Journal, 'dir' | 'get' | 'put' | 'del' | 'batch' | 'iterate' | 'keys' | 'close'> = {
    dir: process.id,
    batch,
    put: async (key, value) => batch([{ type: 'put', key, value }]),
    del: async key => batch([{ type: 'del', key }]),
    get: async key => {
      world.stir()

      if (disk.isSlow) {
        await process.sleep(world.between(SLOW_READ_MS.least, SLOW_READ_MS.most))
      }

      return disk.get(key)
    },
    async * iterate (prefix, { limit = Infinity } = {}) {
      world.stir()
      let given = 0

      for (const key of disk.keys(prefix)) {
        const value = disk.get(key)

        if (value != null && given++ < limit) {
          yield { key, value }
        }
      }
    },
    async * keys (prefix, { gt = '', lt = '\u{10ffff}' } = {}) {
      world.stir()
      yield * disk.keys(prefix).filter(key => key > gt && key < lt && disk.get(key) != null)
    },
    close: async () => {}
  }

  return journal as Journal
}
