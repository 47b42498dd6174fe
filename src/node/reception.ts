import { equals } from 'uint8arrays/equals'
import { MeshmarkError, isMeshmarkError, toError } from '../model/errors.ts'
import { printable } from '../model/text.ts'
import { formatAddress } from './address.ts'
import { judgeHello, objectTo, protocolName } from './admission.ts'
import { dialError } from './dial-error.ts'
import { HELLO_TIMEOUT_MS, STRANGER_MS, acceptHello, exchangeHello } from './hello.ts'
import { masterOf, withMaster } from './master-addresses.ts'
import { shortId } from './membership.ts'
import { hello as helloProtocol } from './protocol/hello/index.ts'
import { join as joinProtocol } from './protocol/join/index.ts'
import { RateLimiter } from './rate.ts'
import { Session } from './session.ts'
import { Twins } from './twins.ts'
import { VERSION } from './version.ts'
import { waitFor, withDeadline } from './wait.ts'
import type { Role } from '../model/roles.ts'
import type { Judge } from './admission.ts'
import type { StreamChannel } from './channel.ts'
import type { Peer } from './peer.ts'
import type { Hello, HelloReply } from './protocol/hello/messages.ts'
import type { Protocol } from './protocol/protocol.ts'
import type { Connection, PeerId, Stream } from '@libp2p/interface'

/** A twin that does not answer within this time is no twin, but the past of a node that was restarted. */
const TWIN_TIMEOUT_MS = 2_000
/** Of one peer: two that dial each other have two, and one that came back may have an old one that is not missed yet. */
export const MAX_PEER_CONNECTIONS = 8
/** However long its joining takes: this node may be busy with a whole fleet, which is not the stranger's fault. */
const MAX_STRANGER_MS = 60_000

/** What the reception needs to know of its node. */
export interface House {
  /** Members hear more than strangers. */
  ownHello: (listener: { member: boolean }) => Hello
  judge: () => Judge
  uniqueRoles: readonly Role[]
  /** Whoever is at the other end counts as a member now. */
  onMember: (connection: Connection) => void
  /** A master said hello, and its mesh time minus ours is this. */
  onMasterTime: (offsetMs: number) => void
  onPeer: (peer: Peer) => void
  onPeerGone: (peer: Peer) => void
  /** Whom we dialled has turned us away: asking again would get the same answer. */
  onRefused: (peerId: PeerId) => void
  /** A peer that we dialled answered our hello with a refusal. */
  onTurnedAway: (peerId: string, reason: string) => void
  log: (line: string) => void
  /** Work that a stop has to wait for. */
  track: (work: Promise<unknown>) => void
  stopping: AbortSignal
}

/** Knows every connection and who is at its other end: says and hears hello, and decides what a peer counts as. */
export class Reception {
  readonly #house: House
  readonly #sessions = new Map<Connection, Session>()
  readonly #byPeer = new Map<string, Set<Session>>()
  /** Peers that the house was told of. */
  readonly #announced = new Map<string, Peer>()
  readonly #limiter = new RateLimiter()
  readonly #twins = new Twins()

  constructor (house: House) {
    this.#house = house
  }

  session (connection: Connection): Session {
    let session = this.#sessions.get(connection)

    if (session == null) {
      session = new Session(connection)
      this.#sessions.set(connection, session)

      const siblings = this.#byPeer.get(session.peerId) ?? new Set()

      this.#byPeer.set(session.peerId, siblings.add(session))
    }

    return session
  }

  /** Of one peer or all, whatever their state. */
  sessions (peerId?: string): Session[] {
    return [...(peerId == null ? this.#sessions.values() : this.#byPeer.get(peerId) ?? [])]
  }

  /** Streams that a peer has open for a protocol, on all of its connections. */
  count (peerId: string, protocol: string): number {
    return this.sessions(peerId).reduce((sum, session) => sum + session.count(protocol), 0)
  }

  /** Those on which hello was said, the newest first. */
  open (peerId?: string): Session[] {
    return this.sessions(peerId)
      .filter(session => session.state === 'open' && session.connection.status === 'open')
      .reverse()
  }

  /** What a peer may do at this moment; `objection` says why a membership counts no more. */
  standing ({ membership, clockOffsetMs }: Session): { roles: ReadonlySet<Role>, objection?: string } {
    if (membership == null) {
      return { roles: new Set() }
    }

    const judge = this.#house.judge()
    const objection = objectTo(membership, judge, judge.meshTimeMs + clockOffsetMs)

    return objection == null ? { roles: new Set(membership.roles) } : { roles: new Set(), objection }
  }

  describe (session: Session): Peer {
    const { roles } = this.standing(session)
    const { peerId, name, connection } = session
    const reachedAt = connection.direction === 'outbound' ? withMaster(connection.remoteAddr.toString(), peerId) : undefined

    const masters = roles.has('master') ? session.hello?.masters ?? [] : []
    const listens = masters.filter(address => masterOf(address) === peerId)

    return {
      id: peerId,
      roles,
      name,
      stranger: roles.size === 0,
      version: session.hello?.version ?? '',
      addresses: listens.length > 0 || reachedAt == null ? listens : [reachedAt],
      reachedAt,
      masters,
      connectedAt: session.openedAt
    }
  }

  /** Throws a refusal when the peer opens a protocol too often. */
  checkRate (session: Session, protocol: Pick<Protocol<any, any>, 'id' | 'rate'>): void {
    const waitMs = this.#limiter.take(`${session.peerId} ${protocol.id}`, protocol.rate, performance.now())

    if (waitMs > 0) {
      throw new MeshmarkError('quota', `${protocolName(protocol.id)} was asked for more than ${protocol.rate.perSecond} times a second (${protocol.rate.burst} at once): wait ${Math.ceil(waitMs)} ms`)
    }
  }

  onConnection (connection: Connection): void {
    const session = this.session(connection)

    // limits that hold for each connection would be none otherwise
    if (this.sessions(session.peerId).filter(({ state }) => state !== 'ended').length > MAX_PEER_CONNECTIONS) {
      this.#house.track(session.end(new MeshmarkError('quota', `a node may have ${MAX_PEER_CONNECTIONS} connections here at once: close one first`)))

      return
    }

    if (connection.direction === 'outbound') {
      this.greetAgain(session)

      return
    }

    this.#watchStranger(session)
  }

  /** A stranger has a moment to say hello, another one to ask to join, and is then heard to the end. */
  #watchStranger (session: Session): void {
    const openedAt = performance.now()
    let timer: NodeJS.Timeout | undefined

    const look = (): void => {
      if (session.membership != null) {
        return
      }

      const now = performance.now()
      const leftMs = session.count(joinProtocol.id) > 0 ? STRANGER_MS : (session.greetedAt == null ? openedAt + HELLO_TIMEOUT_MS : session.greetedAt + STRANGER_MS) - now

      if (leftMs > 0 && now - openedAt < MAX_STRANGER_MS) {
        timer = setTimeout(look, leftMs)
      } else {
        // no judgement: one that was only slow may come again
        this.#house.track(session.end(new MeshmarkError('unreachable', `a stranger may stay for ${STRANGER_MS / 1_000} s: join this mesh (meshmark join TOKEN@HOST)`)))
      }
    }

    timer = setTimeout(look, HELLO_TIMEOUT_MS)
    session.connection.addEventListener('close', () => { clearTimeout(timer) })
  }

  onConnectionClosed (connection: Connection): void {
    const session = this.#sessions.get(connection)

    if (session == null) {
      return
    }

    session.ended(new MeshmarkError('unreachable', `${session.name} closed the connection`))
    this.#sessions.delete(connection)

    const siblings = this.#byPeer.get(session.peerId)

    siblings?.delete(session)

    if (siblings?.size === 0) {
      this.#byPeer.delete(session.peerId)
    }

    const peer = this.#announced.get(session.peerId)

    if (peer != null && this.open(session.peerId).length === 0) {
      this.#announced.delete(session.peerId)
      this.#house.onPeerGone(peer)
    }
  }

  onHelloStream (stream: Stream, connection: Connection): void {
    const session = this.session(connection)
    const channel = acceptHello(stream, session.name)

    session.track(channel, helloProtocol.id)
    this.#house.track(this.#answer(channel, session))
  }

  /** Says hello, first or again, and judges what is answered. */
  async greet (session: Session, timeoutMs = HELLO_TIMEOUT_MS, signal?: AbortSignal): Promise<void> {
    const greeting = this.#greet(session, timeoutMs, signal)

    session.greeting = greeting

    try {
      await greeting
    } finally {
      if (session.greeting === greeting) {
        session.greeting = undefined
      }
    }
  }

  /** Sees that a known connection lives, and that the other side knows who we are: by the hello that is under way, or by one more. */
  async confirm (session: Session, timeoutMs: number, signal: AbortSignal): Promise<void> {
    await (session.greeting == null ? this.greet(session, timeoutMs, signal) : waitFor(session.greeting, signal))
  }

  async #greet (session: Session, timeoutMs: number, signal?: AbortSignal): Promise<void> {
    const reply = await this.#exchange(session, timeoutMs, signal)

    if (reply.kind === 'refused') {
      const reason = printable(reply.reason, 1_000)

      this.#house.onTurnedAway(session.peerId, reason)

      throw new MeshmarkError('refused', reason)
    }

    await this.#admit(session, reply.hello)
    this.#announce(session)
  }

  /** As `greet`, where nobody waits for the outcome: a failure ends the session. */
  greetAgain (session: Session): void {
    this.#house.track(this.greet(session).catch(async err => {
      const error = dialError(err, formatAddress(session.connection.remoteAddr))

      if (error.code === 'refused') {
        this.#house.onRefused(session.connection.remotePeer)
      }

      await session.end(error)
    }))
  }

  async #answer (channel: StreamChannel<Hello, HelloReply>, session: Session): Promise<void> {
    try {
      this.checkRate(session, helloProtocol)

      const hello = await channel.receive()

      if (hello == null) {
        throw new MeshmarkError('refused', 'hello was not said')
      }

      await this.#admit(session, hello)
      await channel.send({ kind: 'welcome', hello: this.#house.ownHello({ member: session.membership != null }), stranger: session.membership == null })
      void channel.finish()
      this.#announce(session)
    } catch (err) {
      await this.#turnAway(channel, session, err)
    }
  }

  async #turnAway (channel: StreamChannel<Hello, HelloReply>, session: Session, err: unknown): Promise<void> {
    const error = isMeshmarkError(err) ? err : new MeshmarkError('failed', `hello failed: ${toError(err).message}`, { cause: err })
    const { version, meshTimeMs } = this.#house.ownHello({ member: false })

    this.#house.log(`turned away ${session.name} from ${session.connection.remoteAddr}: ${error.message}`)

    await channel.send({ kind: 'refused', reason: error.message, version, meshTimeMs }).catch(() => {})
    await channel.finish()
    await session.end(error)
  }

  /** Rejects with the reason, or marks the session as open and its peer as what it has proven to be. */
  async #admit (session: Session, hello: Hello): Promise<void> {
    const judge = this.#house.judge()
    const membership = await judgeHello(hello, session.peerId, VERSION, judge)

    if (membership == null && judge.meshId != null && session.connection.direction === 'outbound') {
      throw new MeshmarkError('refused', `${session.name} is a meshmark node without a membership of mesh ${shortId(judge.meshId)}`)
    }

    if (membership?.roles.some(role => this.#house.uniqueRoles.includes(role)) === true) {
      const reason = `two live nodes use the identity ${shortId(session.peerId)} (${membership.name}): stop one of them, or give it a data directory of its own`

      if (this.#twins.isHeld(session.peerId, performance.now())) {
        throw new MeshmarkError('refused', reason)
      }

      for (let twin = this.#findTwin(session, hello); twin != null; twin = this.#findTwin(session, hello)) {
        await this.#confront(session, twin, reason)
      }
    }

    // from the last look for a twin to here nothing is awaited: of two that come at once, the second sees the first
    if (session.state === 'ended') {
      throw new MeshmarkError('unreachable', `${session.name} closed the connection`)
    }

    if (membership?.roles.includes('master') === true && judge.followsMasters) {
      this.#house.onMasterTime(hello.meshTimeMs - this.#house.judge().meshTimeMs)
    }

    session.admit(hello, membership, hello.meshTimeMs - this.#house.judge().meshTimeMs)

    if (membership != null) {
      this.#house.onMember(session.connection)
    }
  }

  /** Of this peer, on another connection, with another boot nonce. */
  #findTwin (session: Session, hello: Hello): Session | undefined {
    return this.open(session.peerId)
      .find(other => other !== session && other.hello != null && !equals(other.hello.bootNonce, hello.bootNonce))
  }

  /** Rejects when both are alive, having refused the other one too; else forgets the other one. */
  async #confront (session: Session, twin: Session, reason: string): Promise<void> {
    try {
      await this.#exchange(twin, TWIN_TIMEOUT_MS)
    } catch (err) {
      // its process was ended and started again, and the old connection had not been missed yet
      twin.ended(toError(err))
      twin.connection.abort(toError(err))

      return
    }

    const error = new MeshmarkError('refused', reason)

    this.#twins.conflict(session.peerId, performance.now())
    this.#house.log(reason)
    await twin.end(error)

    throw error
  }

  async #exchange (session: Session, timeoutMs: number, signal?: AbortSignal): Promise<HelloReply> {
    return withDeadline(timeoutMs, [signal, this.#house.stopping], async limit =>
      exchangeHello(session.connection, this.#house.ownHello({ member: session.membership != null }), session.name, limit))
  }

  /** Tells the house who is there, once, and again when what it is has changed. */
  #announce (session: Session): void {
    const peer = this.describe(session)
    const known = this.#announced.get(peer.id)

    if (session.connection.status !== 'open' || (known != null && sameStanding(known, peer))) {
      return
    }

    this.#announced.set(peer.id, peer)
    this.#house.onPeer(peer)
  }
}

function sameStanding (a: Peer, b: Peer): boolean {
  return a.name === b.name && a.version === b.version && a.masters.join() === b.masters.join() && a.roles.size === b.roles.size && [...a.roles].every(role => b.roles.has(role))
}
