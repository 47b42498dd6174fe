import { toError } from '../../model/errors.ts'
import { onAbort } from '../../node/wait.ts'
import { ProvenClaims } from './proven-claims.ts'
import { isSameClaim } from './election/claims.ts'
import { newElection } from './election/state.ts'
import { beatFor, isLie, livePeers, routeToCoordinator, stepElection } from './election/step.ts'
import type { ElectionEffect, ElectionEvent, ElectionState } from './election/state.ts'
import type { MasterDirectory } from './master-directory.ts'
import type { Replica } from './replica/replica.ts'
import type { MeshNode } from '../../node/mesh-node.ts'
import type { Beat } from '../../node/protocol/masters/messages.ts'
import type { Claim } from '../../node/protocol/register/messages.ts'
import type { Journal } from '../../store/journal.ts'
import type { PrivateKey } from '@libp2p/interface'

const TICK_MS = 75
const TERM_KEY = 'term'

export interface ElectionComponents {
  node: MeshNode
  identity: PrivateKey
  replica: Pick<Replica, 'origin'>
  /** Keeps the term. */
  journal: Journal
  directory: MasterDirectory
  /** Sends heartbeats now, to one or to all. */
  beat: (to?: string) => void
  log: (line: string) => void
}

export interface ElectionListener {
  /** This master is the coordinator from now on, under this claim. */
  onReign?: (claim: Claim) => void
  onStandDown?: () => void
  /** Another live claim is known, or none any more. */
  onCoordinator?: (claim: Claim | undefined) => void
}

type Event = ElectionEvent extends infer E ? E extends { nowMs: number } ? Omit<E, 'nowMs'> : never : never

/** The shell around the election: its clock, the disk that keeps the term, signed claims, and whoever wants to know how it ends. */
export class Election {
  readonly #components: ElectionComponents
  readonly #state: ElectionState
  readonly #claims: ProvenClaims
  readonly #listeners = new Set<ElectionListener>()
  readonly #running = new Set<Promise<unknown>>()
  readonly #stop = new AbortController()
  #ticks?: NodeJS.Timeout
  /** Of this master, for the last term that it wrote down. */
  #own?: Claim
  /** The last term that was not believed. */
  #lie?: number
  #obstacle?: string

  constructor (components: ElectionComponents) {
    const { node, identity, replica, directory, log } = components

    this.#components = components
    this.#state = newElection(node.peerId, replica.origin, 0)
    this.#claims = new ProvenClaims({ identity, meshId: node.meshId!, isMaster: peer => directory.knows(peer), log })
  }

  /** Goes on with the term of earlier days; before `start`. */
  async load (): Promise<void> {
    const stored = await this.#components.journal.get(TERM_KEY)

    this.#state.term = Math.max(this.#state.term, stored == null ? 0 : Number(Buffer.from(stored).toString()))
  }

  /** Its clock runs; it takes part once it is told `start`. */
  start (): void {
    this.#ticks = setInterval(() => { this.say({ kind: 'tick', random: Math.random() }) }, TICK_MS)
  }

  /** Idempotent. Nothing that is said counts any more, and a claim of its own lapses by its silence. */
  async stop (): Promise<void> {
    this.#stop.abort(new Error('this master stops'))
    clearInterval(this.#ticks)
    await Promise.all(this.#running)
  }

  listen (listener: ElectionListener): void {
    this.#listeners.add(listener)
  }

  /** The live claim that is known here: of this master or of another. */
  get claim (): Claim | undefined {
    return this.#state.coordinator
  }

  /** Why it could not claim when it last tried; undefined when nothing keeps it from that. */
  get obstacle (): string | undefined {
    return this.#obstacle
  }

  get isCoordinator (): boolean {
    return this.#state.reign != null
  }

  coordinator (): { peerId: string, name: string } | undefined {
    return this.claim == null ? undefined : { peerId: this.claim.master, name: this.#components.directory.name(this.claim.master) }
  }

  /** Whom to ask on the way to the coordinator: itself, or another standby that is nearer to it. Undefined = there is none, or it is this master. */
  route (): string | undefined {
    return routeToCoordinator(this.#state)
  }

  /** Peer ids of the other masters with a link that works in both directions. */
  live (): string[] {
    return livePeers(this.#state)
  }

  /** The highest term that was seen anywhere. */
  get term (): number {
    return this.#state.term
  }

  /** What another master was heard to say last; absent = nothing yet. */
  heardOf (peer: string): { term: number, agoMs?: number } {
    const { term = 0, heardAtMs } = this.#state.peers.get(peer) ?? {}

    return { term, agoMs: heardAtMs == null ? undefined : Math.max(0, Math.round(this.#state.clockMs - heardAtMs)) }
  }

  /** The heartbeat for another master, stamped; undefined = it is not known. */
  beatFor (peer: string): Beat | undefined {
    return beatFor(this.#state, peer, performance.now())
  }

  /** Something has happened: the election decides, and what follows is carried out. */
  say (event: Event): void {
    if (!this.#stop.signal.aborted) {
      this.#carryOut(stepElection(this.#state, { ...event, nowMs: performance.now() }))
    }
  }

  /** A worker has seen this claim; it counts when its master has signed it. */
  heardClaim (claim: Claim): void {
    // every worker says it with every word
    if (claim.term === this.claim?.term && claim.master === this.claim.master) {
      return
    }

    void this.#hearOf(claim, () => { this.say({ kind: 'worker-claim', claim }) })
  }

  /** A worker has answered STALE, with this claim. Resolves with whether a master has made it. */
  async stale (highest: Claim): Promise<boolean> {
    return this.#hearOf(highest, () => { this.say({ kind: 'stale', highest }) })
  }

  /** The claim that is live, as soon as there is one. Rejects with the signal's reason. */
  async whenCoordinator (signal?: AbortSignal): Promise<Claim> {
    signal?.throwIfAborted()

    if (this.claim != null) {
      return this.claim
    }

    const { promise, resolve, reject } = Promise.withResolvers<Claim>()
    const listener: ElectionListener = {
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
    if (isLie(this.#state, term) && this.#lie !== term) {
      this.#lie = term
      this.#components.log(`a worker claims to have seen term ${term}, and this is term ${this.#state.term}: not believed`)
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
          this.#components.beat(effect.to)
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
      this.say({ kind: 'term-persisted', term })
    } catch (err) {
      const { message } = toError(err)

      // tried several times a second, and said once
      if (message !== this.#obstacle) {
        log(`this master cannot coordinate, its term could not be written: ${message}`)
      }

      this.#obstacle = message
      this.say({ kind: 'term-failed', term })
    }
  }

  #tell (call: (listener: ElectionListener) => void): void {
    for (const listener of [...this.#listeners]) {
      try {
        call(listener)
      } catch (err) {
        this.#components.log(`change of the coordinator: ${toError(err).stack}`)
      }
    }
  }

  #track (work: Promise<unknown>): void {
    const settled = work.catch(err => { this.#components.log(`election: ${toError(err).message}`) }).finally(() => this.#running.delete(settled))

    this.#running.add(settled)
  }
}
