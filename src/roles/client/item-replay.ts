import { MeshmarkError } from '../../model/errors.ts'
import { parseExecutionId } from '../../model/ids.ts'
import { ItemSet } from '../item-set.ts'
import { OUTPUT_STREAMS } from '../output.ts'
import type { ItemPosition } from './types.ts'
import type { ItemEnd, SubmitReply } from '../../node/protocol/submit/messages.ts'

/**
 * What a client has been told of the items of one job, by whichever master:
 * each end and each byte of output passes once. Kept are a bit for each item,
 * and how much has come of the one whose output is on its way. Pure.
 */
export class ItemReplay {
  #told = new ItemSet(0)
  /** Told, but for output that follows. */
  #open?: ItemEnd
  #have = { stdout: 0, stderr: 0 }
  readonly #begun?: ItemPosition

  /** @param begun - what an earlier one had been told at its end */
  constructor (begun?: ItemPosition) {
    this.#begun = begun

    for (const { execution, stream, offset } of begun?.offsets ?? []) {
      // how much it is, its end says once more
      this.#open = { task: parseExecutionId(execution).task, execution, workerName: '', state: 'done', stdoutBytes: Infinity, stderrBytes: Infinity }
      this.#have[stream] = offset
    }
  }

  /** Where to go on, as a master is asked. */
  position (): ItemPosition {
    const { execution } = this.#open ?? {}

    return {
      told: this.#told.size === 0 && this.#begun != null ? this.#begun.told : this.#told.toBytes(),
      offsets: execution == null ? [] : OUTPUT_STREAMS.map(stream => ({ execution, stream, offset: this.#have[stream] }))
    }
  }

  /** What of a reply is new; undefined = nothing. Throws `failed` when a master leaves bytes out. */
  take (reply: SubmitReply): SubmitReply | undefined {
    switch (reply.kind) {
      case 'job':
        if (this.#told.size === 0) {
          this.#told = ItemSet.from((reply.view.counts ?? []).reduce((sum, { count }) => sum + count, 0), this.#begun?.told ?? new Uint8Array(0))
        }

        return reply
      case 'items': {
        const fresh = reply.items.filter(item => this.#takeItem(item))

        return fresh.length === 0 ? undefined : { kind: 'items', items: fresh }
      }
      case 'output':
        return this.#takeOutput(reply)
      default:
        return reply
    }
  }

  #takeItem (item: ItemEnd): boolean {
    const number = Number(item.task)

    if (this.#told.has(number)) {
      return false
    }

    // the same one, from another master
    if (this.#open?.task === item.task && this.#open.execution === item.execution) {
      this.#open = item
      this.#closeWhenWhole()

      return false
    }

    const inline = (item.stdout?.byteLength ?? 0) + (item.stderr?.byteLength ?? 0)

    if (inline === item.stdoutBytes + item.stderrBytes) {
      this.#told.add(number)
    } else {
      this.#open = item
      this.#have = { stdout: 0, stderr: 0 }
    }

    return true
  }

  #takeOutput (reply: Extract<SubmitReply, { kind: 'output' }>): SubmitReply | undefined {
    const { execution, stream, offset, data } = reply

    if (execution !== this.#open?.execution) {
      return undefined
    }

    const have = this.#have[stream]

    if (offset > have) {
      throw new MeshmarkError('failed', `the master went on at byte ${offset} of ${stream} of item ${reply.task}, and ${have} have come so far`)
    }

    this.#have[stream] = Math.max(have, offset + data.byteLength)
    this.#closeWhenWhole()

    return offset + data.byteLength <= have ? undefined : { ...reply, offset: have, data: data.subarray(have - offset) }
  }

  #closeWhenWhole (): void {
    const item = this.#open

    if (item != null && this.#have.stdout >= item.stdoutBytes && this.#have.stderr >= item.stderrBytes) {
      this.#told.add(Number(item.task))
      this.#open = undefined
    }
  }
}
