import { workerPayloads } from '../../machine/variants.ts'
import { toError } from '../../model/errors.ts'
import { slot } from '../../node/protocol/slot/index.ts'
import { SlotStream } from './slot-stream.ts'
import { stepSlot } from './slot-step.ts'
import type { Outbox } from './outbox.ts'
import type { SealedJobs } from './sealed-jobs.ts'
import type { SlotEffect, SlotEvent, SlotStart, SlotState, StartFacts } from './slot-state.ts'
import type { Job } from '../../model/job.ts'
import type { WorkerInfo } from '../../model/machine.ts'
import type { MeshNode, Peer } from '../../node/mesh-node.ts'
import type { Channel } from '../../node/protocol/protocol.ts'
import type { SlotAnswer, SlotReply, SlotRequest } from '../../node/protocol/slot/messages.ts'
import type { ContentStore } from '../../store/content.ts'

const TICK_MS = 500

export interface SlotComponents {
  node: MeshNode
  outbox: Outbox
  content: ContentStore
  jobs: SealedJobs
  /** What this worker says of itself. */
  self: () => WorkerInfo
  /** Begins the execution; its end comes back through `ended`. */
  onStart: (start: SlotStart) => void
  /** It counts as begun and never will be: gets a record that says so; its end comes back through `ended`. */
  onAbandon: (execution: string) => void
  /** Resolves when the machine is quiet, or after `maxMs`, with the milliseconds that it took. Rejects with the signal's reason. */
  settle: (maxMs: number, signal: AbortSignal) => Promise<number>
  onStop: (execution: string) => void
  /** A master asks for what has ended here, and so lacks the record: brings it there. False when it is not here any more. */
  onKnown: (execution: string, master: string) => boolean
  onChange: () => void
  log: (line: string) => void
}

/** Whom to answer. */
interface Asker {
  stream: SlotStream
  message: SlotRequest
  /** Only a START is kept then, for what may be given back. */
  answered: boolean
}

/**
 * The shell around the slot's state machine. Events are taken one after the
 * other, and the effects of one are done before the next: what is answered is
 * on disk.
 */
export class Slot {
  #state: SlotState
  readonly #components: SlotComponents
  readonly #askers = new Map<number, Asker>()
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

  /** Its program runs. */
  async underWay (execution: string): Promise<void> {
    await this.#dispatch({ kind: 'under-way', execution })
  }

  async ended (execution: string): Promise<void> {
    const problem = await this.#dispatch({ kind: 'ended', execution })

    if (problem != null) {
      // what waits behind it cannot be written down as begun
      await this.#dispatch({ kind: 'ended', execution, giveBack: `the worker cannot keep its journal: ${problem}` })
    }
  }

  async drain (drain: boolean): Promise<void> {
    await this.#dispatch({ kind: 'drain', drain })
  }

  async #serve (channel: Channel<SlotRequest, SlotReply>, peer: Peer): Promise<void> {
    const stream = new SlotStream(channel, peer)

    try {
      for (let message = await stream.receive(); message != null; message = await stream.receive()) {
        await this.#ask(message, stream)
      }
    } finally {
      for (const [request, asker] of this.#askers) {
        if (asker.stream === stream) {
          this.#askers.delete(request)
        }
      }

      for (const execution of stream.reserved) {
        await this.#dispatch({ kind: 'stream-closed', execution, from: peer.id })
      }
    }
  }

  /** Resolves when its turn has been; the answer may come later. */
  async #ask (message: SlotRequest, stream: SlotStream): Promise<void> {
    const request = this.#requests++
    const { content, self } = this.#components
    let start: StartFacts | undefined
    let hasPayload = message.kind === 'available' && await hasAll(content, message.payloads ?? [])

    if (message.kind === 'start') {
      const job = stream.jobOf(message.jobId, message.job)
      // what its client has not sealed gets a record that says so
      const opened: Job | undefined = job == null ? undefined : await this.#components.jobs.open(job).catch(() => undefined)

      start = job == null ? undefined : { job, measured: opened?.kind === 'run', distinct: opened?.placement.on === 'some' }
      hasPayload = opened == null || await hasAll(content, workerPayloads(opened, self()).map(({ id }) => id))
    }

    this.#askers.set(request, { stream, message, answered: false })
    await this.#dispatch({ kind: 'request', request, from: stream.peer.id, message, nowMs: performance.now(), hasPayload, start })
  }

  /** Resolves with what went wrong: nothing has happened then. */
  async #dispatch (event: SlotEvent): Promise<string | undefined> {
    let problem: string | undefined
    const turn = this.#queue.then(async () => {
      const { state, effects } = stepSlot(this.#state, event)

      try {
        for (const effect of effects) {
          await this.#carryOut(effect, state)
        }
      } catch (err) {
        // nothing was promised: the state stays as it was, the asker is told
        problem = toError(err).message
        this.#components.log(`slot: ${problem}`)
        this.#refuse(event, problem)
        return
      }

      this.#state = state
      this.#endSettling()

      if (effects.some(effect => effect.kind === 'changed')) {
        this.#components.onChange()
      }
    })

    this.#queue = turn
    await turn

    return problem
  }

  async #carryOut (effect: SlotEffect, next: SlotState): Promise<void> {
    const { outbox, onStart, onAbandon, onStop } = this.#components

    switch (effect.kind) {
      case 'persist-claim':
        return outbox.saveClaim(effect.claim)
      case 'persist-start':
        return outbox.saveStarts(effect.executions)
      case 'persist-cancel':
        return outbox.saveCancel(effect.job, effect.word)
      case 'reply':
        this.#state = next
        return this.#reply(effect.request, effect.reply)
      case 'start':
        return onStart(effect)
      case 'abandon':
        return onAbandon(effect.execution)
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
    const settling = this.#settling

    if (settling != null && !this.#state.places.some(place => place.kind === 'reserved' && place.execution === settling.execution)) {
      settling.stop.abort(new Error('the reservation has ended'))
    }
  }

  #reply (request: number, reply: SlotAnswer): void {
    const asker = this.#askers.get(request)

    if (asker == null) {
      return
    }

    const { stream, message } = asker
    const answer = this.#withGone(reply, message, stream.peer.id)

    if (message.kind === 'available' && answer.kind === 'ready') {
      stream.reserved.add(message.execution)
    } else if (message.kind === 'rollback') {
      // another stream may hold the same reservation by now: its end is not the end of this one
      stream.reserved.delete(message.execution)
    }

    asker.answered = true
    this.#forgetOver()
    stream.answer(message.id, answer)
  }

  /** Of what has ended here, the record goes to whoever lacks it; or it is here no more. */
  #withGone (reply: SlotAnswer, message: SlotRequest, master: string): SlotAnswer {
    const { onKnown } = this.#components

    if (reply.kind === 'known' && reply.state === 'finished' && 'execution' in message) {
      return onKnown(message.execution, master) ? reply : { kind: 'known', state: 'delivered' }
    }

    if (reply.kind === 'started' && message.kind === 'start') {
      const outcomes = reply.outcomes.map((outcome, at) => {
        const isGone = outcome.kind === 'known' && outcome.state === 'finished' && !onKnown(message.executions[at] ?? '', master)

        return isGone ? { kind: 'known' as const, state: 'delivered' as const } : outcome
      })

      return { kind: 'started', outcomes }
    }

    return reply
  }

  /** All that were answered, but STARTs of which something may still be given back. */
  #forgetOver (): void {
    const open = new Set(this.#state.places.flatMap(place => place.kind === 'running' && place.executions.length > place.marked ? [place.request] : []))

    for (const [request, { answered }] of this.#askers) {
      if (answered && !open.has(request)) {
        this.#askers.delete(request)
      }
    }
  }

  #refuse (event: SlotEvent, reason: string): void {
    if (event.kind === 'request') {
      this.#reply(event.request, { kind: 'refused', reason: `the worker cannot keep its journal: ${reason}` })
    }
  }
}

async function hasAll (content: ContentStore, payloads: readonly string[]): Promise<boolean> {
  return (await Promise.all(payloads.map(async id => content.has(id)))).every(has => has)
}
