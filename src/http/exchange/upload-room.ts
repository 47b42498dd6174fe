import { formatBytes } from '../../model/units.ts'
import { HttpProblem } from './problem.ts'
import { tooMuch } from './sessions.ts'

export interface UploadLimits {
  fileBytes: number
  /** Of one token, and of all. */
  tokenBytes: number
  allBytes: number
  /** Files of one token. */
  files: number
  /** Since the last byte of it came. */
  keepMs: number
}

const GIB = 1024 ** 3

export const UPLOAD_LIMITS: UploadLimits = { fileBytes: GIB, tokenBytes: 2 * GIB, allBytes: 8 * GIB, files: 1_000, keepMs: 3_600_000 }

/** What one file has of the room for all. */
export interface Share {
  /** From now on so many bytes of it are on the disk, those included that do not count yet. Throws where there is no more room; less is always taken. */
  keep: (bytes: number) => void
  leave: () => void
}

interface Owned { files: number, bytes: number }

/** Who has how much: an owner what was declared, or came of what was not; all together what is on the disk. */
export class UploadRoom {
  readonly #limits: UploadLimits
  readonly #owned = new Map<string, Owned>()
  #keptBytes = 0

  constructor (limits: UploadLimits) {
    this.#limits = limits
  }

  /** Throws `HttpProblem` 413 for a file of more bytes than any may have. */
  refuseLarge (bytes: number): void {
    if (bytes > this.#limits.fileBytes) {
      throw new HttpProblem(413, 'usage', `the file is larger than ${formatBytes(this.#limits.fileBytes)}`)
    }
  }

  /** @param size - bytes that were declared. Throws `HttpProblem`: 413, 429. */
  begin (owner: string, size?: number): Share {
    const { tokenBytes, files } = this.#limits
    const { files: count, bytes } = this.#of(owner)

    this.refuseLarge(size ?? 0)

    if (count >= files) {
      throw tooMuch(`more than ${files} files of one token that are in no job yet`, 60_000)
    }

    if (bytes + (size ?? 0) > tokenBytes) {
      throw this.#full()
    }

    return this.enter(owner, size)
  }

  /** One that is there already, whatever the limits are now. @param kept - bytes of it */
  enter (owner: string, size?: number, kept = 0): Share {
    let own = kept

    this.#keptBytes += kept
    this.#add(owner, 1, size ?? kept)

    return {
      keep: bytes => {
        const more = bytes - own

        if (more > 0) {
          this.refuseLarge(bytes)

          if (this.#keptBytes + more > this.#limits.allBytes || (size == null && this.#of(owner).bytes + more > this.#limits.tokenBytes)) {
            throw this.#full()
          }
        }

        own = bytes
        this.#keptBytes += more
        this.#add(owner, 0, size == null ? more : 0)
      },
      leave: () => {
        this.#keptBytes -= own
        this.#add(owner, -1, -(size ?? own))
      }
    }
  }

  #of (owner: string): Owned {
    return this.#owned.get(owner) ?? { files: 0, bytes: 0 }
  }

  #add (owner: string, files: number, bytes: number): void {
    const before = this.#of(owner)
    const after = { files: before.files + files, bytes: before.bytes + bytes }

    if (after.files > 0) {
      this.#owned.set(owner, after)
    } else {
      this.#owned.delete(owner)
    }
  }

  #full (): HttpProblem {
    return tooMuch(`files that are in no job yet have more than ${formatBytes(this.#limits.tokenBytes)} of one token, or ${formatBytes(this.#limits.allBytes)} of all`, 60_000)
  }
}
