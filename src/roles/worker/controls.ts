import { setTimeout as delay } from 'node:timers/promises'
import { isMeshmarkError, MeshmarkError, toError } from '../../model/errors.ts'
import { linkToMaster, RENEW_CHECK_MS, renewWhenAgeing } from '../link.ts'
import { rememberMasters } from '../member.ts'
import { Control } from './control.ts'
import { mergeListed, presentMasters } from './known-masters.ts'
import { copyMembership, restoreMembership } from './membership-copy.ts'
import type { ControlComponents } from './control.ts'
import type { Deliveries } from './deliveries.ts'
import type { KnownMasters } from './known-masters.ts'
import type { Outbox } from './outbox.ts'
import type { FoundMesh } from '../find-mesh.ts'
import type { LinkOptions } from '../link.ts'
import type { FoundMaster } from '../../node/discovery.ts'
import type { Peer } from '../../node/mesh-node.ts'
import type { ListedMaster } from '../../node/protocol/register/messages.ts'

const SEEK_MS = { first: 200, most: 1_000, refused: 10_000 }

/** A master that has accepted a connection lets its fleet in one after the other. */
const ANSWER_MS = 60_000

/** Once a master was there, so long does a worker that starts try to be let in: it may be busy with many others. */
const BUSY_MS = 5 * 60 * 1000

export interface ControlsComponents extends Pick<ControlComponents, 'node' | 'info' | 'foundOut' | 'holds' | 'standing' | 'onDrain' | 'log'> {
  mesh: FoundMesh
  link: LinkOptions & { dir: string }
  outbox: Outbox
  deliveries: Deliveries
  onRegistered: (master: Peer, name: string) => void
}

/**
 * Keeps the worker registered with every master of the mesh, each by a loop of
 * its own. While it is registered with none, any master of the mesh will do:
 * whoever is found by an address, a membership or the local network knows the
 * others.
 */
export class Controls {
  readonly #components: ControlsComponents
  readonly #controls = new Map<string, Control>()
  readonly #stop = new AbortController()
  readonly #ending = new Set<Promise<void>>()
  readonly #onDiscovered = ({ detail }: CustomEvent<FoundMaster>): void => { this.#controls.get(detail.id)?.found(detail.addresses) }
  #known: KnownMasters = new Map()
  #saving: Promise<void> = Promise.resolve()
  #onAlone = (): void => {}
  #seeking?: Promise<void>
  #renewing?: NodeJS.Timeout

  constructor (components: ControlsComponents) {
    this.#components = components
  }

  /** Reads which masters there were, before anything is delivered. True when the worker has a membership. */
  async load (): Promise<boolean> {
    const { deliveries, outbox, link, mesh, node, log } = this.#components

    this.#known = mergeListed(this.#known, (await outbox.loadMasters()).filter(isListed))
    deliveries.setMasters(presentMasters(this.#known).map(({ peerId }) => peerId))

    return restoreMembership({ dir: link.dir, meshId: mesh.meshId, peerId: node.peerId, outbox, log })
  }

  /** Resolves at the first registration; rejects when the mesh refuses this worker, or unless `patient` when nobody answers. */
  async start (patient: boolean): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()

    this.#components.node.addEventListener('master:discovered', this.#onDiscovered)
    this.#renewing = setInterval(() => { void this.#renew() }, RENEW_CHECK_MS)
    this.#seeking = this.#seek(patient, resolve, reject)

    return promise
  }

  async stop (): Promise<void> {
    this.#stop.abort(new Error('the worker stops'))
    this.#onAlone()
    clearInterval(this.#renewing)
    this.#components.node.removeEventListener('master:discovered', this.#onDiscovered)
    await Promise.all([...this.#controls.values()].map(async control => control.stop()))
    await Promise.all([this.#seeking, ...this.#ending])
    await this.#saving
  }

  /** Says where the worker stands to every master, now. */
  report (): void {
    this.#controls.forEach(control => { control.report() })
  }

  get #registered (): Peer[] {
    return [...this.#controls.values()].flatMap(control => control.registered ?? [])
  }

  async #seek (patient: boolean, onFirst: () => void, onHopeless: (err: Error) => void): Promise<void> {
    const { node, mesh, link, log } = this.#components
    const { signal } = this.#stop
    let wait = SEEK_MS.first
    const beganMs = performance.now()
    let first = true
    let reached = false
    let said: string | undefined

    while (!signal.aborted) {
      const { promise: alone, resolve } = Promise.withResolvers<void>()
      this.#onAlone = resolve

      try {
        if (this.#registered.length === 0) {
          await this.#adopt(await linkToMaster(node, mesh, { ...link, answerMs: ANSWER_MS, onReached: () => { reached = true }, signal }))
        }

        onFirst()
        first = false
        said = undefined
        wait = SEEK_MS.first
        await (this.#registered.length > 0 ? alone : undefined)
      } catch (err) {
        if (signal.aborted) {
          break
        }

        const refused = isMeshmarkError(err) && (err.code === 'refused' || err.code === 'usage')

        if (this.#registered.length === 0) {
          const mayBeBusy = reached && performance.now() - beganMs < BUSY_MS

          if (first && (refused || !(patient || mayBeBusy))) {
            onHopeless(toError(err))
            break
          }

          // the same trouble is said once
          if (said !== toError(err).message) {
            said = toError(err).message
            log(`${said}; trying again`)
          }
        }

        wait = Math.min(wait * 1.5, refused ? SEEK_MS.refused : SEEK_MS.most)
      }

      // those that lost one master at one moment must not all come back at one moment
      await delay(wait * (0.5 + Math.random()), undefined, { signal }).catch(() => {})
    }
  }

  /** Resolves when the worker is registered with it. */
  async #adopt (peer: Peer): Promise<void> {
    const { peerId, name, addresses } = { peerId: peer.id, name: peer.name, addresses: [peer.reachedAt ?? [], peer.addresses].flat() }
    const known = this.#known.get(peerId)
    const control = this.#controls.get(peerId) ?? this.#open({ peerId, name, addresses: [...addresses, ...known?.addresses ?? []] })

    // the others may have been there all the time
    presentMasters(this.#known).forEach(master => { this.#controls.get(master.peerId) ?? this.#open(master) })
    control.update({ name, addresses: [...new Set([...addresses, ...known?.addresses ?? []])] })
    await control.next()

    if (!this.#controls.has(peerId)) {
      throw new MeshmarkError('unreachable', `${name} is no master of this mesh any more`)
    }
  }

  #open (master: Pick<ListedMaster, 'peerId' | 'name' | 'addresses'>): Control {
    const { node, mesh, info, foundOut, holds, standing, deliveries, onDrain, log } = this.#components
    const control = new Control({
      node,
      meshId: mesh.meshId,
      info,
      foundOut,
      holds,
      standing,
      onRegistered: (peer, name, masters) => { this.#onRegistered(peer, name, masters) },
      onLost: peerId => {
        deliveries.disconnected(peerId)

        if (this.#registered.length === 0) {
          this.#onAlone()
        }
      },
      onMissed: addresses => {
        // a master of this machine alone is not on the local network
        if (!addresses.every(address => /^\/ip4\/127\./.test(address))) {
          node.lookForMasters().catch(err => { log(`the local network cannot be asked for masters: ${toError(err).message}`) })
        }
      },
      onMasters: masters => { this.#learn(masters) },
      onDrain,
      log
    }, master)

    this.#controls.set(master.peerId, control)
    control.start()

    return control
  }

  #onRegistered (peer: Peer, name: string, masters: ListedMaster[]): void {
    const { node, link, mesh, outbox, deliveries, onRegistered, log } = this.#components

    // one that says nothing of masters, or not of itself, is one all the same
    this.#learn([...masters, ...(this.#known.has(peer.id) || masters.some(({ peerId }) => peerId === peer.id) ? [] : [{ peerId: peer.id, name: peer.name, addresses: peer.addresses, atMs: 0 }])])

    if (this.#controls.has(peer.id)) {
      deliveries.connected(peer.id)
      onRegistered(peer, name)
    }

    rememberMasters(link.dir, node.peerId, peer)
      .then(async () => copyMembership({ dir: link.dir, meshId: mesh.meshId, peerId: node.peerId, outbox, log }))
      .catch(err => { log(`where the masters are is not on disk: ${toError(err).message}`) })
  }

  /** What a master says of all of them. */
  #learn (heard: ListedMaster[]): void {
    const { deliveries, outbox, log } = this.#components
    const known = mergeListed(this.#known, heard)

    if (known !== this.#known) {
      this.#known = known
      this.#saving = this.#saving
        .then(async () => outbox.saveMasters([...known.values()]))
        .catch(err => { log(`which masters there are is not on disk: ${toError(err).message}`) })
    }

    const present = new Map(presentMasters(known).map(master => [master.peerId, master]))

    for (const [peerId, control] of this.#controls) {
      if (!present.has(peerId) && known.has(peerId)) {
        log(`master ${known.get(peerId)!.name} is no master of this mesh any more`)
        this.#controls.delete(peerId)
        this.#end(control)
      }
    }

    deliveries.setMasters([...present.keys()])

    for (const master of present.values()) {
      const control = this.#controls.get(master.peerId)

      if (control == null) {
        this.#open(master)
      } else {
        control.update(master)
      }
    }
  }

  #end (control: Control): void {
    const ending = control.stop().finally(() => { this.#ending.delete(ending) })

    this.#ending.add(ending)
  }

  async #renew (): Promise<void> {
    const { node, mesh, link, log } = this.#components

    for (const master of this.#registered) {
      try {
        await renewWhenAgeing(node, master, mesh.meshId, link)
        return
      } catch (err) {
        log(`membership not renewed by ${master.name}: ${toError(err).message}`)
      }
    }
  }
}

/** An earlier version, or a hand, may have written something else. */
function isListed (value: ListedMaster): boolean {
  return typeof value?.peerId === 'string' && typeof value.name === 'string' && typeof value.atMs === 'number' && Array.isArray(value.addresses)
}
