import { randomBytes } from 'node:crypto'
import { KEEP_ALIVE, TypedEventEmitter } from '@libp2p/interface'
import { MeshmarkError, toError } from '../model/errors.ts'
import { parseAddress } from './address.ts'
import { protocolName } from './admission.ts'
import { StreamChannel } from './channel.ts'
import { Credentials } from './credentials.ts'
import { listenError } from './dial-error.ts'
import { dialAny } from './dialer.ts'
import { createDiscovery } from './discovery.ts'
import { Gate } from './gate.ts'
import { createTransport } from './libp2p.ts'
import { spread } from './master-addresses.ts'
import { readMembership, shortId } from './membership.ts'
import { MAX_OUTBOUND_STREAMS, openOver } from './opening.ts'
import { pingOver } from './ping.ts'
import { hello, MAX_MASTER_ADDRESSES } from './protocol/hello/index.ts'
import { Reception } from './reception.ts'
import { serve } from './serving.ts'
import { VERSION } from './version.ts'
import type { Role } from '../model/roles.ts'
import type { FoundMaster } from './discovery.ts'
import type { Transport } from './libp2p.ts'
import type { MeshId } from './membership.ts'
import type { Peer } from './peer.ts'
import type { Hello } from './protocol/hello/messages.ts'
import type { Channel, Protocol } from './protocol/protocol.ts'
import type { AbortOptions, PeerId, PrivateKey } from '@libp2p/interface'

export type { Peer } from './peer.ts'

/** A handler has this long to notice that its channel is gone. */
const STOP_TIMEOUT_MS = 5_000
/** After so long a silence a connection is probed. A master has many, and hears from those who ask it. */
const ASK_AFTER_MS = { master: 10_000, other: 2_000 }
/** For the answer: a master with a thousand workers may be busy for a moment. */
const GIVE_UP_AFTER_MS = 5_000
const KEEP_ALIVE_TAG = `${KEEP_ALIVE}-meshmark`
/** What libp2p lets through beyond our own limit, so that the refusal can be said in words. */
const REFUSAL_STREAMS = 64
/** How long a change of masters may wait for the next one. */
const TELL_MASTERS_MS = 200

export interface MeshNodeInit {
  identity: PrivateKey
  /** Absent = in no mesh yet; taken from the membership if there is one. */
  meshId?: MeshId
  /** Sealed; absent = a stranger, about to join. */
  membership?: Uint8Array
  /** Multiaddrs. @default [] */
  listen?: string[]
  /** Mesh time, milliseconds since 1970. Given by masters; others take it from the masters they meet. */
  meshTime?: () => number
  isRevoked?: (peerId: string) => boolean
  /** Masters may be looked for on the local network (`lookForMasters`); a master announces itself. @default false */
  mdns?: boolean
  /** Two live nodes with one peer id and different boot nonces are both refused if they hold one of these roles. @default [] */
  uniqueRoles?: Role[]
  log?: (line: string) => void
}

export interface MeshNodeEvents {
  /** Both sides have said hello for the first time, or the peer's roles, name or masters have changed since. */
  peer: CustomEvent<Peer>
  /** Its last connection is closed. */
  'peer:gone': CustomEvent<Peer>
  /** A peer that we dialled, proven to be this one, wants nothing to do with us. */
  'turned-away': CustomEvent<{ peerId: string, reason: string }>
  /** A master of some mesh answered on the local network; repeated with every answer. */
  'master:discovered': CustomEvent<FoundMaster>
}

export interface ConnectOptions extends AbortOptions {
  /** Only a master of this mesh will do, proven before anything else is said. */
  expectMesh?: MeshId
  /** From the moment in which somebody accepts the connection to hello. A master that a whole fleet comes to at once lets it in one after the other. @default 10_000 */
  answerMs?: number
  /** Somebody has accepted the connection. */
  onReached?: () => void
  /** Redial the same address for ever when the connection is lost; a refusal in words ends that. */
  keepAlive?: boolean
}

/**
 * One libp2p peer of the mesh: says and hears hello on every connection, and
 * lets only those speak whom their membership allows to.
 */
export class MeshNode extends TypedEventEmitter<MeshNodeEvents> {
  readonly peerId: string
  /** 16 random bytes of this process: tells a restart from a twin. */
  readonly bootNonce = new Uint8Array(randomBytes(16))
  readonly #init: MeshNodeInit
  readonly #transport: Transport
  readonly #reception: Reception
  readonly #discovery?: ReturnType<typeof createDiscovery>
  readonly #running = new Set<Promise<unknown>>()
  readonly #stopping = new AbortController()
  readonly #credentials: Credentials
  /** Mesh time minus our own clock, as the last master said. */
  #clockOffsetMs = 0
  /** Multiaddrs of all masters, as they are told in hellos. */
  #masters?: string[]
  #telling?: NodeJS.Timeout
  #started?: Promise<void>
  #looking?: Promise<void>
  #stopped?: Promise<void>

  /** Opens no socket yet. */
  static async create (init: MeshNodeInit): Promise<MeshNode> {
    const roles = init.membership == null ? [] : readMembership(init.membership).membership.roles
    const gate = new Gate()
    const transport = await createTransport({
      gate,
      identity: init.identity,
      listen: init.listen ?? [],
      askAfterMs: roles.includes('master') ? ASK_AFTER_MS.master : ASK_AFTER_MS.other,
      giveUpAfterMs: GIVE_UP_AFTER_MS
    })

    return new MeshNode(init, transport, gate)
  }

  private constructor (init: MeshNodeInit, transport: Transport, gate: Gate) {
    super()

    this.#init = init
    this.#transport = transport
    this.peerId = transport.peerId.toString()
    this.#credentials = new Credentials(this.peerId, init.meshId, init.membership)
    this.#reception = new Reception({
      ownHello: ({ member }) => this.#ownHello(member),
      judge: () => ({
        meshId: this.meshId,
        meshTimeMs: this.meshTime(),
        followsMasters: init.meshTime == null,
        isRevoked: init.isRevoked ?? (() => false)
      }),
      uniqueRoles: init.uniqueRoles ?? [],
      onMember: connection => { gate.passed(connection) },
      onMasterTime: offsetMs => { this.#clockOffsetMs += offsetMs },
      onPeer: peer => { this.safeDispatchEvent('peer', { detail: peer }) },
      onRefused: peerId => { this.#track(this.#keepAlive(peerId, false)) },
      onTurnedAway: (peerId, reason) => { this.safeDispatchEvent('turned-away', { detail: { peerId, reason } }) },
      onPeerGone: peer => { this.safeDispatchEvent('peer:gone', { detail: peer }) },
      log: line => { this.#log(line) },
      track: work => { this.#track(work) },
      stopping: this.#stopping.signal
    })

    if (init.mdns === true) {
      this.#discovery = createDiscovery(
        () => this.roles.has('master') ? transport.getMultiaddrs() : [],
        master => { this.#onDiscovered(master) }
      )
    }

    transport.addEventListener('connection:open', ({ detail }) => { this.#reception.onConnection(detail) })
    transport.addEventListener('connection:close', ({ detail }) => { this.#reception.onConnectionClosed(detail) })
    this.#track(transport.handle(hello.id, (stream, connection) => { this.#reception.onHelloStream(stream, connection) }, streamLimits(hello)))
  }

  /** Rejects with a clear line when a port is in use. */
  async start (): Promise<void> {
    this.#started ??= this.#start()

    return this.#started
  }

  /** Tells every peer, closes everything and waits for what still runs. Idempotent. */
  async stop (): Promise<void> {
    this.#stopped ??= this.#stop()

    return this.#stopped
  }

  get meshId (): MeshId | undefined {
    return this.#credentials.meshId
  }

  /** What our own membership allows. */
  get roles (): ReadonlySet<Role> {
    return this.#credentials.roles
  }

  get name (): string {
    return this.#credentials.name
  }

  /** Milliseconds since 1970: a master's own clock, or ours corrected by the last master that said hello. */
  meshTime (): number {
    return this.#init.meshTime?.() ?? Date.now() + this.#clockOffsetMs
  }

  /** Where we listen, with /p2p. */
  addresses (): string[] {
    return this.#transport.getMultiaddrs().map(address => address.toString())
  }

  peers (): Peer[] {
    return [...new Set(this.#reception.open().map(session => session.peerId))].flatMap(id => this.peer(id) ?? [])
  }

  peer (id: string): Peer | undefined {
    const [session] = this.#reception.open(id)

    return session == null ? undefined : this.#reception.describe(session)
  }

  /**
   * Answers a protocol. The handler runs only for peers whose membership and
   * rate allow it; the others are refused in words. The channel is closed when
   * it returns; when it throws a MeshmarkError, the other side hears its words.
   */
  handle<Q, R> (protocol: Protocol<Q, R>, handler: (channel: Channel<Q, R>, peer: Peer) => Promise<void>): void {
    this.#track(this.#transport.handle(protocol.id, (stream, connection) => {
      const session = this.#reception.session(connection)
      // at once: an unread stream is not flow-controlled
      const channel = new StreamChannel<Q, R>(stream, {
        peer: session.name,
        name: protocolName(protocol.id),
        maxMessage: protocol.maxMessage,
        incoming: protocol.request,
        outgoing: protocol.reply,
        firstMessageMs: protocol.firstMessageMs
      })

      this.#track(serve({ protocol, handler, channel, session, reception: this.#reception, own: this, log: line => { this.#log(line) } }))
    }, streamLimits(protocol)))
  }

  /**
   * Dials and says hello; on a connection that exists already, says hello again
   * to see that it lives. Several addresses are tried almost at once, and the
   * first that answers is taken. Rejects with one clear line.
   */
  async connect (address: string | string[], { signal, expectMesh, answerMs, onReached, keepAlive }: ConnectOptions = {}): Promise<Peer> {
    const all = [address].flat().map(parseAddress)
    const others = all.filter(candidate => !candidate.toString().endsWith(`/p2p/${this.peerId}`))
    // a list of masters may well hold our own address
    const candidates = others.length > 0 ? others : all

    if (candidates.length === 0) {
      throw new MeshmarkError('unreachable', 'no address of a master is known: join a mesh first (meshmark join TOKEN@HOST)')
    }

    if (expectMesh != null) {
      this.#credentials.commitTo(expectMesh)
    }

    const session = await dialAny(this.#transport, this.#reception, candidates, { masterOf: expectMesh, answerMs, onReached, signals: [signal, this.#stopping.signal] }).catch(err => {
      signal?.throwIfAborted()

      throw err
    })

    if (keepAlive === true) {
      await this.#keepAlive(session.connection.remotePeer, true)
    }

    return this.#reception.describe(session)
  }

  /** Opens a stream to a connected peer. A refusal is what the channel's next `receive` or `send` rejects with. */
  async openChannel<Q, R> (peerId: string, protocol: Protocol<Q, R>, { signal }: AbortOptions = {}): Promise<Channel<R, Q>> {
    return openOver(this.#reception, peerId, protocol, [signal, this.#stopping.signal])
  }

  /** After a join or a renewal: the next hellos show it, and whoever is connected hears hello again. */
  setMembership (envelope: Uint8Array): void {
    this.#credentials.keep(envelope)

    for (const session of this.#reception.open()) {
      this.#reception.greetAgain(session)
    }
  }

  /** To have an expired one renewed it comes as a stranger. */
  dropMembership (): void {
    this.#credentials.drop()
  }

  /** A master says where all of them are, itself first: every member hears it with hello, and soon when it has changed. */
  setMasters (addresses: readonly string[]): void {
    const known = this.#masters ?? this.addresses()

    this.#masters = [...addresses]

    if (this.#stopping.signal.aborted || sameSet(known, addresses)) {
      return
    }

    // several masters that come at once are one change
    this.#telling ??= setTimeout(() => {
      this.#telling = undefined
      this.#reception.open().filter(({ membership }) => membership != null).forEach(session => { this.#reception.greetAgain(session) })
    }, TELL_MASTERS_MS)
  }

  /** Resolves when a connected peer has answered; rejects when its connection is gone or the signal fires. */
  async ping (peerId: string, { signal }: AbortOptions = {}): Promise<void> {
    const [session] = this.#reception.open(peerId)

    if (session == null) {
      throw new MeshmarkError('unreachable', `there is no connection to ${shortId(peerId)}`)
    }

    await pingOver(session.connection, MAX_OUTBOUND_STREAMS, signal)
  }

  /** Closes the connections to a peer on which nothing is under way. */
  async hangUp (peerId: string): Promise<void> {
    await Promise.all(this.#reception.sessions(peerId).map(async session => session.closeIfIdle()))
  }

  /** Tells a peer why, and closes its connections. It may come again unless `isRevoked` says no. */
  async expel (peerId: string, reason: string): Promise<void> {
    const error = new MeshmarkError('refused', reason)

    await Promise.all(this.#reception.sessions(peerId).map(async session => session.end(error)))
  }

  /** Begins to ask the local network for masters, from which `master:discovered` events come. False where mDNS is switched off. */
  async lookForMasters (): Promise<boolean> {
    if (this.#discovery == null) {
      return false
    }

    await (this.#looking ??= this.#discovery.start())

    return true
  }

  async #start (): Promise<void> {
    this.#stopping.signal.throwIfAborted()

    try {
      await this.#transport.start()
    } catch (err) {
      await Promise.resolve(this.#transport.stop()).catch(() => {})

      throw listenError(err, this.#init.listen ?? [])
    }

    // whoever only looks for masters says nothing on the network until it has to
    if (this.roles.has('master')) {
      await this.#discovery?.start()
    }
  }

  async #stop (): Promise<void> {
    await this.#started?.catch(() => {})

    const reason = new MeshmarkError('unreachable', `${this.name} is shutting down`)

    this.#stopping.abort(reason)
    clearTimeout(this.#telling)
    await this.#discovery?.stop()
    await Promise.all(this.#reception.sessions().map(async session => session.end(reason)))
    await this.#transport.stop()
    await this.#settle()
  }

  async #settle (): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const timer = setTimeout(() => {
      this.#log(`${this.#running.size} handlers still run ${STOP_TIMEOUT_MS} ms after their channels were closed`)
      resolve()
    }, STOP_TIMEOUT_MS)

    await Promise.race([promise, Promise.allSettled(this.#running)])
    clearTimeout(timer)
  }

  async #keepAlive (peerId: PeerId, on: boolean): Promise<void> {
    await this.#transport.peerStore.merge(peerId, { tags: { [KEEP_ALIVE_TAG]: on ? { value: 100 } : undefined } })
  }

  #ownHello (toMember: boolean): Hello {
    return {
      version: VERSION,
      bootNonce: this.bootNonce,
      meshTimeMs: this.meshTime(),
      membership: this.#credentials.envelope,
      masters: toMember && this.roles.has('master') ? spread(this.#masters ?? this.addresses(), MAX_MASTER_ADDRESSES) : undefined
    }
  }

  #onDiscovered (master: FoundMaster): void {
    if (master.id !== this.peerId) {
      this.safeDispatchEvent('master:discovered', { detail: master })
    }
  }

  #track (work: Promise<unknown>): void {
    const settled = work.catch(err => {
      this.#log(toError(err).stack ?? String(err))
    }).finally(() => this.#running.delete(settled))

    this.#running.add(settled)
  }

  #log (line: string): void {
    this.#init.log?.(line)
  }
}

function sameSet (a: readonly string[], b: readonly string[]): boolean {
  return [...new Set(a)].sort().join() === [...new Set(b)].sort().join()
}

function streamLimits ({ maxStreams }: Pick<Protocol<any, any>, 'maxStreams'>): { maxInboundStreams: number, maxOutboundStreams: number } {
  return { maxInboundStreams: maxStreams + REFUSAL_STREAMS, maxOutboundStreams: MAX_OUTBOUND_STREAMS }
}
