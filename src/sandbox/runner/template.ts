import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { BOX } from '../layout.ts'
import { copyTree, sizeOfTree } from './copy-tree.ts'
import type { Contents } from './stage.ts'
import type { Identity } from './identity.ts'
import type { Stagehand } from './stagehand.ts'

/** What a setup left in the working copy: each run of its command begins with a copy of it. */
export class Template implements Contents {
  readonly roomBytes: number
  readonly entries: number
  readonly #folder: string

  /**
   * Keeps what is in the working copy now; nobody runs any more. Programs can
   * read it and not change it. Throws when the machine has not the room, or
   * something cannot be read.
   *
   * @param index - of the command
   */
  constructor (stagehand: Stagehand, identity: Identity, index: number, alive: () => void) {
    const { bytes, entries } = identity.asProgram(() => sizeOfTree(BOX.work))

    this.roomBytes = bytes
    this.entries = entries
    this.#folder = join(BOX.template, String(index))

    stagehand.openTemplates(bytes, entries + 1)

    try {
      identity.asProgram(() => {
        mkdirSync(this.#folder)
        copyTree(BOX.work, this.#folder, alive)
      })
    } finally {
      stagehand.sealTemplates()
    }
  }

  lay (alive: () => void): void {
    copyTree(this.#folder, BOX.work, alive)
  }
}
