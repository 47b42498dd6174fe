import { toError } from '../../model/errors.ts'
import { firstSlot as slot } from '../../node/protocol/slot/first.ts'
import type { MeshNode } from '../../node/mesh-node.ts'
import type { Channel } from '../../node/protocol/protocol.ts'
import type { Claim } from '../../node/protocol/register/messages.ts'
import type { SlotReply, SlotRequest } from '../../node/protocol/slot/first-messages.ts'

/** A worker that does not answer within this has not been reserved. */
const ANSWER_MS = 5_000

/** Well inside the worker's lease. */
const RENEW_MS = 2_000

/** Killing and reaping a program may take a while on a busy machine. */
const CANCEL_MS = 30_000

/** An instant on a worker's clock, and how far it may be from the same instant of other workers. */
export interface Instant {
  startAtMs: number
  startErrorMs: number
}

export interface SlotsComponents {
  node: MeshNode
  claim: () => Claim
  onAnswer: (worker: string, execution: string, reply: SlotReply) => void
  onFailure: (worker: string, execution: string, reason: string) => void
}

interface Reservation {
  worker: string
  execution: string
  channel: Channel<SlotReply, SlotRequest>
  /** Requests on one stream are answered in order: one at a time. */
  turn: Promise<unknown>
  renewal?: NodeJS.Timeout
  /** Given back, lost or served: what is heard of it is no news. */
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
    const { node, claim } = this.#components
    let reservation: Reservation | undefined

    try {
      const channel = await node.openChannel(worker, slot, { signal: AbortSignal.timeout(ANSWER_MS) })
      reservation = { worker, execution, channel, turn: Promise.resolve(), released: this.#stopped }

      // asked again before the answer to the first time came: only the last one counts
      const before = this.#reservations.get(execution)
      this.#reservations.set(execution, reservation)
      this.#drop(before, new Error('asked again'))

      const reply = await this.#exchange(reservation, { kind: 'available', claim: claim(), execution, measured, payload })

      if (reply.kind === 'ready' && !reservation.released) {
        reservation.renewal = setInterval(this.#renew, RENEW_MS, reservation)
      }

      await this.#answered(reservation, reply, reply.kind !== 'ready')
    } catch (err) {
      this.#fail(worker, execution, reservation, err)
    }
  }

  /** Resolves when the worker's machine is quiet, or has been waited for long enough, or the reservation is lost: START will tell. */
  async settle (execution: string, quietMs: number): Promise<void> {
    const reservation = this.#reservations.get(execution)

    if (reservation == null) {
      return
    }

    // the worker holds it for as long as it waits
    clearInterval(reservation.renewal)

    try {
      const { kind } = await this.#exchange(reservation, { kind: 'renew', claim: this.#components.claim(), execution, quietMs }, ANSWER_MS + quietMs)

      if (kind === 'renewed' && !reservation.released) {
        reservation.renewal = setInterval(this.#renew, RENEW_MS, reservation)
      }
    } catch (err) {
      // an answer that comes late must not pass for that to START
      this.#drop(reservation, toError(err))
    }
  }

  /** START; the stream has then served its purpose. */
  async start (worker: string, execution: string, job: Uint8Array, instant?: Instant): Promise<void> {
    const reservation = this.#reservations.get(execution)

    if (reservation == null) {
      this.#components.onAnswer(worker, execution, { kind: 'refused', reason: 'the reservation was lost' })
      return
    }

    try {
      clearInterval(reservation.renewal)
      const reply = await this.#exchange(reservation, { kind: 'start', claim: this.#components.claim(), execution, job, ...instant })
      await this.#answered(reservation, reply, true)
    } catch (err) {
      this.#fail(worker, execution, reservation, err)
    }
  }

  /** ROLLBACK. The lease ends by itself where this does not arrive. */
  async rollback (execution: string): Promise<void> {
    const reservation = this.#reservations.get(execution)

    if (reservation == null) {
      return
    }

    this.#forget(reservation)

    try {
      await this.#exchange(reservation, { kind: 'rollback', claim: this.#components.claim(), execution })
    } catch {
      // the worker drops it with the stream
    }

    await hangUp(reservation)
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

  /** At once: a worker drops what is reserved with the stream. */
  stop (): void {
    this.#stopped = true
    this.drop('the master stops')
  }

  /** All reservations, without a word: what is heard of them later is no news. */
  drop (reason: string): void {
    for (const reservation of this.#reservations.values()) {
      this.#drop(reservation, new Error(reason))
    }
  }

  readonly #renew = (reservation: Reservation): void => {
    this.#exchange(reservation, { kind: 'renew', claim: this.#components.claim(), execution: reservation.execution })
      .then(async reply => {
        if (reply.kind !== 'renewed') {
          await this.#answered(reservation, reply, true)
        }
      })
      .catch(err => { this.#fail(reservation.worker, reservation.execution, reservation, err) })
  }

  /** Whoever has given the reservation back wants no answer any more. */
  async #answered (reservation: Reservation, reply: SlotReply, over: boolean): Promise<void> {
    const { released } = reservation

    if (over && !released) {
      this.#forget(reservation)
      await hangUp(reservation)
    }

    if (!released) {
      this.#components.onAnswer(reservation.worker, reservation.execution, reply)
    }
  }

  async #exchange (reservation: Reservation, message: SlotRequest, timeoutMs = ANSWER_MS): Promise<SlotReply> {
    const exchange = reservation.turn.then(async () => {
      const signal = AbortSignal.timeout(timeoutMs)
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

  #fail (worker: string, execution: string, reservation: Reservation | undefined, err: unknown): void {
    const wanted = reservation?.released !== true

    this.#drop(reservation, toError(err))

    if (!this.#stopped && wanted) {
      this.#components.onFailure(worker, execution, toError(err).message)
    }
  }

  #drop (reservation: Reservation | undefined, reason: Error): void {
    if (reservation != null) {
      this.#forget(reservation)
      reservation.channel.abort(reason)
    }
  }

  /** Not by its execution alone: that may have a newer one. */
  #forget (reservation: Reservation): void {
    reservation.released = true
    clearInterval(reservation.renewal)

    if (this.#reservations.get(reservation.execution) === reservation) {
      this.#reservations.delete(reservation.execution)
    }
  }
}

async function hangUp ({ channel }: Reservation): Promise<void> {
  await channel.close().catch(err => { channel.abort(err) })
}
