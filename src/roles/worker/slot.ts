import { toError } from '../../model/errors.ts'
import { slot } from '../../node/protocol/slot/index.ts'
import { stepSlot } from './slot-state.ts'
import type { Outbox } from './outbox.ts'
import type { SlotEffect, SlotEvent, SlotState } from './slot-state.ts'
import type { MeshNode, Peer } from '../../node/mesh-node.ts'
import type { Channel } from '../../node/protocol/protocol.ts'
import type { SlotReply, SlotRequest } from '../../node/protocol/slot/messages.ts'
import type { ContentStore } from '../../store/content.ts'

const TICK_MS = 500

export interface SlotStart {
  job: Uint8Array
  /** Common instant, on this process's clock, and how far it may be from that of others. */
  startAtMs?: number
  startErrorMs?: number
  /** How long the machine was waited for until it was quiet. */
  quietWaitMs?: number
}

export interface SlotComponents {
  node: MeshNode
  outbox: Outbox
  content: ContentStore
  /** Begins the execution; its end comes back through `ended`. */
  onStart: (execution: string, start: SlotStart) => void
  /** Resolves when the machine is quiet, or after `maxMs`, with the milliseconds that it took. Rejects with the signal's reason. */
  settle: (maxMs: number, signal: AbortSignal) => Promise<number>
  onStop: (execution: string) => void
  /** A master asks for what has ended here, and so lacks the record: brings it there. False when it is not here any more. */
  onKnown: (execution: string, master: string) => boolean
  onChange: () => void
  log: (line: string) => void
}

/**
 * The shell around the slot's state machine. Events are taken one after the
 * other, and the effects of one are done before the next: what is answered is
 * on disk.
 */
export class Slot {
  #state: SlotState
  readonly #components: SlotComponents
  readonly #replies = new Map<number, (reply: SlotReply) => void>()
  #queue: Promise<void> = Promise.resolve()
  #requests = 0
  /** The wait for a quiet machine; ended with the reservation that it is for. */
  #settling?: { execution: string, stop: AbortController }
  #timer?: NodeJS.Timeout

  constructor (state: SlotState, components: SlotComponents) {
    this.#state = state
    this.#components = components
  }

  get state (): SlotState {
    return this.#state
  }

  /** Waits for a quiet machine. */
  get isSettling (): boolean {
    return this.#settling != null
  }

  start (): void {
    this.#components.node.handle(slot, async (channel, peer) => this.#serve(channel, peer))
    this.#timer = setInterval(() => { void this.#dispatch({ kind: 'tick', nowMs: performance.now() }) }, TICK_MS)
  }

  async stop (): Promise<void> {
    clearInterval(this.#timer)
    this.#settling?.stop.abort(new Error('the worker stops'))
    await this.#queue
  }

  async ended (execution: string): Promise<void> {
    await this.#dispatch({ kind: 'ended', execution })
  }

  async drain (drain: boolean): Promise<void> {
    await this.#dispatch({ kind: 'drain', drain })
  }

  async #serve (channel: Channel<SlotRequest, SlotReply>, peer: Peer): Promise<void> {
    const reserved = new Set<string>()

    try {
      for (let message = await channel.receive(); message != null; message = await channel.receive()) {
        const answer = await this.#ask(message, peer)
        const isGone = answer.kind === 'known' && answer.state === 'finished' && 'execution' in message && !this.#components.onKnown(message.execution, peer.id)
        const reply: SlotReply = isGone ? { kind: 'known', state: 'delivered' } : answer

        if (message.kind === 'available' && reply.kind === 'ready') {
          reserved.add(message.execution)
        } else if (message.kind === 'rollback') {
          // another stream may hold the same reservation by now: its end is not the end of this one
          reserved.delete(message.execution)
        }

        await channel.send(reply)
      }
    } finally {
      for (const execution of reserved) {
        await this.#dispatch({ kind: 'stream-closed', execution, from: peer.id })
      }
    }
  }

  async #ask (message: SlotRequest, peer: Peer): Promise<SlotReply> {
    const request = this.#requests++
    const { promise, resolve } = Promise.withResolvers<SlotReply>()
    const hasPayload = message.kind === 'available' && (message.payload == null || await this.#components.content.has(message.payload))

    this.#replies.set(request, resolve)
    await this.#dispatch({ kind: 'request', request, from: peer.id, message, nowMs: performance.now(), hasPayload })

    return promise
  }

  async #dispatch (event: SlotEvent): Promise<void> {
    const turn = this.#queue.then(async () => {
      const { state, effects } = stepSlot(this.#state, event)

      try {
        for (const effect of effects) {
          await this.#carryOut(effect, state)
        }
      } catch (err) {
        // nothing was promised: the state stays as it was, the asker is told
        this.#components.log(`slot: ${toError(err).message}`)
        this.#refuse(event, toError(err).message)
        return
      }

      this.#state = state
      this.#endSettling()

      if (effects.some(effect => effect.kind === 'changed')) {
        this.#components.onChange()
      }
    })

    this.#queue = turn

    return turn
  }

  async #carryOut (effect: SlotEffect, next: SlotState): Promise<void> {
    const { outbox, onStart, onStop } = this.#components

    switch (effect.kind) {
      case 'persist-claim':
        return outbox.saveClaim(effect.claim)
      case 'persist-start':
        return outbox.saveStart(effect.execution)
      case 'persist-cancel':
        return outbox.saveCancel(effect.job)
      case 'reply':
        this.#state = next
        return this.#reply(effect.request, effect.reply)
      case 'start':
        return onStart(effect.execution, effect)
      case 'settle':
        return this.#settle(effect)
      case 'stop':
        return onStop(effect.execution)
      case 'changed':
    }
  }

  /** Not waited for: a cancel or the end of the reservation may come meanwhile. */
  #settle ({ request, message, quietMs }: Extract<SlotEffect, { kind: 'settle' }>): void {
    const stop = new AbortController()
    const settling = { execution: message.execution, stop }

    this.#settling?.stop.abort(new Error('asked again'))
    this.#settling = settling
    this.#components.onChange()

    void this.#components.settle(quietMs, stop.signal)
      // what cannot be seen is not waited for
      .catch(() => 0)
      .then(async quietWaitMs => {
        if (this.#settling === settling) {
          this.#settling = undefined
          this.#components.onChange()
        }

        await this.#dispatch({ kind: 'settled', request, message, quietWaitMs, nowMs: performance.now() })
      })
  }

  #endSettling (): void {
    const { phase } = this.#state

    if (this.#settling != null && !(phase.kind === 'reserved' && phase.execution === this.#settling.execution)) {
      this.#settling.stop.abort(new Error('the reservation has ended'))
    }
  }

  #reply (request: number, reply: SlotReply): void {
    this.#replies.get(request)?.(reply)
    this.#replies.delete(request)
  }

  #refuse (event: SlotEvent, reason: string): void {
    if (event.kind === 'request') {
      this.#reply(event.request, { kind: 'refused', reason: `the worker cannot keep its journal: ${reason}` })
    }
  }
}
