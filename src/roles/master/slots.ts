import { toError } from '../../model/errors.ts'
import { slot } from '../../node/protocol/slot/index.ts'
import type { MeshNode } from '../../node/mesh-node.ts'
import type { Channel } from '../../node/protocol/protocol.ts'
import type { Claim } from '../../node/protocol/register/messages.ts'
import type { SlotReply, SlotRequest } from '../../node/protocol/slot/messages.ts'

/** A worker that does not answer within this has not been reserved. */
const ANSWER_MS = 5_000

/** Well inside the worker's lease. */
const RENEW_MS = 2_000

/** Killing and reaping a program may take a while on a busy machine. */
const CANCEL_MS = 30_000

export interface SlotsComponents {
  node: MeshNode
  claim: () => Claim
  onAnswer: (worker: string, execution: string, reply: SlotReply) => void
  onFailure: (worker: string, execution: string, reason: string) => void
}

interface Reservation {
  worker: string
  channel: Channel<SlotReply, SlotRequest>
  /** Requests on one stream are answered in order: one at a time. */
  turn: Promise<unknown>
  renewal?: NodeJS.Timeout
  released: boolean
}

/**
 * The coordinator's side of the slots: a stream per reservation, its lease
 * renewed until START or ROLLBACK. Every outcome comes back as an event.
 */
export class Slots {
  readonly #components: SlotsComponents
  readonly #reservations = new Map<string, Reservation>()
  #stopped = false

  constructor (components: SlotsComponents) {
    this.#components = components
  }

  /** AVAILABLE. */
  async ask (worker: string, execution: string, measured: boolean, payload: string | undefined): Promise<void> {
    const { node, claim, onAnswer } = this.#components

    try {
      const channel = await node.openChannel(worker, slot, { signal: AbortSignal.timeout(ANSWER_MS) })
      const reservation: Reservation = { worker, channel, turn: Promise.resolve(), released: false }

      this.#reservations.set(execution, reservation)
      const reply = await this.#exchange(reservation, { kind: 'available', claim: claim(), execution, measured, payload })

      if (reply.kind !== 'ready' || reservation.released) {
        await this.#close(execution)
      } else {
        reservation.renewal = setInterval(() => { void this.#renew(execution) }, RENEW_MS)
      }

      onAnswer(worker, execution, reply)
    } catch (err) {
      this.#fail(worker, execution, err)
    }
  }

  /** START; the stream has then served its purpose. */
  async start (worker: string, execution: string, job: Uint8Array, startAtMs: number | undefined): Promise<void> {
    const reservation = this.#reservations.get(execution)

    if (reservation == null) {
      this.#components.onAnswer(worker, execution, { kind: 'refused', reason: 'the reservation was lost' })
      return
    }

    try {
      clearInterval(reservation.renewal)
      const reply = await this.#exchange(reservation, { kind: 'start', claim: this.#components.claim(), execution, job, startAtMs })
      await this.#close(execution)
      this.#components.onAnswer(worker, execution, reply)
    } catch (err) {
      this.#fail(worker, execution, err)
    }
  }

  /** ROLLBACK. The lease ends by itself where this does not arrive. */
  async rollback (execution: string): Promise<void> {
    const reservation = this.#reservations.get(execution)

    if (reservation == null) {
      return
    }

    reservation.released = true
    clearInterval(reservation.renewal)

    try {
      await this.#exchange(reservation, { kind: 'rollback', claim: this.#components.claim(), execution })
    } catch {
      // the worker drops it with the stream
    }

    await this.#close(execution)
  }

  /** Resolves when the worker has stopped and reaped everything of the job. */
  async cancel (worker: string, job: string): Promise<SlotReply> {
    const { node, claim } = this.#components
    const signal = AbortSignal.timeout(CANCEL_MS)
    const channel = await node.openChannel(worker, slot, { signal })

    try {
      await channel.send({ kind: 'cancel', claim: claim(), job }, { signal })
      const reply = await channel.receive({ signal })

      if (reply == null) {
        throw new Error('the worker closed the stream')
      }

      await channel.close()
      return reply
    } catch (err: any) {
      channel.abort(err)
      throw err
    }
  }

  async stop (): Promise<void> {
    this.#stopped = true
    await Promise.all([...this.#reservations.keys()].map(async execution => this.#close(execution)))
  }

  async #renew (execution: string): Promise<void> {
    const reservation = this.#reservations.get(execution)

    if (reservation == null || reservation.released) {
      return
    }

    try {
      const reply = await this.#exchange(reservation, { kind: 'renew', claim: this.#components.claim(), execution })

      if (reply.kind !== 'renewed') {
        await this.#close(execution)
        this.#components.onAnswer(reservation.worker, execution, reply)
      }
    } catch (err) {
      this.#fail(reservation.worker, execution, err)
    }
  }

  async #exchange (reservation: Reservation, message: SlotRequest): Promise<SlotReply> {
    const exchange = reservation.turn.then(async () => {
      const signal = AbortSignal.timeout(ANSWER_MS)
      await reservation.channel.send(message, { signal })
      const reply = await reservation.channel.receive({ signal })

      if (reply == null) {
        throw new Error('the worker closed the stream')
      }

      return reply
    })

    reservation.turn = exchange.catch(() => {})

    return exchange
  }

  #fail (worker: string, execution: string, err: unknown): void {
    const reservation = this.#reservations.get(execution)

    if (reservation != null) {
      clearInterval(reservation.renewal)
      this.#reservations.delete(execution)
      reservation.channel.abort(toError(err))
    }

    if (!this.#stopped && reservation?.released !== true) {
      this.#components.onFailure(worker, execution, toError(err).message)
    }
  }

  async #close (execution: string): Promise<void> {
    const reservation = this.#reservations.get(execution)

    if (reservation != null) {
      clearInterval(reservation.renewal)
      this.#reservations.delete(execution)
      await reservation.channel.close().catch(err => { reservation.channel.abort(err) })
    }
  }
}
