import { askVersions, locateTools } from '../../sandbox/index.ts'
import { IdleWork } from './idle-work.ts'
import type { WorkerInfo } from '../../model/machine.ts'
import type { Box, BoxFilesOrProblem, LocatedTool } from '../../sandbox/index.ts'
import type { MachineLock } from '../../store/lock.ts'
import type { KnownTools } from './known-tools.ts'

export interface ToolFinderComponents {
  files: BoxFilesOrProblem
  known: KnownTools
  createBox: (signal: AbortSignal) => Promise<Box>
  lock: MachineLock
  /** Nothing is reserved, nothing runs. */
  isFree: () => boolean
  onFound: () => void
  log: (line: string) => void
}

/**
 * Which interpreters and compilers a job's programs find on this machine, and
 * their versions. Where they are is looked up at the start of the worker; those
 * that no earlier life has asked for their version are asked in a box, in the
 * background.
 */
export class ToolFinder {
  readonly #components: ToolFinderComponents
  readonly #work: IdleWork
  #found: LocatedTool[] = []
  #tools: WorkerInfo['tools']

  constructor (components: ToolFinderComponents) {
    this.#components = components
    this.#work = new IdleWork({
      isFree: components.isFree,
      work: async signal => { await this.#ask(signal) },
      onFailure: ({ message }) => { components.log(`the versions of this machine's interpreters and compilers are not known: ${message}`) }
    })
  }

  /** Absent until all are known. */
  get tools (): WorkerInfo['tools'] {
    return this.#tools
  }

  /** Looks where they are. */
  async load (): Promise<void> {
    this.#found = await locateTools(this.#components.files)
    this.#settle()
  }

  start (): void {
    if (this.#tools == null) {
      this.#work.start()
    }
  }

  /** Somebody wants the machine: resolves when nothing is left of an attempt. */
  async giveWay (): Promise<void> {
    await this.#work.giveWay()
  }

  async stop (): Promise<void> {
    await this.#work.stop()
  }

  #settle (): void {
    const { known } = this.#components

    if (this.#found.every(({ stamp }) => known.has(stamp))) {
      this.#tools = this.#found.map(({ name, stamp }) => ({ name, version: known.get(stamp) ?? '' }))
    }
  }

  async #ask (signal: AbortSignal): Promise<void> {
    const { known, createBox, lock, onFound } = this.#components
    const unknown = this.#found.filter(({ stamp }) => !known.has(stamp))
    const held = await lock.acquire('shared', { signal })

    try {
      const box = await createBox(signal)

      try {
        const versions = await askVersions(box, unknown, { signal })

        unknown.forEach(({ name, stamp }) => { known.set(stamp, versions.get(name) ?? '') })
      } finally {
        await box.close()
      }
    } finally {
      await held.release()
    }

    this.#settle()
    onFound()
    await known.save(this.#found.map(({ stamp }) => stamp))
  }
}
