import { setTimeout as delay } from 'node:timers/promises'
import { MeshmarkError } from '../../model/errors.ts'
import { parseExecutionId } from '../../model/ids.ts'
import { LatestSender } from '../../node/latest.ts'
import { register } from '../../node/protocol/register/index.ts'
import { takeToken } from '../../node/rate.ts'
import { ListedMasters } from './listed-masters.ts'
import type { Coordinator } from './coordinator.ts'
import type { DrainRecord, Drains } from './drains.ts'
import type { Masters } from './masters.ts'
import type { Replica } from './replica/replica.ts'
import type { MeshNode, Peer } from '../../node/mesh-node.ts'
import type { Rate } from '../../node/rate.ts'
import type { Channel } from '../../node/protocol/protocol.ts'
import type { MasterMessage, WorkerMessage } from '../../node/protocol/register/messages.ts'

export interface RegistryComponents {
  node: MeshNode
  replica: Replica
  drains: Pick<Drains, 'isDraining' | 'recordOf'>
  coordinator: Coordinator
  masters: Pick<Masters, 'claim' | 'heardClaim'>
  log: (line: string) => void
}

/** What a worker says of itself; one that says more is heard at this pace, and has to wait. An honest one says its last word every ten milliseconds at most. */
const WORDS: Rate = { perSecond: 100, burst: 200 }

interface Stream {
  channel: Channel<WorkerMessage, MasterMessage>
  /** For what is said besides the answer to the registration: a worker that does not read holds up nothing here. */
  sender: LatestSender<MasterMessage>
}

/**
 * The workers' control streams: registration, their word on every change, and
 * what the master tells them. A worker that registers anew replaces its older
 * stream.
 * They hear of all masters, and of every change among these.
 */
export class Registry {
  readonly #components: RegistryComponents
  readonly #streams = new Map<string, Stream>()
  readonly #listed: ListedMasters

  constructor (components: RegistryComponents) {
    this.#components = components
    this.#listed = new ListedMasters({ replica: components.replica, onChange: () => { this.#tellMasters() } })
  }

  async start (): Promise<void> {
    await this.#listed.load()
    this.#components.node.handle(register, async (channel, peer) => this.#serve(channel, peer))
  }

  async stop (): Promise<void> {
    await Promise.all([...this.#streams.values()].map(async ({ channel }) => channel.close().catch(() => {})))
  }

  /** Told to the worker where it is connected, and in force here. */
  drain (worker: string, record: DrainRecord): void {
    this.#components.coordinator.dispatch({ kind: 'drain', worker, drain: record.drain, nowMs: Date.now() })
    this.#streams.get(worker)?.sender.say('drain', drainMessage(record))
  }

  async #serve (channel: Channel<WorkerMessage, MasterMessage>, peer: Peer): Promise<void> {
    const { coordinator, drains, masters, log } = this.#components
    const first = await channel.receive()

    if (first?.kind !== 'register') {
      await channel.send({ kind: 'refused', reason: 'a control stream begins with the registration' })
      return
    }

    if (first.info.peerId !== peer.id) {
      await channel.send({ kind: 'refused', reason: 'the registration names another worker' })
      return
    }

    const info = { ...first.info, name: peer.name }
    const previous = this.#streams.get(peer.id)

    this.#streams.set(peer.id, { channel, sender: new LatestSender(channel) })
    previous?.channel.abort(new MeshmarkError('unreachable', 'replaced by a newer registration'))

    try {
      this.#heed(first)

      await channel.send({ kind: 'registered', name: info.name, claim: masters.claim, meshTimeMs: Date.now(), masters: this.#listed.all() })

      const drain = drains.recordOf(peer.id)

      if (drain != null) {
        await channel.send(drainMessage(drain))
      }

      // what runs there may be of a job that counts as over
      for (const job of new Set(first.holds.filter(({ state }) => state === 'running').map(({ execution }) => parseExecutionId(execution).job))) {
        await coordinator.recall(job)
      }

      // it may have registered anew meanwhile
      if (this.#streams.get(peer.id)?.channel !== channel) {
        return
      }

      coordinator.dispatch({ kind: 'worker-registered', info, holds: first.holds, draining: drains.isDraining(peer.id), nowMs: Date.now() })
      log(`worker ${info.name} joined${info.refusal != null ? `, but takes no work: ${info.refusal}` : ''}`)

      let pace = { allowed: true, tat: 0, waitMs: 0 }

      for (let message = await channel.receive(); message != null; message = await channel.receive()) {
        pace = takeToken(pace.tat, performance.now(), WORDS)

        while (!pace.allowed) {
          await delay(pace.waitMs)
          pace = takeToken(pace.tat, performance.now(), WORDS)
        }

        this.#heed(message)

        if (message.kind === 'state') {
          coordinator.dispatch({ ...message, kind: 'worker-state', worker: peer.id, nowMs: Date.now() })
        }
      }
    } finally {
      if (this.#streams.get(peer.id)?.channel === channel) {
        this.#streams.delete(peer.id)
        coordinator.dispatch({ kind: 'worker-gone', worker: peer.id, nowMs: Date.now() })
        log(`worker ${info.name} is gone`)
      }
    }
  }

  #tellMasters (): void {
    const message: MasterMessage = { kind: 'masters', masters: this.#listed.all() }

    this.#streams.forEach(({ sender }) => { sender.say('masters', message) })
  }

  /** Workers pass the highest claim on, so masters that share a worker settle on one. */
  #heed ({ highest }: WorkerMessage): void {
    if (highest != null) {
      this.#components.masters.heardClaim(highest)
    }
  }
}

function drainMessage ({ drain, atMs, by }: DrainRecord): MasterMessage {
  return { kind: 'drain', drain, atMs, ...(by === '' ? {} : { by }) }
}
