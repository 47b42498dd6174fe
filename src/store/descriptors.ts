import { constants } from 'node:fs'
import { openPrivate } from './files.ts'
import type { FileHandle } from 'node:fs/promises'

interface Descriptor {
  handle: Promise<FileHandle>
  users: number
}

/**
 * Open files, the ones used last, so that thousands can be at hand with few of
 * them open. The bound is exceeded only while more than that are in use at once.
 */
export class Descriptors {
  /** In the order of their last use. */
  readonly #open = new Map<string, Descriptor>()

  constructor (private readonly max: number) {}

  get count (): number {
    return this.#open.size
  }

  /** Opens the file for reading and writing, making it when it is not there. */
  async use<T> (path: string, work: (file: FileHandle) => Promise<T>): Promise<T> {
    const descriptor = this.#open.get(path) ?? { handle: openPrivate(path, constants.O_RDWR | constants.O_CREAT), users: 0 }

    this.#open.delete(path)
    this.#open.set(path, descriptor)
    descriptor.users++

    try {
      return await work(await descriptor.handle)
    } catch (err) {
      await descriptor.handle.catch(() => { this.#forget(path, descriptor) })
      throw err
    } finally {
      descriptor.users--
      await this.#closeSurplus()
    }
  }

  async close (path: string): Promise<void> {
    const descriptor = this.#open.get(path)

    if (descriptor != null) {
      this.#open.delete(path)
      await (await descriptor.handle.catch(() => undefined))?.close()
    }
  }

  async closeAll (): Promise<void> {
    await Promise.all([...this.#open.keys()].map(async path => this.close(path)))
  }

  #forget (path: string, descriptor: Descriptor): void {
    if (this.#open.get(path) === descriptor) {
      this.#open.delete(path)
    }
  }

  async #closeSurplus (): Promise<void> {
    for (const [path, { users }] of [...this.#open]) {
      if (this.#open.size <= this.max) {
        return
      }

      if (users === 0) {
        await this.close(path)
      }
    }
  }
}
