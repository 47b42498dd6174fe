import { isMeshmarkError, MeshmarkError, toError } from '../../model/errors.ts'
import { seal } from '../../node/membership.ts'
import { sendPayload } from '../../node/payload/send.ts'
import { mastersAsk } from '../../node/protocol/masters/index.ts'
import { encodeTicket } from '../../node/protocol/sealed/index.ts'
import { request } from '../../node/request.ts'
import { withDeadline } from '../../node/wait.ts'
import { TICKET_DOMAIN } from '../ticket.ts'
import { Distribution } from './distribution/distribution.ts'
import type { DeliverOptions, DistributionComponents } from './distribution/distribution.ts'
import type { Masters } from './masters.ts'
import type { Uploads } from './uploads.ts'
import { payloadSize } from '../../model/payload.ts'
import type { PayloadManifest } from '../../model/payload.ts'
import type { MeshNode } from '../../node/mesh-node.ts'
import type { AskReply } from '../../node/protocol/masters/messages.ts'
import type { ContentStore } from '../../store/content.ts'
import type { PrivateKey } from '@libp2p/interface'

/** A ticket outlives the transfer it is for by far. */
const TICKET_MS = 60 * 60 * 1000

/** A standby that takes nothing for this long is not waited for. */
const NO_PROGRESS_MS = 500

/** A transfer from another master ends by itself when nothing comes any more; this is for one that never begins. */
const FETCH_MS = 10 * 60 * 1000

/** To have others pass this on would cost the coordinator as much as to send it. */
const SMALL_BYTES = 64 * 1024

/** Payloads of which it is known which workers have had them from here; beyond, the idle ones are forgotten. */
const MAX_DISTRIBUTIONS = 64

export interface PayloadsComponents {
  node: MeshNode
  identity: PrivateKey
  content: ContentStore
  uploads: Uploads
  masters: Pick<Masters, 'live' | 'views'>
  workers: Pick<DistributionComponents, 'worker' | 'holders'>
  log: (line: string) => void
}

/** `nowhere`: all masters that there are have said that they lack it; `out of reach`: one may have it that could not be asked. */
export type Whereabouts = 'here' | 'nowhere' | 'out of reach'

/** Payloads on their way out, each with this master's ticket: to workers, and to and from other masters. */
export class Payloads {
  readonly #components: PayloadsComponents
  readonly #fetches = new Map<string, Promise<Whereabouts>>()
  /** By payload, the one used last at the end. */
  readonly #distributions = new Map<string, Distribution>()
  readonly #pace = new Map<string, number>()
  readonly #stop = new AbortController()

  constructor (components: PayloadsComponents) {
    this.#components = components
  }

  stop (): void {
    this.#stop.abort(new Error('the master stops'))
  }

  /** To a worker: from here, or from others that have it. */
  async send (to: string, id: string, options: DeliverOptions = {}): Promise<void> {
    const source = await this.#components.content.open(id)

    await source.close()

    if (payloadSize(source.manifest) <= SMALL_BYTES) {
      await this.#sendItself(to, id, options)
    } else {
      await this.#distributionOf(source.manifest).deliver(to, options)
    }
  }

  /** True when it is here, or could be had from one of these masters or another live one. */
  async ensure (id: string, from: string[] = []): Promise<boolean> {
    return await this.find(id, from) === 'here'
  }

  /** As `ensure`, and says what is known of it otherwise. */
  async find (id: string, from: string[] = []): Promise<Whereabouts> {
    if (await this.#components.content.has(id)) {
      return 'here'
    }

    const fetching = this.#fetches.get(id) ?? this.#fetch(id, from).finally(() => { this.#fetches.delete(id) })
    this.#fetches.set(id, fetching)

    return fetching
  }

  /** To all live masters, at the pace of the slowest that makes progress. */
  async replicate (manifest: PayloadManifest): Promise<{ on: string[], leftOut: string[] }> {
    const { masters, node } = this.#components
    const name = (id: string): string => node.peer(id)?.name ?? id.slice(-8)
    const outcomes = await Promise.all(masters.live().map(async id => ({ name: name(id), arrived: await this.#giveTo(id, manifest) })))

    return {
      on: [node.name, ...outcomes.flatMap(({ name, arrived }) => arrived ? [name] : [])],
      leftOut: outcomes.flatMap(({ name, arrived }) => arrived ? [] : [name])
    }
  }

  /** What another master that lacks it is answered; it is on its way then. */
  async answer (id: string, to: string): Promise<AskReply> {
    try {
      // what is damaged is not promised
      await (await this.#components.content.open(id)).close()
    } catch {
      return { kind: 'none' }
    }

    this.#sendItself(to, id, { signal: this.#stop.signal }).catch(err => { this.#tell(to, err) })

    return { kind: 'sending' }
  }

  async #sendItself (to: string, id: string, { signal, onProgress }: DeliverOptions): Promise<void> {
    const { node, content } = this.#components
    const ticket = await this.#ticket(id, node.peerId, to)
    const source = await content.open(id)

    try {
      await sendPayload(node, to, { manifest: source.manifest, ticket, readChunk: async index => source.readChunk(index), onProgress, signal })
    } finally {
      await source.close()
    }
  }

  async #ticket (payload: string, sender: string, receiver: string): Promise<Uint8Array> {
    return seal(this.#components.identity, TICKET_DOMAIN, encodeTicket({ payload, sender, receiver, expiresMs: Date.now() + TICKET_MS }))
  }

  #distributionOf (manifest: PayloadManifest): Distribution {
    const { node, content, workers, log } = this.#components
    const distribution = this.#distributions.get(manifest.id) ?? new Distribution(manifest, {
      node,
      content,
      ticket: async (...transfer) => this.#ticket(...transfer),
      ...workers,
      pace: this.#pace,
      log
    })

    this.#distributions.delete(manifest.id)
    this.#distributions.set(manifest.id, distribution)

    for (const [id, { isIdle }] of this.#distributions) {
      if (this.#distributions.size > MAX_DISTRIBUTIONS && isIdle && id !== manifest.id) {
        this.#distributions.delete(id)
      }
    }

    return distribution
  }

  async #giveTo (id: string, manifest: PayloadManifest): Promise<boolean> {
    const stop = new AbortController()
    const giveUp = (): void => { stop.abort(new MeshmarkError('failed', `no progress for ${NO_PROGRESS_MS} ms`)) }
    let timer = setTimeout(giveUp, NO_PROGRESS_MS)

    try {
      await this.#sendItself(id, manifest.id, {
        signal: stop.signal,
        onProgress: () => {
          clearTimeout(timer)
          timer = setTimeout(giveUp, NO_PROGRESS_MS)
        }
      })

      return true
    } catch (err) {
      this.#tell(id, err)

      return false
    } finally {
      clearTimeout(timer)
    }
  }

  async #fetch (id: string, from: string[]): Promise<Whereabouts> {
    const { node, masters, content, uploads } = this.#components
    const asked = new Set([...from, ...masters.live()])
    let isNowhere = masters.views().every(({ peerId }) => peerId === node.peerId || asked.has(peerId))

    for (const master of asked) {
      const arrived = withDeadline(FETCH_MS, [this.#stop.signal], async signal => uploads.ended(id, signal))
      // another one may be asked before this one is heard of
      arrived.catch(() => {})

      try {
        const answer = await request(node, master, mastersAsk, { kind: 'want-payload', payload: id }, { signal: this.#stop.signal })

        isNowhere &&= answer.kind === 'none'

        if (answer.kind === 'sending') {
          await arrived
        }
      } catch (err) {
        isNowhere = false
        this.#tell(master, err)
      }

      if (await content.has(id)) {
        return 'here'
      }
    }

    return isNowhere ? 'nowhere' : 'out of reach'
  }

  #tell (master: string, err: unknown): void {
    const { node, log } = this.#components

    if (!this.#stop.signal.aborted && (!isMeshmarkError(err) || err.code !== 'unreachable')) {
      log(`payload, master ${node.peer(master)?.name ?? master.slice(-8)}: ${toError(err).message}`)
    }
  }
}
