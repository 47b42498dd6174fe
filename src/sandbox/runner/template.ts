import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { formatBytes } from '../../model/units.ts'
import { BOX } from '../layout.ts'
import { copyTree, sizeOfTree } from './copy-tree.ts'
import type { Libc } from '../native/libc.ts'
import type { Contents } from './stage.ts'
import type { Launcher } from './launch.ts'
import type { Stagehand } from './stagehand.ts'

/** What a setup left in the working copy: each run of its command begins with a copy of it. */
export class Template implements Contents {
  readonly roomBytes: number
  readonly entries: number
  readonly #libc: Libc
  readonly #folder: string

  /**
   * Keeps what is in the working copy now; nobody runs any more. Programs can
   * read it and not change it. Throws when the machine has not the room, or
   * something cannot be read.
   *
   * @param index - of the command
   * @param mostBytes - what it may take, which no control group bounds: the runner makes it
   */
  constructor (stagehand: Stagehand, { libc, identity }: Launcher, index: number, mostBytes: number, alive: () => void) {
    const { bytes, entries } = identity.asProgram(() => sizeOfTree(BOX.work, alive))

    if (bytes > mostBytes) {
      throw new Error(`it takes ${formatBytes(bytes)}, and the machine's or the job's memory has room for ${formatBytes(mostBytes)} beside the copies that runs begin with and what other commands set up; let it leave less, or raise the job's limit of memory`)
    }

    this.roomBytes = bytes
    this.entries = entries
    this.#libc = libc
    this.#folder = join(BOX.template, String(index))

    stagehand.openTemplates(bytes, entries + 1)

    try {
      identity.asProgram(() => {
        mkdirSync(this.#folder)
        copyTree(libc, BOX.work, this.#folder, alive)
      })
    } finally {
      stagehand.sealTemplates()
    }
  }

  lay (alive: () => void): void {
    copyTree(this.#libc, this.#folder, BOX.work, alive)
  }
}
