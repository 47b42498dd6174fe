import { toError } from '../../model/errors.ts'
import { mastersBeat, mastersFollow } from '../../node/protocol/masters/index.ts'
import { Election } from './election.ts'
import { BEAT_MS } from './election/state.ts'
import { countBehind } from './follow.ts'
import { MasterDirectory } from './master-directory.ts'
import { MasterLink } from './master-link.ts'
import { meetTyped } from './meet.ts'
import { ProvenCancels } from './proven-cancels.ts'
import { Replication } from './replication.ts'
import type { PrivateKey } from '@libp2p/interface'
import type { MeshNode, Peer } from '../../node/mesh-node.ts'
import type { Claim } from '../../node/protocol/register/messages.ts'
import type { Journal } from '../../store/journal.ts'
import type { ElectionListener } from './election.ts'
import type { Position, Replica } from './replica/replica.ts'

/** Before the first claim, whoever was typed is dialled once. */
const FIRST_DIAL_MS = 1_000

export interface MastersComponents {
  node: MeshNode
  identity: PrivateKey
  replica: Replica
  journal: Journal
  /** Addresses of other masters beside those that the facts name. @default [] */
  peers?: readonly string[]
  log: (line: string) => void
}

export interface MasterView {
  peerId: string
  name: string
  addresses: string[]
  state: 'coordinator' | 'standby' | 'lost'
  /** The highest that it has seen. */
  term: number
  /** Entries of our knowledge that it lacks; undefined = not known, since it does not follow us. */
  behind?: number
  /** Milliseconds since its last word; undefined = none yet. 0 for this master itself. */
  lastHeardMs?: number
}

/**
 * This master among the others: links to all that are known, the election of
 * the one that coordinates, and who has what of the facts.
 */
export class Masters {
  /** For workers, who keep it. */
  readonly cancels: ProvenCancels
  readonly #components: MastersComponents
  readonly #directory: MasterDirectory
  readonly #links = new Map<string, MasterLink>()
  readonly #running = new Set<Promise<unknown>>()
  readonly #stop = new AbortController()
  readonly #undo: Array<() => void> = []
  readonly #election: Election
  readonly #replication: Replication
  #served = false

  constructor (components: MastersComponents) {
    const { node, identity, replica, journal, log } = components

    this.#components = components
    this.#directory = new MasterDirectory({ node, replica, log, onKnown: peer => { this.#meet(peer) }, onRemoved: peer => { this.#forget(peer) } })
    this.cancels = new ProvenCancels({ identity, meshId: node.meshId!, master: node.peerId, isMaster: peer => this.#directory.knows(peer) })
    this.#election = new Election({ node, identity, replica, journal, directory: this.#directory, beat: to => { this.#beat(to) }, log })
    this.#replication = new Replication({
      node,
      replica,
      live: () => this.live(),
      known: () => this.#links.size,
      follower: peer => this.#links.get(peer)?.follower,
      name: peer => this.#directory.name(peer),
      log,
      signal: this.#stop.signal
    })
  }

  /** Answers other masters; before the node is started. */
  serve (): void {
    if (this.#served) {
      return
    }

    const { node } = this.#components

    this.#served = true
    node.handle(mastersBeat, async (channel, peer) => this.#meet(peer.id)?.hearBeats(channel))
    node.handle(mastersFollow, async (channel, peer) => this.#meet(peer.id)?.follower.serve(channel))
  }

  /** Once the node has started: meets the others, and takes part in the election. */
  async start (): Promise<void> {
    const { node, replica, peers = [], log } = this.#components
    const onPeer = ({ detail }: CustomEvent<Peer>): void => {
      if (detail.roles.has('master')) {
        this.#meet(detail.id)?.connectionChanged()
      }
    }
    const onGone = ({ detail }: CustomEvent<Peer>): void => { this.#links.get(detail.id)?.connectionChanged() }

    await this.#election.load()
    this.serve()
    node.addEventListener('peer', onPeer)
    node.addEventListener('peer:gone', onGone)
    this.#undo.push(
      () => { node.removeEventListener('peer', onPeer) },
      () => { node.removeEventListener('peer:gone', onGone) },
      replica.onChange(() => { this.#wakeFollowers() })
    )

    await this.#directory.load()
    this.#undo.push(() => { this.#directory.stop() })
    await this.#directory.announce()
    node.peers().filter(({ roles }) => roles.has('master')).forEach(({ id }) => { this.#meet(id) })

    const beats = setInterval(() => { this.#beat() }, BEAT_MS)

    this.#undo.push(() => { clearInterval(beats) })
    this.#election.start()
    this.#track(meetTyped({ node, addresses: peers, firstMs: FIRST_DIAL_MS, onceDialled: () => { this.#election.say({ kind: 'start' }) }, log, signal: this.#stop.signal }))
  }

  /** Idempotent. Its claim lapses by its silence. */
  async stop (): Promise<void> {
    const ended = this.#election.stop()

    this.#stop.abort(new Error('this master stops'))
    this.#undo.splice(0).forEach(undo => { undo() })
    await Promise.all([...this.#links.values()].map(async link => link.stop()))
    this.#links.clear()
    await Promise.all([ended, ...this.#running])
  }

  listen (listener: ElectionListener): void {
    this.#election.listen(listener)
  }

  /** The live claim that is known here: of this master or of another. */
  get claim (): Claim | undefined {
    return this.#election.claim
  }

  /** Why it could not claim when it last tried; undefined when nothing keeps it from that. */
  get obstacle (): string | undefined {
    return this.#election.obstacle
  }

  get isCoordinator (): boolean {
    return this.#election.isCoordinator
  }

  coordinator (): { peerId: string, name: string } | undefined {
    return this.#election.coordinator()
  }

  /** Whom to ask on the way to the coordinator: itself, or another standby that is nearer to it. Undefined = there is none, or it is this master. */
  route (): string | undefined {
    return this.#election.route()
  }

  /** Peer ids of the other masters with a link that works in both directions. */
  live (): string[] {
    return this.#election.live()
  }

  /** Every master of the mesh that is known, this one first. */
  views (): MasterView[] {
    const election = this.#election
    const coordinator = this.claim?.master
    const live = new Set(this.live())
    const { node, replica } = this.#components
    const own: MasterView = {
      peerId: node.peerId,
      name: node.name,
      addresses: node.addresses(),
      state: this.isCoordinator ? 'coordinator' : 'standby',
      term: election.term,
      behind: 0,
      lastHeardMs: 0
    }

    return [own, ...[...this.#links].map(([peerId, link]): MasterView => {
      const { term, agoMs } = election.heardOf(peerId)
      const vector = link.follower.vector

      return {
        peerId,
        name: this.#directory.name(peerId),
        addresses: this.#directory.addresses(peerId),
        state: peerId === coordinator ? 'coordinator' : live.has(peerId) ? 'standby' : 'lost',
        term,
        behind: vector == null ? undefined : countBehind(replica.vector(), vector),
        lastHeardMs: agoMs
      }
    })]
  }

  /** Where masters of this mesh are: this one first, then those that are there at the moment. */
  addresses (): string[] {
    const live = new Set(this.live())
    const others = [...this.#links.keys()].sort((a, b) => Number(live.has(b)) - Number(live.has(a)))

    return [...new Set([...this.#components.node.addresses(), ...others.flatMap(peer => this.#directory.addresses(peer))])]
  }

  /**
   * Names of the masters that have it on disk, this one first. Waits for those
   * that are live; whoever makes no progress for half a second is left out.
   */
  async replicated (position: Position, { signal }: { signal?: AbortSignal } = {}): Promise<{ on: string[], leftOut: string[] }> {
    return this.#replication.replicated(position, signal)
  }

  /** Resolves when all that the live masters had on disk at this moment is on the disk here. */
  async catchUp (): Promise<void> {
    await this.#replication.catchUp()
  }

  /** A worker has seen this claim; it counts when its master has signed it. */
  heardClaim (claim: Claim): void {
    this.#election.heardClaim(claim)
  }

  /** A worker has answered STALE, with this claim. Resolves with whether a master has made it. */
  async stale (highest: Claim): Promise<boolean> {
    return this.#election.stale(highest)
  }

  /** The claim that is live, as soon as there is one. Rejects with the signal's reason. */
  async whenCoordinator (signal?: AbortSignal): Promise<Claim> {
    return this.#election.whenCoordinator(signal)
  }

  /** The link to a master of this mesh; undefined when it was removed from it, or this master stops. */
  #meet (peer: string): MasterLink | undefined {
    const { node, replica, log } = this.#components

    if (peer === node.peerId || this.#directory.isRemoved(peer) || this.#stop.signal.aborted) {
      return undefined
    }

    const known = this.#links.get(peer)

    if (known != null) {
      return known
    }

    const link = new MasterLink({
      node,
      replica,
      peer,
      addresses: () => this.#directory.addresses(peer),
      beat: () => this.#election.beatFor(peer),
      onBeat: beat => { this.#election.say({ kind: 'beat', peer, beat }) },
      onUnreachable: () => { this.#election.say({ kind: 'unreachable', peer }) },
      onTaken: () => { this.#wakeFollowers() },
      log
    })

    this.#links.set(peer, link)
    this.#election.say({ kind: 'peer-added', peer })
    link.start()

    return link
  }

  #forget (peer: string): void {
    const link = this.#links.get(peer)

    if (link != null) {
      this.#links.delete(peer)
      this.#election.say({ kind: 'peer-removed', peer })
      this.#track(link.stop())
    }
  }

  #wakeFollowers (): void {
    for (const { follower } of this.#links.values()) {
      follower.wake()
    }
  }

  #beat (to?: string): void {
    for (const link of to == null ? this.#links.values() : [this.#links.get(to)]) {
      link?.sendBeat()
    }
  }

  #track (work: Promise<unknown>): void {
    const settled = work.catch(err => { this.#components.log(`masters: ${toError(err).message}`) }).finally(() => this.#running.delete(settled))

    this.#running.add(settled)
  }
}
