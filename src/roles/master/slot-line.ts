import { toError } from '../../model/errors.ts'
import type { Channel } from '../../node/protocol/protocol.ts'
import type { SlotAnswer, SlotCommand, SlotReply, SlotRequest } from '../../node/protocol/slot/messages.ts'

/** A worker that does not answer within this has lost what was said to it: nobody knows whether it took it. */
export const ANSWER_MS = 5_000

/** Jobs that are known to have been said on a stream, the last ones: a worker keeps no more of them. */
const MAX_JOBS = 16

/** Calls once, so much later; returns what prevents it. */
export type After = (ms: number, run: () => void) => () => void

export interface SlotLineComponents {
  worker: string
  open: (worker: string) => Promise<Channel<SlotReply, SlotRequest>>
  after: After
  /** Above all that any line has used before. */
  nextId: () => number
  onReturned: (executions: string[], reason: string) => void
  /** Once: nothing that was said and not answered will be. */
  onEnd: (reason: Error) => void
}

interface Question {
  resolve: (answer: SlotAnswer) => void
  reject: (err: Error) => void
  stopWaiting: () => void
}

/** One stream to one worker: requests in the order in which they are made, answers by their id. */
export class SlotLine {
  readonly worker: string
  /** Jobs that the worker was sent on this stream. */
  readonly jobs = new Set<string>()
  readonly #components: SlotLineComponents
  readonly #questions = new Map<number, Question>()
  #turn: Promise<unknown>
  #channel?: Channel<SlotReply, SlotRequest>
  #over?: Error
  #wasOpen = false

  constructor (components: SlotLineComponents) {
    this.worker = components.worker
    this.#components = components
    // the caller knows this line when it hears of its end
    this.#turn = Promise.resolve().then(async () => {
      const channel = await components.open(components.worker)

      this.#wasOpen = true
      this.#listen(channel).catch(err => { this.end(toError(err)) })
    })
    this.#turn.catch(err => { this.end(toError(err)) })
  }

  /** Until then nothing has been said, whatever was asked for. */
  get wasOpen (): boolean {
    return this.#wasOpen
  }

  /**
   * Rejects when the line ends before the answer has come. Without `patienceMs`
   * it ends when none comes in time; with it, only this request is given up.
   */
  async request (command: SlotCommand, patienceMs?: number): Promise<SlotAnswer> {
    if (this.#over != null) {
      throw this.#over
    }

    const id = this.#components.nextId()
    const { promise, resolve, reject } = Promise.withResolvers<SlotAnswer>()
    const stopWaiting = this.#components.after(patienceMs ?? ANSWER_MS, () => { this.#giveUp(id, patienceMs != null) })

    this.#questions.set(id, { resolve, reject, stopWaiting })
    this.#turn = this.#turn.then(async () => {
      // the caller has the error when the line ends
      if (this.#over == null) {
        await this.#channel?.send({ id, ...command })
      }
    }).catch(err => { this.end(toError(err)) })

    return promise
  }

  /** The worker has this job on this stream now. */
  noteJob (id: string): void {
    this.jobs.delete(id)
    this.jobs.add(id)

    for (const oldest of this.jobs) {
      if (this.jobs.size <= MAX_JOBS) {
        return
      }

      this.jobs.delete(oldest)
    }
  }

  end (reason: Error): void {
    if (this.#over != null) {
      return
    }

    this.#over = reason
    this.#channel?.abort(reason)

    for (const { reject, stopWaiting } of this.#questions.values()) {
      stopWaiting()
      reject(reason)
    }

    this.#questions.clear()
    this.#components.onEnd(reason)
  }

  async #listen (channel: Channel<SlotReply, SlotRequest>): Promise<void> {
    this.#channel = channel

    if (this.#over != null) {
      channel.abort(this.#over)
      return
    }

    for (let reply = await channel.receive(); reply != null; reply = await channel.receive()) {
      if (reply.kind === 'returned') {
        this.#components.onReturned(reply.executions, reply.reason)
        continue
      }

      // one that was given up may be answered all the same
      const question = this.#questions.get(reply.id)

      question?.stopWaiting()
      this.#questions.delete(reply.id)
      question?.resolve(reply)
    }

    this.end(new Error('the worker closed the stream'))
  }

  #giveUp (id: number, alone: boolean): void {
    const err = new Error('the worker does not answer')

    if (alone) {
      this.#questions.get(id)?.reject(err)
      this.#questions.delete(id)
    } else {
      this.end(err)
    }
  }
}
