import { MAX_COLLECT_FILES } from '../model/collect.ts'
import type { BoxCollect } from './box-types.ts'
import type { FromRunner } from './protocol.ts'

type Announced = Extract<FromRunner, { type: 'file' }>

/** What a box may send of files: as many, and as large, as the task says. Throws on anything else. */
export class IncomingFiles {
  readonly #paths = new Set<string>()
  readonly #maxFiles: number
  #bytes: number
  /** To come of the file that was announced last. */
  #left = 0

  constructor (collect: BoxCollect | undefined) {
    this.#maxFiles = collect?.maxFiles ?? MAX_COLLECT_FILES
    this.#bytes = collect?.maxBytes ?? -1
  }

  announce ({ command, path, size }: Announced): void {
    const name = `${command}/${path}`

    if (this.#left > 0 || size > this.#bytes || this.#paths.size === this.#maxFiles || this.#paths.has(name)) {
      throw new Error('the box sent a file that cannot be')
    }

    this.#paths.add(name)
    this.#bytes -= size
    this.#left = size
  }

  take (data: Uint8Array): void {
    if (data.byteLength === 0 || data.byteLength > this.#left) {
      throw new Error('the box sent more of a file than there is')
    }

    this.#left -= data.byteLength
  }

  /** Nothing but its content follows a file. */
  expectNothing (): void {
    if (this.#left > 0) {
      throw new Error('the box sent less of a file than there is')
    }
  }
}
