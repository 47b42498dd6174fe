import type { Network, Side } from './network.ts'
import type { Process, World } from './world.ts'
import type { Claim } from '../../src/node/protocol/register/messages.ts'
import type { SlotReply, SlotRequest } from '../../src/node/protocol/slot/first-messages.ts'

const ANSWER_MS = 5_000
const RENEW_MS = 2_000
const CANCEL_MS = 30_000

export interface SimSlotsComponents {
  world: World
  network: Network
  process: Process
  claim: () => Claim
  onAnswer: (worker: string, execution: string, reply: SlotReply) => void
  onFailure: (worker: string, execution: string, reason: string) => void
}

interface Reservation {
  worker: string
  execution: string
  exchange: (message: SlotRequest, ms?: number) => Promise<SlotReply>
  side: Side
  renews: boolean
  released: boolean
}

/** roles/master/slots.ts on the simulated network. */
export class SimSlots {
  readonly #components: SimSlotsComponents
  readonly #reservations = new Map<string, Reservation>()

  constructor (components: SimSlotsComponents) {
    this.#components = components
  }

  async ask (worker: string, execution: string, payload: string | undefined): Promise<void> {
    const { claim } = this.#components
    let reservation: Reservation | undefined

    try {
      reservation = { worker, execution, ...await this.#open(worker), renews: false, released: false }

      const before = this.#reservations.get(execution)

      this.#reservations.set(execution, reservation)
      this.#drop(before, 'asked again')

      const reply = await reservation.exchange({ kind: 'available', claim: claim(), execution, measured: true, payload })

      if (reply.kind === 'ready' && !reservation.released) {
        reservation.renews = true
        this.#renewLater(reservation)
      }

      this.#answered(reservation, reply, reply.kind !== 'ready')
    } catch (err) {
      this.#fail(worker, execution, reservation, err)
    }
  }

  async start (worker: string, execution: string, job: Uint8Array): Promise<void> {
    const reservation = this.#reservations.get(execution)

    if (reservation == null) {
      this.#components.onAnswer(worker, execution, { kind: 'refused', reason: 'the reservation was lost' })
      return
    }

    try {
      reservation.renews = false
      this.#answered(reservation, await reservation.exchange({ kind: 'start', claim: this.#components.claim(), execution, job }), true)
    } catch (err) {
      this.#fail(worker, execution, reservation, err)
    }
  }

  async rollback (execution: string): Promise<void> {
    const reservation = this.#reservations.get(execution)

    if (reservation == null) {
      return
    }

    this.#forget(reservation)

    try {
      await reservation.exchange({ kind: 'rollback', claim: this.#components.claim(), execution })
    } catch {
      // the worker drops it with the stream
    }

    reservation.side.close()
  }

  async cancel (worker: string, job: string): Promise<SlotReply> {
    const { side, exchange } = await this.#open(worker)

    try {
      return await exchange({ kind: 'cancel', claim: this.#components.claim(), job }, CANCEL_MS)
    } finally {
      side.close()
    }
  }

  /** Of a reign that is over. */
  drop (reason: string): void {
    for (const reservation of [...this.#reservations.values()]) {
      this.#drop(reservation, reason)
    }
  }

  async #open (worker: string): Promise<Pick<Reservation, 'side' | 'exchange'>> {
    const { world, network, process } = this.#components

    await process.sleep(0.1)

    const side = network.open(process, worker, 'slot')

    if (side == null) {
      throw new Error('the worker is not connected')
    }

    const waiting: Array<PromiseWithResolvers<SlotReply>> = []
    const fail = (err?: Error): void => {
      world.stir()
      waiting.splice(0).forEach(({ reject }) => { reject(err ?? new Error('the worker closed the stream')) })
    }
    let turn: Promise<unknown> = Promise.resolve()

    side.listen(reply => {
      world.stir()
      waiting.shift()?.resolve(reply)
    }, fail)

    return {
      side,
      exchange: async (message, ms = ANSWER_MS) => {
        const exchange = turn.then(async () => {
          if (side.isOver) {
            throw new Error('the stream is over')
          }

          const answer = Promise.withResolvers<SlotReply>()

          waiting.push(answer)
          side.send(message)
          process.after(ms, () => {
            world.stir()
            answer.reject(new Error('no answer came in time'))
          })

          return answer.promise
        })

        turn = exchange.catch(() => {})
        world.stir()

        return exchange
      }
    }
  }

  #renewLater (reservation: Reservation): void {
    this.#components.process.after(RENEW_MS, () => {
      if (reservation.renews && !reservation.released) {
        void this.#renew(reservation)
        this.#renewLater(reservation)
      }
    })
  }

  async #renew (reservation: Reservation): Promise<void> {
    try {
      const reply = await reservation.exchange({ kind: 'renew', claim: this.#components.claim(), execution: reservation.execution })

      if (reply.kind !== 'renewed') {
        this.#answered(reservation, reply, true)
      }
    } catch (err) {
      this.#fail(reservation.worker, reservation.execution, reservation, err)
    }
  }

  #answered (reservation: Reservation, reply: SlotReply, over: boolean): void {
    const { released } = reservation

    if (over && !released) {
      this.#forget(reservation)
      reservation.side.close()
    }

    if (!released) {
      this.#components.onAnswer(reservation.worker, reservation.execution, reply)
    }
  }

  #fail (worker: string, execution: string, reservation: Reservation | undefined, err: unknown): void {
    const wanted = reservation?.released !== true

    this.#drop(reservation, String(err))

    if (wanted) {
      this.#components.onFailure(worker, execution, err instanceof Error ? err.message : String(err))
    }
  }

  #drop (reservation: Reservation | undefined, reason: string): void {
    if (reservation != null) {
      this.#forget(reservation)
      reservation.side.close(new Error(reason))
    }
  }

  #forget (reservation: Reservation): void {
    reservation.released = true
    reservation.renews = false

    if (this.#reservations.get(reservation.execution) === reservation) {
      this.#reservations.delete(reservation.execution)
    }
  }
}
