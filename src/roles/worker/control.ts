import { isMeshmarkError, MeshmarkError, toError } from '../../model/errors.ts'
import { WORKER_REPORT_MS } from '../../model/states.ts'
import { LatestSender } from '../../node/latest.ts'
import { register } from '../../node/protocol/register/index.ts'
import type { DrainWord } from './drain-word.ts'
import type { WorkerInfo } from '../../model/machine.ts'
import type { WorkerState } from '../../model/states.ts'
import type { MeshId } from '../../node/membership.ts'
import type { MeshNode, Peer } from '../../node/mesh-node.ts'
import type { Channel } from '../../node/protocol/protocol.ts'
import type { Claim, Held, ListedMaster, MasterMessage, WorkerMessage } from '../../node/protocol/register/messages.ts'

/** Back within a second of a master's return, without hammering one that is away or does not want us. */
const RETRY_MS = { first: 200, most: 1_000, refused: 10_000 }

/**
 * A packet that was lost is sent again after 1, 2, 4 s …: a fresh dial is sooner.
 * Now and then a slow network gets the time that it needs.
 */
const ATTEMPT_MS = { short: 2_000, long: 10_000, longEvery: 4 }

/**
 * A master that has accepted the connection lets its fleet in one after the
 * other: whoever gives up has to queue again, and is more patient then.
 */
const ANSWER_MS = { first: 10_000, most: 30_000 }

/** After so many failures the master may have moved. */
const MOVED_AFTER = 3

export interface Standing {
  state: WorkerState
  execution?: string
  /** All that run. */
  executions?: string[]
  detail?: string
  sinceMs: number
  highest?: Claim
}

export interface ControlComponents {
  node: MeshNode
  meshId: MeshId
  info: () => WorkerInfo
  /** What of that is found out only in time. */
  foundOut: () => Pick<WorkerInfo, 'floor' | 'tools' | 'noise'>
  holds: () => Promise<Held[]>
  standing: () => Standing
  onRegistered: (master: Peer, name: string, masters: ListedMaster[]) => void
  /** The registration has ended. */
  onLost: (master: string) => void
  /** It is at none of its addresses. */
  onMissed: (addresses: readonly string[]) => void
  onMasters: (masters: ListedMaster[]) => void
  onDrain: (word: DrainWord) => void
  log: (line: string) => void
}

/** Keeps the worker registered with one master, for ever: connect, register, report, and again. */
export class Control {
  readonly #components: ControlComponents
  readonly #master: string
  readonly #stop = new AbortController()
  readonly #waiting = new Set<PromiseWithResolvers<void>>()
  #name: string
  #addresses: readonly string[]
  /** Where the local network says that it is, until that was tried. */
  #found: readonly string[] = []
  #peer?: Peer
  #attempt?: AbortController
  #wake = (): void => {}
  #channel?: Channel<MasterMessage, WorkerMessage>
  #sender?: LatestSender<WorkerMessage>
  #running?: Promise<void>
  #failures = 0
  /** What the registration said of them. */
  #toldTools: WorkerInfo['tools']

  constructor (components: ControlComponents, { peerId, name, addresses }: Pick<ListedMaster, 'peerId' | 'name' | 'addresses'>) {
    this.#components = components
    this.#master = peerId
    this.#name = name
    this.#addresses = addresses
  }

  /** The master, while the worker is registered with it. */
  get registered (): Peer | undefined {
    return this.#peer
  }

  start (): void {
    this.#running ??= this.#run()
  }

  async stop (): Promise<void> {
    this.#stop.abort(new Error('the worker stops'))
    this.#attempt?.abort(this.#stop.signal.reason)
    this.#wake()
    await this.#channel?.close().catch(() => {})
    await this.#running
  }

  /** Where it says that it is. */
  update ({ name, addresses }: Pick<ListedMaster, 'name' | 'addresses'>): void {
    const isNew = addresses.some(address => !this.#addresses.includes(address))

    this.#name = name
    this.#addresses = addresses

    if (isNew) {
      this.retry()
    }
  }

  /** Where the local network says that it is. */
  found (addresses: readonly string[]): void {
    if (this.#peer == null) {
      this.#found = addresses
      this.retry()
    }
  }

  /** Tries again at once, unless it is trying. */
  retry (): void {
    this.#wake()
  }

  /** Resolves when it is registered, rejects when the next attempt has failed. */
  async next (): Promise<void> {
    if (this.#peer == null) {
      const waiting = Promise.withResolvers<void>()

      this.#waiting.add(waiting)
      this.retry()
      await waiting.promise
    }
  }

  /** Says where the worker stands, now. */
  report (): void {
    const { standing, foundOut } = this.#components
    const { floor, tools, noise } = foundOut()

    this.#sender?.say('state', { kind: 'state', ...standing(), floor, noise, ...(tools === this.#toldTools ? {} : { tools }) })
  }

  async #run (): Promise<void> {
    const { signal } = this.#stop
    let wait = RETRY_MS.first
    let said: string | undefined

    while (!signal.aborted) {
      const { promise: woken, resolve } = Promise.withResolvers<void>()
      this.#wake = resolve

      try {
        await this.#serve(() => {
          wait = RETRY_MS.first
          said = undefined
        })
      } catch (err) {
        if (signal.aborted) {
          break
        }

        const error = toError(err)

        const isRefusal = isMeshmarkError(err) && err.code === 'refused'

        // an absence is said once, and so is a refusal
        if (said == null || (isRefusal && said !== error.message)) {
          said = error.message
          this.#components.log(`master ${this.#name}: ${said}; trying again`)
        }

        wait = Math.min(wait * 1.5, isRefusal ? RETRY_MS.refused : RETRY_MS.most)
        this.#failed(error)
      }

      const timer = setTimeout(resolve, jittered(wait))
      await woken
      clearTimeout(timer)
    }

    this.#settle(new Error('the worker stops'))
  }

  async #serve (onRegistered: () => void): Promise<void> {
    const { node, onLost, onMasters, onDrain } = this.#components
    const { signal } = this.#stop
    const { peer, channel, answer } = await this.#register()

    // nothing is waited for between the answer and this: a word to all masters must not miss this one
    this.#peer = peer
    this.#channel = channel
    this.#sender = new LatestSender(channel)
    this.#failures = 0
    this.#found = []
    onRegistered()
    this.report()
    const timer = everySoOften(() => { this.report() }, WORKER_REPORT_MS)

    try {
      this.#components.onRegistered(peer, answer.name, answer.masters ?? [])
      this.#settle()

      for (let message = await channel.receive({ signal }); message != null; message = await channel.receive({ signal })) {
        if (message.kind === 'drain') {
          onDrain({ drain: message.drain, atMs: message.atMs ?? Math.round(node.meshTime()), by: message.by ?? this.#master })
        } else if (message.kind === 'masters') {
          onMasters(message.masters)
        }
      }

      throw new MeshmarkError('unreachable', 'it has gone away')
    } catch (err) {
      channel.abort(toError(err))
      throw err
    } finally {
      timer.stop()
      this.#peer = undefined
      this.#channel = undefined
      this.#sender = undefined
      onLost(this.#master)
    }
  }

  async #register (): Promise<{ peer: Peer, channel: Channel<MasterMessage, WorkerMessage>, answer: Extract<MasterMessage, { kind: 'registered' }> }> {
    const { node, meshId, info, holds, standing } = this.#components
    const attempt = this.#attempt = new AbortController()
    const ms = (this.#failures + 1) % ATTEMPT_MS.longEvery === 0 ? ATTEMPT_MS.long : ATTEMPT_MS.short
    const giveUp = (): void => { attempt.abort(new MeshmarkError('unreachable', 'no answer')) }
    const answerMs = Math.min(ANSWER_MS.first * 2 ** this.#failures, ANSWER_MS.most)
    let timer = setTimeout(giveUp, ms)
    const { signal } = attempt
    const onReached = (): void => {
      clearTimeout(timer)
      timer = setTimeout(giveUp, answerMs)
    }

    try {
      const peer = await node.connect(this.#dialable(), { expectMesh: meshId, answerMs, onReached, signal })
      const channel = await node.openChannel(peer.id, register, { signal })

      try {
        const own = info()

        this.#toldTools = own.tools
        await channel.send({ kind: 'register', info: own, highest: standing().highest, holds: await holds() }, { signal })
        const answer = await channel.receive({ signal })

        if (answer?.kind !== 'registered') {
          throw new MeshmarkError(answer?.kind === 'refused' ? 'refused' : 'failed', answer?.kind === 'refused' ? `the registration was refused: ${answer.reason}` : 'the registration was not answered')
        }

        return { peer, channel, answer }
      } catch (err) {
        channel.abort(toError(err))
        throw err
      }
    } finally {
      clearTimeout(timer)
      this.#attempt = undefined
    }
  }

  /** Addresses that prove who answers. */
  #dialable (): string[] {
    const suffix = `/p2p/${this.#master}`
    const addresses = [...this.#found, ...this.#addresses].map(address => address.replace(/\/p2p\/[^/]+$/, '') + suffix)

    return [...new Set(addresses)]
  }

  #failed (error: Error): void {
    if (++this.#failures >= MOVED_AFTER) {
      this.#components.onMissed(this.#addresses)
    }

    this.#settle(error)
  }

  #settle (error?: Error): void {
    for (const waiting of this.#waiting) {
      if (error == null) {
        waiting.resolve()
      } else {
        waiting.reject(error)
      }
    }

    this.#waiting.clear()
  }
}

/** Those that lost one master at one moment must not all come back at one moment. */
function jittered (ms: number): number {
  return ms * (0.5 + Math.random())
}

/** At least so often; a fleet that registered at one moment spreads over the time between two words. */
function everySoOften (say: () => void, ms: number): { stop: () => void } {
  let timer: NodeJS.Timeout | undefined
  const again = (): void => {
    timer = setTimeout(() => {
      say()
      again()
    }, ms * (0.8 + 0.2 * Math.random()))
  }

  again()

  return { stop: () => { clearTimeout(timer) } }
}
