import { toError } from '../../model/errors.ts'
import { mastersBeat, mastersFollow } from '../../node/protocol/masters/index.ts'
import { onAbort } from '../../node/wait.ts'
import { BEAT_MS, newElection } from './election/state.ts'
import { beatFor, isLie, livePeers, routeToCoordinator, stepElection } from './election/step.ts'
import { isSameClaim } from './election/claims.ts'
import { countBehind } from './follow.ts'
import { MasterDirectory } from './master-directory.ts'
import { MasterLink } from './master-link.ts'
import { meetTyped } from './meet.ts'
import { ProvenClaims } from './proven-claims.ts'
import { Replication } from './replication.ts'
import type { PrivateKey } from '@libp2p/interface'
import type { MeshNode, Peer } from '../../node/mesh-node.ts'
import type { Claim } from '../../node/protocol/register/messages.ts'
import type { Journal } from '../../store/journal.ts'
import type { ElectionEffect, ElectionEvent, ElectionState } from './election/state.ts'
import type { Position, Replica } from './replica/replica.ts'

const TICK_MS = 75
/** Before the first claim, whoever was typed is dialled once. */
const FIRST_DIAL_MS = 1_000
const TERM_KEY = 'term'

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

export interface MastersListener {
  /** This master is the coordinator from now on, under this claim. */
  onReign?: (claim: Claim) => void
  onStandDown?: () => void
  /** Another live claim is known, or none any more. */
  onCoordinator?: (claim: Claim | undefined) => void
}

type Event = ElectionEvent extends infer E ? E extends { nowMs: number } ? Omit<E, 'nowMs'> : never : never

/**
 * This master among the others: links to all that are known, the election of
 * the one that coordinates, and who has what of the facts.
 */
export class Masters {
  readonly #components: MastersComponents
  readonly #directory: MasterDirectory
  readonly #links = new Map<string, MasterLink>()
  readonly #listeners = new Set<MastersListener>()
  readonly #running = new Set<Promise<unknown>>()
  readonly #stop = new AbortController()
  readonly #undo: Array<() => void> = []
  readonly #claims: ProvenClaims
  readonly #replication: Replication
  #election: ElectionState
  /** Of this master, for the last term that it wrote down. */
  #own?: Claim
  /** The last term that was not believed. */
  #lie?: number
  #served = false
  #obstacle?: string

  constructor (components: MastersComponents) {
    const { node, identity, replica, log } = components

    this.#components = components
    this.#election = newElection(node.peerId, replica.origin, 0)
    this.#claims = new ProvenClaims({ identity, meshId: node.meshId!, isMaster: peer => this.#directory.knows(peer), log })
    this.#directory = new MasterDirectory({ node, replica, log, onKnown: peer => { this.#meet(peer) }, onRemoved: peer => { this.#forget(peer) } })
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
    const { node, replica, journal, peers = [], log } = this.#components
    const stored = await journal.get(TERM_KEY)
    const onPeer = ({ detail }: CustomEvent<Peer>): void => {
      if (detail.roles.has('master')) {
        this.#meet(detail.id)?.connectionChanged()
      }
    }
    const onGone = ({ detail }: CustomEvent<Peer>): void => { this.#links.get(detail.id)?.connectionChanged() }

    this.#election.term = Math.max(this.#election.term, stored == null ? 0 : Number(Buffer.from(stored).toString()))
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
    const ticks = setInterval(() => { this.#say({ kind: 'tick', random: Math.random() }) }, TICK_MS)

    this.#undo.push(() => { clearInterval(beats) }, () => { clearInterval(ticks) })
    this.#track(meetTyped({ node, addresses: peers, firstMs: FIRST_DIAL_MS, onceDialled: () => { this.#say({ kind: 'start' }) }, log, signal: this.#stop.signal }))
  }

  /** Idempotent. Its claim lapses by its silence. */
  async stop (): Promise<void> {
    this.#stop.abort(new Error('this master stops'))
    this.#undo.splice(0).forEach(undo => { undo() })
    await Promise.all([...this.#links.values()].map(async link => link.stop()))
    this.#links.clear()
    await Promise.all(this.#running)
  }

  listen (listener: MastersListener): void {
    this.#listeners.add(listener)
  }

  /** The live claim that is known here: of this master or of another. */
  get claim (): Claim | undefined {
    return this.#election.coordinator
  }

  /** Why it could not claim when it last tried; undefined when nothing keeps it from that. */
  get obstacle (): string | undefined {
    return this.#obstacle
  }

  get isCoordinator (): boolean {
    return this.#election.reign != null
  }

  coordinator (): { peerId: string, name: string } | undefined {
    return this.claim == null ? undefined : { peerId: this.claim.master, name: this.#directory.name(this.claim.master) }
  }

  /** Whom to ask on the way to the coordinator: itself, or another standby that is nearer to it. Undefined = there is none, or it is this master. */
  route (): string | undefined {
    return routeToCoordinator(this.#election)
  }

  /** Peer ids of the other masters with a link that works in both directions. */
  live (): string[] {
    return livePeers(this.#election)
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
      const heard = election.peers.get(peerId)
      const vector = link.follower.vector

      return {
        peerId,
        name: this.#directory.name(peerId),
        addresses: this.#directory.addresses(peerId),
        state: peerId === coordinator ? 'coordinator' : live.has(peerId) ? 'standby' : 'lost',
        term: heard?.term ?? 0,
        behind: vector == null ? undefined : countBehind(replica.vector(), vector),
        lastHeardMs: heard?.heardAtMs == null ? undefined : Math.max(0, Math.round(election.clockMs - heard.heardAtMs))
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
    // every worker says it with every word
    if (claim.term === this.claim?.term && claim.master === this.claim.master) {
      return
    }

    void this.#hearOf(claim, () => { this.#say({ kind: 'worker-claim', claim }) })
  }

  /** A worker has answered STALE, with this claim. Resolves with whether a master has made it. */
  async stale (highest: Claim): Promise<boolean> {
    return this.#hearOf(highest, () => { this.#say({ kind: 'stale', highest }) })
  }

  async #hearOf (claim: Claim, believe: () => void): Promise<boolean> {
    const holds = this.#claims.holds(claim)

    this.#track(holds.then(isMade => {
      if (isMade) {
        this.#tellLie(claim)
        believe()
      }
    }))

    return holds.catch(() => false)
  }

  /** Each number once: it comes with every word of that worker. */
  #tellLie ({ term }: Claim): void {
    if (isLie(this.#election, term) && this.#lie !== term) {
      this.#lie = term
      this.#components.log(`a worker claims to have seen term ${term}, and this is term ${this.#election.term}: not believed`)
    }
  }

  /** The claim that is live, as soon as there is one. Rejects with the signal's reason. */
  async whenCoordinator (signal?: AbortSignal): Promise<Claim> {
    signal?.throwIfAborted()

    if (this.claim != null) {
      return this.claim
    }

    const { promise, resolve, reject } = Promise.withResolvers<Claim>()
    const listener: MastersListener = {
      onCoordinator: claim => {
        if (claim != null) {
          resolve(claim)
        }
      }
    }
    const forget = [onAbort(signal, reject), onAbort(this.#stop.signal, reject)]

    this.listen(listener)

    try {
      return await promise
    } finally {
      this.#listeners.delete(listener)
      forget.forEach(stop => { stop() })
    }
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
      beat: () => beatFor(this.#election, peer, performance.now()),
      onBeat: beat => { this.#say({ kind: 'beat', peer, beat }) },
      onUnreachable: () => { this.#say({ kind: 'unreachable', peer }) },
      onTaken: () => { this.#wakeFollowers() },
      log
    })

    this.#links.set(peer, link)
    this.#say({ kind: 'peer-added', peer })
    link.start()

    return link
  }

  #forget (peer: string): void {
    const link = this.#links.get(peer)

    if (link != null) {
      this.#links.delete(peer)
      this.#say({ kind: 'peer-removed', peer })
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

  #say (event: Event): void {
    if (!this.#stop.signal.aborted) {
      this.#carryOut(stepElection(this.#election, { ...event, nowMs: performance.now() }))
    }
  }

  #carryOut (effects: ElectionEffect[]): void {
    for (const effect of effects) {
      switch (effect.kind) {
        case 'persist-term':
          this.#track(this.#persist(effect.term))
          break
        case 'reign':
          this.#tell(({ onReign }) => onReign?.({ ...effect.claim, proof: this.#own?.term === effect.claim.term ? this.#own.proof : undefined }))
          break
        case 'stand-down':
          this.#components.log('this master is a standby again')
          this.#tell(({ onStandDown }) => onStandDown?.())
          break
        case 'coordinator':
          this.#onCoordinator(effect.claim)
          break
        case 'beat':
          this.#beat(effect.to)
          break
        default:
          effect satisfies never
      }
    }
  }

  #onCoordinator (claim: Claim | undefined): void {
    // an effect before this one may have led to another claim already
    if (isSameClaim(claim, this.claim)) {
      const name = this.coordinator()?.name

      this.#components.log(claim == null ? 'no coordinator is known' : `${this.isCoordinator ? 'this master' : `master ${name}`} coordinates (term ${claim.term})`)
      this.#tell(({ onCoordinator }) => onCoordinator?.(claim))
    }
  }

  async #persist (term: number): Promise<void> {
    const { node, journal, log } = this.#components

    try {
      await journal.put(TERM_KEY, Buffer.from(String(term)), { durable: true })
      this.#own = await this.#claims.prove({ term, master: node.peerId })
      this.#obstacle = undefined
      this.#say({ kind: 'term-persisted', term })
    } catch (err) {
      const { message } = toError(err)

      // tried several times a second, and said once
      if (message !== this.#obstacle) {
        log(`this master cannot coordinate, its term could not be written: ${message}`)
      }

      this.#obstacle = message
      this.#say({ kind: 'term-failed', term })
    }
  }

  #tell (call: (listener: MastersListener) => void): void {
    for (const listener of [...this.#listeners]) {
      try {
        call(listener)
      } catch (err) {
        this.#components.log(`change of the coordinator: ${toError(err).stack}`)
      }
    }
  }

  #track (work: Promise<unknown>): void {
    const settled = work.catch(err => { this.#components.log(`masters: ${toError(err).message}`) }).finally(() => this.#running.delete(settled))

    this.#running.add(settled)
  }
}
