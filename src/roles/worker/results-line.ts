import { MeshmarkError, toError } from '../../model/errors.ts'
import { results as resultsProtocol } from '../../node/protocol/results/index.ts'
import type { MeshNode } from '../../node/mesh-node.ts'
import type { Channel } from '../../node/protocol/protocol.ts'
import type { Finished, Receipt, Receipts, Results } from '../../node/protocol/results/messages.ts'

/**
 * One stream to one master, on which short executions are delivered many at a
 * time. Opened when there is something to say, and kept; what breaks it fails
 * everything that is not answered.
 */
export class ResultsLine {
  readonly #node: MeshNode
  readonly #master: string
  #channel?: Promise<Channel<Receipts, Results>>
  #waiting: Array<PromiseWithResolvers<Receipt[]>> = []

  constructor (node: MeshNode, master: string) {
    this.#node = node
    this.#master = master
  }

  /** Resolves with a receipt for each, in the same order. */
  async deliver (finished: Finished[]): Promise<Receipt[]> {
    const answer = Promise.withResolvers<Receipt[]>()

    try {
      const channel = await (this.#channel ??= this.#open())

      // in the order in which they are sent
      this.#waiting.push(answer)
      await channel.send({ kind: 'results', finished })
    } catch (err) {
      this.#fail(toError(err))
      answer.reject(toError(err))
    }

    const receipts = await answer.promise

    if (receipts.length !== finished.length) {
      throw new MeshmarkError('failed', `the master answered ${receipts.length} of ${finished.length} results`)
    }

    return receipts
  }

  /** The next delivery opens it anew. */
  close (reason: Error): void {
    void this.#channel?.then(channel => { channel.abort(reason) }, () => {})
    this.#fail(reason)
  }

  async #open (): Promise<Channel<Receipts, Results>> {
    const channel = await this.#node.openChannel(this.#master, resultsProtocol)

    void this.#listen(channel)

    return channel
  }

  async #listen (channel: Channel<Receipts, Results>): Promise<void> {
    let reason = new MeshmarkError('unreachable', 'the master closed the delivery of results')

    try {
      for (let message = await channel.receive(); message != null; message = await channel.receive()) {
        this.#waiting.shift()?.resolve(message.receipts)
      }
    } catch (err) {
      reason = err instanceof MeshmarkError ? err : reason
    }

    channel.abort(reason)
    this.#fail(reason)
  }

  #fail (reason: Error): void {
    const waiting = this.#waiting

    this.#channel = undefined
    this.#waiting = []
    waiting.forEach(({ reject }) => { reject(reason) })
  }
}
