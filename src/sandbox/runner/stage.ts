import { statfsSync } from 'node:fs'
import { BOX, WRITABLE } from '../layout.ts'
import { wipe } from './wipe.ts'
import type { LimitName, Limits } from '../../model/limits.ts'
import type { WorkingCopy } from './working-copy.ts'

/** As /tmp is everywhere; the box has one user. */
const SHARED_MODE = 0o1777
const PRIVATE_MODE = 0o700

/** The folders that programs can write to: renewed before each run and watched during it. */
export class Stage {
  readonly #copy: WorkingCopy | undefined
  #used = true
  #baseBytes = 0
  #baseInodes = 0

  readonly #alive: (() => void) | undefined

  /** @param alive - called now and then while something takes long */
  constructor (copy?: WorkingCopy, alive?: () => void) {
    this.#copy = copy
    this.#alive = alive
  }

  /** Whatever an earlier run left is gone afterwards. Throws WipeError. */
  renew (): void {
    if (this.#used) {
      wipe(BOX.tmp, SHARED_MODE, this.#alive)
      wipe(BOX.shm, SHARED_MODE, this.#alive)
      wipe(BOX.outputs, PRIVATE_MODE, this.#alive)
      this.#used = false
    }

    this.#copy?.renew(this.#alive)

    const { bytes, inodes } = usage()

    this.#baseBytes = bytes
    this.#baseInodes = inodes
  }

  used (): void {
    this.#used = true
    this.#copy?.used()
  }

  /** Has the run written more than it may? */
  exceeded (limits: Limits): LimitName | undefined {
    const { bytes, inodes } = usage()

    if (inodes - this.#baseInodes > limits.tmpInodes) {
      return 'files'
    }

    return bytes - this.#baseBytes > limits.tmpBytes ? 'tmp' : undefined
  }
}

/** Of all writable folders but the one of the outputs, which has its own limit. */
function usage (): { bytes: number, inodes: number } {
  let bytes = 0
  let inodes = 0

  for (const folder of WRITABLE) {
    if (folder !== BOX.outputs) {
      const { bsize, blocks, bfree, files, ffree } = statfsSync(folder)

      bytes += (blocks - bfree) * bsize
      inodes += files - ffree
    }
  }

  return { bytes, inodes }
}
