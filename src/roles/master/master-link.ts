import { setTimeout as delay } from 'node:timers/promises'
import { isMeshmarkError, MeshmarkError, toError } from '../../model/errors.ts'
import { mastersBeat, mastersFollow } from '../../node/protocol/masters/index.ts'
import { withDeadline } from '../../node/wait.ts'
import { follow, Follower } from './follow.ts'
import type { MeshNode } from '../../node/mesh-node.ts'
import type { Beat } from '../../node/protocol/masters/messages.ts'
import type { Channel } from '../../node/protocol/protocol.ts'
import type { Replica } from './replica/replica.ts'

/** Back within a second of the other's return. */
const RETRY_MS = { first: 50, most: 1_000, refused: 10_000 }
/** One attempt: the next one may find a path that has come back meanwhile. */
const DIAL_MS = 3_000
/** A connection on which no heartbeat came for so long is looked after: it may be dead without anybody knowing. */
const SILENT_MS = 2_000
/** After a page that could not be taken in. */
const FOLLOW_AGAIN_MS = 1_000

export interface LinkComponents {
  node: MeshNode
  replica: Replica
  peer: string
  /** Where it may be, the best first. */
  addresses: () => string[]
  /** The heartbeat for it, as of now. */
  beat: () => Beat | undefined
  onBeat: (beat: Beat) => void
  /** It was dialled and did not answer. */
  onUnreachable: () => void
  /** Something of its knowledge is on the disk here. */
  onTaken: () => void
  log: (line: string) => void
}

/** Everything between this master and another one: the connection, the heartbeats in both directions, and what each learns from the other. */
export class MasterLink {
  /** What it has of our knowledge. */
  readonly follower: Follower
  readonly #components: LinkComponents
  readonly #stop = new AbortController()
  #running: Array<Promise<void>> = []
  #beats?: Channel<Beat, Beat>
  #sending = false
  /** There is something newer to say than what is being sent. */
  #again = false
  #heardAtMs = -Infinity
  #changed = Promise.withResolvers<void>()

  constructor (components: LinkComponents) {
    this.#components = components
    this.follower = new Follower(components.replica)
  }

  start (): void {
    // of two masters the one with the lower id opens the stream for both
    const opens = this.#components.node.peerId < this.#components.peer

    this.#running = [this.#connect(), this.#follow(), ...(opens ? [this.#openBeats()] : [])]
  }

  async stop (): Promise<void> {
    const reason = new MeshmarkError('unreachable', 'this master has no use for it any more')

    this.#stop.abort(reason)
    this.#beats?.abort(reason)
    this.connectionChanged()
    await Promise.all(this.#running)
  }

  /** A connection was opened or closed. */
  connectionChanged (): void {
    this.#changed.resolve()
    this.#changed = Promise.withResolvers()
  }

  /** Never queues up: what cannot be sent now is said by the next one. */
  sendBeat (): void {
    const channel = this.#beats

    if (channel == null) {
      return
    }

    if (this.#sending) {
      this.#again = true
      return
    }

    const beat = this.#components.beat()

    if (beat == null) {
      return
    }

    this.#sending = true
    this.#again = false
    channel.send(beat, { signal: this.#stop.signal }).catch(() => {
      // whoever reads from it finds that out as well
    }).finally(() => {
      this.#sending = false

      if (this.#again) {
        this.sendBeat()
      }
    })
  }

  /** Until the stream ends. The newest stream is the one that counts. */
  async hearBeats (channel: Channel<Beat, Beat>): Promise<void> {
    const { signal } = this.#stop

    this.#beats?.abort(new MeshmarkError('unreachable', 'the heartbeats come on another stream now'))
    this.#beats = channel
    this.#sending = false
    this.sendBeat()

    try {
      for (let beat = await channel.receive({ signal }); beat != null && this.#beats === channel; beat = await channel.receive({ signal })) {
        this.#heardAtMs = performance.now()
        this.#components.onBeat(beat)
      }
    } finally {
      if (this.#beats === channel) {
        this.#beats = undefined
      }
    }
  }

  get #isConnected (): boolean {
    const { node, peer } = this.#components

    return node.peer(peer)?.roles.has('master') === true
  }

  /** Keeps a connection, for ever. */
  async #connect (): Promise<void> {
    const { node, peer, addresses, onUnreachable } = this.#components
    const { signal } = this.#stop
    let wait: number = RETRY_MS.first

    while (!signal.aborted) {
      if (this.#isConnected && performance.now() - this.#heardAtMs < SILENT_MS) {
        wait = RETRY_MS.first
        await this.#pause(SILENT_MS)
        continue
      }

      try {
        const wasConnected = this.#isConnected

        // on a connection that is there already, this asks whether it is alive
        await withDeadline(DIAL_MS + (wasConnected ? DIAL_MS : 0), [signal], async limit => node.connect(addresses(), { signal: limit, expectMesh: node.meshId }))
        await this.#pause(SILENT_MS)
      } catch (err) {
        if (signal.aborted) {
          return
        }

        if (node.peer(peer) == null) {
          onUnreachable()
        }

        const refused = isMeshmarkError(err) && err.code === 'refused'

        wait = refused ? RETRY_MS.refused : Math.min(wait * 2, RETRY_MS.most)
        await this.#pause(wait)
      }
    }
  }

  async #openBeats (): Promise<void> {
    await this.#whileConnected(async () => {
      const { node, peer } = this.#components
      const channel = await node.openChannel(peer, mastersBeat, { signal: this.#stop.signal })

      await this.hearBeats(channel)
    }, RETRY_MS.first)
  }

  async #follow (): Promise<void> {
    const { node, replica, peer, onTaken, log } = this.#components
    const { signal } = this.#stop
    let said: string | undefined

    await this.#whileConnected(async () => {
      const channel = await node.openChannel(peer, mastersFollow, { signal })

      try {
        await follow(channel, replica, () => {
          said = undefined
          onTaken()
        }, signal)
      } catch (err) {
        // a connection that broke comes again; what our own disk says is worth a line, once
        if (!(isMeshmarkError(err) && err.code === 'unreachable') && !signal.aborted && said !== toError(err).message) {
          said = toError(err).message
          log(`following master ${node.peer(peer)?.name ?? peer.slice(-8)}: ${said}; trying again`)
        }

        throw err
      }
    }, FOLLOW_AGAIN_MS)
  }

  /** Does it again whenever it has ended while there is a connection. */
  async #whileConnected (work: () => Promise<void>, againMs: number): Promise<void> {
    const { signal } = this.#stop

    while (!signal.aborted) {
      if (!this.#isConnected) {
        await this.#changed.promise
        continue
      }

      await work().catch(() => {})

      if (this.#isConnected && !signal.aborted) {
        await delay(againMs, undefined, { signal }).catch(() => {})
      }
    }
  }

  /** Until the connection changes, or for so long. */
  async #pause (ms: number): Promise<void> {
    const cut = new AbortController()

    await Promise.race([this.#changed.promise, delay(ms, undefined, { signal: cut.signal }).catch(() => {})])
    cut.abort()
  }
}
