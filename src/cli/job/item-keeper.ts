import type { ItemEnd } from '../../node/protocol/submit/messages.ts'
import type { OutputEvent } from './follow.ts'
import type { Joblog } from '../files/joblog.ts'
import type { OutputFolder } from '../files/output-folder.ts'

const STREAMS = ['stdout', 'stderr'] as const

/**
 * Keeps what is told of items as they end: a line in a log, what they printed
 * in files `17.stdout` and `17.stderr`. An item is in the log only when all
 * that it printed is in its files.
 */
export class ItemKeeper {
  readonly #log?: Joblog
  readonly #results?: OutputFolder
  /** The one whose output is still on its way, and how much. */
  #open?: { item: ItemEnd, left: number }

  constructor ({ log, results }: { log?: Joblog, results?: OutputFolder }) {
    this.#log = log
    this.#results = results
  }

  async takeItems (items: readonly ItemEnd[]): Promise<void> {
    const whole: ItemEnd[] = []

    for (const item of items) {
      const inline = STREAMS.reduce((sum, stream) => sum + (item[stream]?.byteLength ?? 0), 0)

      for (const stream of STREAMS) {
        // a file for each, as what is there of an earlier time must go
        await this.#results?.write(`${item.task}.${stream}`, 0, item[stream] ?? new Uint8Array(0))
      }

      if (inline === item.stdoutBytes + item.stderrBytes) {
        whole.push(item)
      } else {
        this.#open = { item: { ...item, stdout: undefined, stderr: undefined }, left: item.stdoutBytes + item.stderrBytes }
      }
    }

    await this.#log?.add(whole)
  }

  async takeOutput ({ task, stream, offset, data }: OutputEvent): Promise<void> {
    await this.#results?.write(`${task}.${stream}`, offset, data)

    if (this.#open != null) {
      this.#open.left -= data.byteLength

      if (this.#open.left <= 0) {
        await this.#log?.add([this.#open.item])
        this.#open = undefined
      }
    }
  }

  async close (): Promise<void> {
    await this.#log?.close()
    await this.#results?.close()
  }
}
