import { chmodSync, mkdirSync, statfsSync, statSync, symlinkSync } from 'node:fs'
import { release } from 'node:os'
import { join } from 'node:path'
import { DATA_FOLDER } from '../../model/data.ts'
import { isOlderThan } from '../kernel.ts'
import { BOX, BOX_USER, WRITABLE } from '../layout.ts'
import type { LimitName, Limits } from '../../model/limits.ts'
import type { RunnerTask } from '../protocol.ts'
import type { Identity } from './identity.ts'
import type { Stagehand } from './stagehand.ts'

/** Beyond the limit, so that who exceeds it can be told from who meets it. */
const SPARE_BYTES = 1024 * 1024
const SPARE_INODES = 64

/** Before Linux 6.13, what changed twice within some milliseconds may look as if it had changed once. */
const TELLS_CHANGES_APART = !isOlderThan(release(), 6, 13)

/** What the folders of a box hold before there is a task. */
const IDLE = { tmpBytes: 16 * 1024 * 1024, tmpInodes: 1_000 }

/** What a run finds in its working copy. */
export interface Contents {
  /** What it takes there. */
  readonly roomBytes: number
  readonly entries: number
  /** Puts it into an empty working copy. */
  lay (alive: () => void): void
}

/** The folders that programs can write to: renewed before each run and watched during it. */
export class Stage {
  readonly #stagehand: Stagehand
  readonly #identity: Identity
  #payload: Contents | undefined
  /** What is there now. */
  #laid: Contents | undefined
  #limits: Pick<Limits, 'tmpBytes' | 'tmpInodes'> = IDLE
  #java = false
  #data = false
  #used = true
  /** There is room for something else than what is wanted. */
  #resized = false
  #folders: readonly Folder[] = []

  constructor (stagehand: Stagehand, identity: Identity) {
    this.#stagehand = stagehand
    this.#identity = identity
  }

  /** From here on runs begin with this payload and have this much room. */
  set (payload: Contents, { limits, commands, data }: Pick<RunnerTask, 'limits' | 'commands' | 'data'>): void {
    this.#data = data === true
    this.#payload = payload
    this.#java = commands.some(({ argv }) => argv.some(word => JAVA.test(word)))
    this.#limits = limits
    this.#used = true
    this.#resized = true

    if (this.#data) {
      this.#folders = []
    }
  }

  /** What a copy of the payload takes. */
  get payloadBytes (): number {
    return this.#payload?.roomBytes ?? 0
  }

  /**
   * Whatever an earlier run left is gone afterwards. Throws when the box has
   * not the room for the payload.
   *
   * @param alive - called now and then while something takes long
   * @param contents - instead of the payload
   */
  renew (alive: () => void = () => {}, contents = this.#payload): void {
    if (this.#used || contents !== this.#laid) {
      const stale = WRITABLE.filter((_, index) => this.#isStale(index, contents))

      this.#stagehand.renew(stale, this.#resized ? WRITABLE.filter(path => !stale.includes(path)) : [], {
        bytes: this.#limits.tmpBytes + SPARE_BYTES,
        inodes: this.#limits.tmpInodes + SPARE_INODES,
        payloadBytes: contents?.roomBytes ?? 0,
        payloadInodes: contents?.entries ?? 0
      })
      this.#used = false
      this.#resized = false
      this.#laid = contents

      if (this.#java) {
        keepJavaQuiet()
      }

      if (stale.includes(BOX.work)) {
        this.#identity.asProgram(() => {
          contents?.lay(alive)

          if (this.#data) {
            linkData()
          }
        })
      }

      this.#folders = WRITABLE.map(folder => stateOf(folder))
    }
  }

  /** For another execution: everything is new, but for what certainly nobody has changed. */
  renewAll (alive: () => void): void {
    if (!TELLS_CHANGES_APART) {
      this.#folders = []
    }

    this.#used = true
    this.renew(alive)
  }

  /**
   * Might it hold something of an earlier run? The contents of files cannot be
   * compared, so whatever began with files is stale. An empty folder is not
   * when it is as empty as it was and has not been changed itself, which is
   * what most programs leave; three mounts would cost more than all the rest
   * of a run's preparation.
   */
  #isStale (index: number, contents: Contents | undefined): boolean {
    const path = WRITABLE[index]
    const before = this.#folders[index]

    const holds = (contents?.entries ?? 0) + (this.#laid?.entries ?? 0) > 0

    if (path == null || before == null || (path === BOX.work && holds) || (path === BOX.tmp && this.#java)) {
      return true
    }

    const now = stateOf(path)

    return now.inodes !== before.inodes || now.bytes !== before.bytes || now.changedNs !== before.changedNs || now.mode !== before.mode
  }

  /** A program ran. */
  used (): void {
    this.#used = true
  }

  /** Has the run written more than it may? */
  exceeded (limits: Limits): LimitName | undefined {
    let bytes = 0
    let inodes = 0

    for (const [index, path] of WRITABLE.entries()) {
      const now = roomOf(path)

      bytes += now.bytes - (this.#folders[index]?.bytes ?? 0)
      inodes += now.inodes - (this.#folders[index]?.inodes ?? 0)
    }

    if (inodes > limits.tmpInodes) {
      return 'tmp-files'
    }

    return bytes > limits.tmpBytes ? 'tmp' : undefined
  }
}

/** Where Java keeps counters of itself for other programs, in files that it locks. */
const JAVA_COUNTERS = `${BOX.tmp}/hsperfdata_${BOX_USER}`

/** A command line that speaks of it, as a program or inside a script. */
const JAVA = /\bjava/

/**
 * Locks are refused, since files of the host are shared by all boxes, and Java
 * would say so on its standard output. It does without a word when the folder
 * is not one that it trusts.
 */
function keepJavaQuiet (): void {
  mkdirSync(JAVA_COUNTERS)
  chmodSync(JAVA_COUNTERS, 0o777)
}

/** What a setup left may have the link already, or something of its own in its place. */
function linkData (): void {
  try {
    symlinkSync(BOX.data, join(BOX.work, DATA_FOLDER))
  } catch (err) {
    if ((err as NodeJS.ErrnoException).code !== 'EEXIST') {
      throw err
    }
  }
}

/** A folder that programs write to. */
interface Folder {
  bytes: number
  inodes: number
  /** When anything was last changed about the folder itself: added, removed, allowed. Nobody can set it. */
  changedNs: bigint
  mode: bigint
}

function stateOf (path: string): Folder {
  const { ctimeNs, mode } = statSync(path, { bigint: true })

  return { ...roomOf(path), changedNs: ctimeNs, mode }
}

/** What is used of it; the outputs are elsewhere and have their own limit. */
function roomOf (path: string): { bytes: number, inodes: number } {
  const { bsize, blocks, bfree, files, ffree } = statfsSync(path)

  return { bytes: (blocks - bfree) * bsize, inodes: files - ffree }
}
