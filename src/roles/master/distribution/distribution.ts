import { isMeshmarkError, MeshmarkError, toError } from '../../../model/errors.ts'
import { sendPayload } from '../../../node/payload/send.ts'
import { relay } from '../../../node/protocol/relay/index.ts'
import { onAbort } from '../../../node/wait.ts'
import { ROOT, emptyPlan, msPerChunk } from './state.ts'
import { stepPlan } from './step.ts'
import type { PlanEffect, PlanEvent, PlanState } from './state.ts'
import type { PayloadManifest } from '../../../model/payload.ts'
import type { MeshNode } from '../../../node/mesh-node.ts'
import type { Channel } from '../../../node/protocol/protocol.ts'
import type { RelayReply, RelayRequest } from '../../../node/protocol/relay/messages.ts'
import type { ContentStore } from '../../../store/content.ts'

const TICK_MS = 500

/** A master that was itself held up for this long has words of progress in its queues: it judges nobody before it has read them. */
const HELD_UP_MS = 1_000

/** Workers whose pace is remembered. */
const MAX_PACES = 4_096

/** From the request to a worker to open a connection to its word that it has. */
const MEET_MS = 8_000

/** A worker as the master knows it at this moment. */
export interface KnownWorker {
  name: string
  /** Where others reach it; absent = it takes no part in passing on. */
  addresses?: string[]
  measuring: boolean
}

export interface DistributionComponents {
  node: MeshNode
  content: ContentStore
  /** A ticket for this transfer. */
  ticket: (payload: string, sender: string, receiver: string) => Promise<Uint8Array>
  /** Undefined = it is not connected. */
  worker: (id: string) => KnownWorker | undefined
  /** Connected workers that have this payload. */
  holders: (payload: string) => string[]
  /** What earlier transfers have shown: milliseconds that a chunk takes to a worker. */
  pace: Map<string, number>
  log: (line: string) => void
}

export interface DeliverOptions {
  signal?: AbortSignal
  /** `note`: what went wrong on the way and was worked around. */
  onProgress?: (chunks: number, of: number, note?: string) => void
}

interface Waiter {
  options: DeliverOptions
  resolve: () => void
  reject: (err: Error) => void
}

/**
 * One payload on its way to workers: the shell around the plan. Links are
 * streams, to the receiver or to the worker that is to send; what has arrived
 * the receivers say themselves.
 */
export class Distribution {
  readonly #components: DistributionComponents
  readonly #manifest: PayloadManifest
  readonly #plan: PlanState
  readonly #waiting = new Map<string, Set<Waiter>>()
  readonly #watches = new Map<string, AbortController>()
  readonly #links = new Map<string, AbortController>()
  #timer?: NodeJS.Timeout
  #note?: string

  constructor (manifest: PayloadManifest, components: DistributionComponents) {
    this.#components = components
    this.#manifest = manifest
    this.#plan = emptyPlan(manifest.chunks.length)
  }

  /** Nobody waits for anything. */
  get isIdle (): boolean {
    return this.#waiting.size === 0
  }

  /** Resolves when the worker has all of it, as it says itself. */
  async deliver (worker: string, options: DeliverOptions): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const waiter: Waiter = { options, resolve, reject }
    const waiters = this.#waiting.get(worker)

    options.signal?.throwIfAborted()

    if (waiters != null) {
      waiters.add(waiter)
    } else {
      this.#waiting.set(worker, new Set([waiter]))
      this.#timer ??= this.#keepTime()
      this.#refresh()
      void this.#watch(worker)
      this.#feed({ kind: 'want', worker, ...this.#abilities(worker), nowMs: performance.now() })
    }

    const forget = onAbort(options.signal, reason => {
      reject(toError(reason))
      this.#withdraw(worker, waiter)
    })

    try {
      await promise
    } finally {
      forget()
    }
  }

  #keepTime (): NodeJS.Timeout {
    let lastMs = performance.now()

    return setInterval(() => {
      const nowMs = performance.now()

      if (nowMs - lastMs < HELD_UP_MS) {
        this.#feed({ kind: 'tick', nowMs })
      }

      lastMs = nowMs
    }, TICK_MS)
  }

  /** Whoever has it, and can pass it on, as of now. */
  #refresh (): void {
    const { holders, worker } = this.#components
    const nowMs = performance.now()

    for (const id of holders(this.#manifest.id)) {
      if (!this.#plan.nodes.has(id)) {
        this.#feed({ kind: 'holds', worker: id, ...this.#abilities(id), nowMs })
      }
    }

    for (const { id, complete } of [...this.#plan.nodes.values()]) {
      const known = worker(id)

      if (known == null && !this.#waiting.has(id)) {
        this.#feed({ kind: 'drop', worker: id, nowMs })
      } else if (complete) {
        this.#feed({ kind: 'holds', worker: id, ...this.#abilities(id), nowMs })
      }
    }
  }

  #abilities (id: string): { relays: boolean, msPerChunk?: number } {
    const known = this.#components.worker(id)

    return { relays: known?.addresses != null && !known.measuring, msPerChunk: this.#components.pace.get(id) }
  }

  #nameOf (id: string): string {
    return id === ROOT ? 'the coordinator' : this.#components.worker(id)?.name ?? id.slice(-8)
  }

  #feed (event: PlanEvent): void {
    for (const effect of stepPlan(this.#plan, event)) {
      this.#carryOut(effect)
    }
  }

  #carryOut (effect: PlanEffect): void {
    switch (effect.kind) {
      case 'link':
        void this.#link(effect.from, effect.to)
        break
      case 'unlink':
        this.#links.get(`${effect.from} ${effect.to}`)?.abort(new MeshmarkError('failed', 'it comes from somebody else now'))
        break
      case 'served': {
        const node = this.#plan.nodes.get(effect.worker)
        const pace = node == null ? undefined : msPerChunk(node)

        if (pace != null) {
          notePace(this.#components.pace, effect.worker, pace)
        }

        this.#end(effect.worker, waiter => {
          waiter.options.onProgress?.(this.#plan.chunks, this.#plan.chunks, this.#note)
          waiter.resolve()
        })
        break
      }
      case 'failed':
        this.#end(effect.worker, waiter => { waiter.reject(new MeshmarkError(effect.refused ? 'refused' : 'failed', effect.reason)) })
        break
      case 'left-out':
        this.#tell(`${this.#nameOf(effect.worker)} passes it on no more: ${effect.reason}`)
        break
      case 'cleared':
        this.#tell(`${this.#nameOf(effect.worker)} passes it on again`)
        break
    }
  }

  /** In the log, and to everybody who waits. */
  #tell (what: string): void {
    this.#note = what
    this.#components.log(`payload ${this.#manifest.id.slice(0, 12)}: ${what}`)
    this.#waiting.forEach((_, worker) => { this.#tellProgress(worker) })
  }

  #tellProgress (worker: string): void {
    const chunks = this.#plan.nodes.get(worker)?.chunks ?? 0

    this.#waiting.get(worker)?.forEach(({ options }) => { options.onProgress?.(chunks, this.#plan.chunks, this.#note) })
  }

  #withdraw (worker: string, waiter: Waiter): void {
    const waiters = this.#waiting.get(worker)

    if (waiters?.delete(waiter) === true && waiters.size === 0) {
      this.#end(worker, () => {})
      this.#feed({ kind: 'drop', worker, nowMs: performance.now() })
    }
  }

  #end (worker: string, tell: (waiter: Waiter) => void): void {
    const waiters = this.#waiting.get(worker)

    this.#waiting.delete(worker)
    this.#watches.get(worker)?.abort(new MeshmarkError('failed', 'nobody waits for it any more'))
    waiters?.forEach(tell)

    if (this.#waiting.size === 0) {
      clearInterval(this.#timer)
      this.#timer = undefined
      this.#note = undefined
    }
  }

  /** Hears from the receiver itself what has come. */
  async #watch (worker: string): Promise<void> {
    const stop = new AbortController()

    this.#watches.set(worker, stop)

    try {
      await this.#ask(worker, { kind: 'watch', payload: this.#manifest.id }, stop.signal, reply => {
        this.#heard(worker, reply)

        return reply.kind === 'progress' || reply.kind === 'lied'
      })
    } catch (err) {
      if (!stop.signal.aborted) {
        this.#end(worker, waiter => { waiter.reject(isMeshmarkError(err) ? err : new MeshmarkError('failed', toError(err).message)) })
        this.#feed({ kind: 'drop', worker, nowMs: performance.now() })
      }
    } finally {
      if (this.#watches.get(worker) === stop) {
        this.#watches.delete(worker)
      }
    }
  }

  #heard (worker: string, reply: RelayReply): void {
    const nowMs = performance.now()

    switch (reply.kind) {
      case 'progress':
        this.#feed({ kind: 'progress', worker, chunks: reply.chunks, nowMs })
        this.#tellProgress(worker)
        break
      case 'done':
        this.#feed({ kind: 'complete', worker, nowMs })
        break
      case 'failed':
        this.#feed({ kind: 'refused', worker, reason: reply.reason, nowMs })
        break
      case 'lied': {
        const sender = reply.sender === this.#components.node.peerId ? ROOT : reply.sender

        this.#components.log(`payload ${this.#manifest.id.slice(0, 12)}: ${this.#nameOf(worker)} says of ${this.#nameOf(sender)}: ${reply.reason}`)
        this.#feed({ kind: 'lied', worker, sender, nowMs })
        break
      }
    }
  }

  async #link (from: string, to: string): Promise<void> {
    const key = `${from} ${to}`
    const stop = new AbortController()

    this.#links.get(key)?.abort(new Error('begun anew'))
    this.#links.set(key, stop)

    try {
      await (from === ROOT ? this.#upload(to, stop.signal) : this.#passOn(from, to, stop.signal))

      if (!stop.signal.aborted) {
        this.#feed({ kind: 'link-done', from, to, nowMs: performance.now() })
      }
    } catch (err) {
      if (!stop.signal.aborted) {
        this.#failed(from, to, err)
      }
    } finally {
      if (this.#links.get(key) === stop) {
        this.#links.delete(key)
      }
    }
  }

  #failed (from: string, to: string, err: unknown): void {
    const reason = toError(err).message
    const nowMs = performance.now()

    if (from === ROOT && isMeshmarkError(err) && err.code === 'refused') {
      this.#feed({ kind: 'refused', worker: to, reason, nowMs })
      return
    }

    // of an end that the receiver has brought about itself, and told
    if (this.#plan.nodes.get(to)?.parent === from && from !== ROOT) {
      this.#components.log(`payload ${this.#manifest.id.slice(0, 12)}: not from ${this.#nameOf(from)} to ${this.#nameOf(to)}: ${reason}`)
    }

    this.#feed({ kind: 'link-failed', from, to, reason, own: !(err instanceof LinkError) || err.own, nowMs })
  }

  async #upload (to: string, signal: AbortSignal): Promise<void> {
    const { node, content, ticket } = this.#components
    const source = await content.open(this.#manifest.id)

    try {
      await sendPayload(node, to, {
        manifest: this.#manifest,
        ticket: await ticket(this.#manifest.id, node.peerId, to),
        readChunk: async index => {
          const chunk = await source.readChunk(index)

          this.#feed({ kind: 'uploaded', chunks: 1, nowMs: performance.now() })

          return chunk
        },
        signal
      })
    } finally {
      await source.close()
    }
  }

  async #passOn (from: string, to: string, signal: AbortSignal): Promise<void> {
    const { ticket, worker } = this.#components
    const { id } = this.#manifest
    const addressesOf = (of: string): string[] => worker(of)?.addresses ?? []
    const send: RelayRequest = { kind: 'send', payload: id, ticket: await ticket(id, from, to), to, addresses: addressesOf(to) }

    try {
      await this.#send(from, send, signal)
    } catch (err) {
      if (!(err instanceof LinkError) || err.blame !== 'network') {
        throw err
      }

      // behind a firewall it may still be able to come out
      await this.#ask(to, { kind: 'meet', peer: from, addresses: addressesOf(from) }, AbortSignal.any([signal, AbortSignal.timeout(MEET_MS)]), reply => {
        if (reply.kind !== 'done') {
          throw err
        }

        return false
      }).catch(() => { throw err })
      await this.#send(from, send, signal)
    }
  }

  async #send (from: string, request: RelayRequest, signal: AbortSignal): Promise<void> {
    await this.#ask(from, request, signal, reply => {
      if (reply.kind === 'failed') {
        throw new LinkError(reply.blame, reply.reason)
      }

      return reply.kind !== 'done'
    })
  }

  /** One task on a stream of its own; `take` says whether more is to come. */
  async #ask (worker: string, request: RelayRequest, signal: AbortSignal, take: (reply: RelayReply) => boolean): Promise<void> {
    const channel: Channel<RelayReply, RelayRequest> = await this.#components.node.openChannel(worker, relay, { signal })

    try {
      await channel.send(request, { signal })

      for (;;) {
        const reply = await channel.receive({ signal })

        if (reply == null) {
          throw new MeshmarkError('failed', 'it ended without a word')
        }

        if (!take(reply)) {
          break
        }
      }

      await channel.close()
    } catch (err) {
      channel.abort(toError(err))
      throw err
    }
  }
}

/** The one heard of last stands last. */
function notePace (all: Map<string, number>, worker: string, pace: number): void {
  all.delete(worker)
  all.set(worker, pace)

  const [oldest] = all.keys()

  if (all.size > MAX_PACES) {
    all.delete(oldest!)
  }
}

/** In a worker's own words. */
class LinkError extends MeshmarkError {
  constructor (readonly blame: Extract<RelayReply, { kind: 'failed' }>['blame'], reason: string) {
    super('failed', reason)
  }

  get own (): boolean {
    return this.blame === 'own'
  }
}
