import { toError } from '../../src/model/errors.ts'
import { beatFor } from '../../src/roles/master/election/step.ts'
import { BEAT_MS } from '../../src/roles/master/election/state.ts'
import { countBehind, follow, Follower, isCovered } from '../../src/roles/master/follow.ts'
import { nameOf } from './ids.ts'
import { channelOf } from './network.ts'
import { fromBytes } from './sim-jobs.ts'
import type { Setting } from './setting.ts'
import type { Side } from './network.ts'
import type { MasterLife } from './sim-master.ts'
import type { Beat } from '../../src/node/protocol/masters/messages.ts'
import type { ListedMaster } from '../../src/node/protocol/register/messages.ts'
import type { Position, Vector } from '../../src/roles/master/replica/replica.ts'

const PROGRESS_MS = 500
const CATCH_UP_MS = 1_000
const RETURN_MS = 1_500
const RETRY_MS = { first: 50, most: 1_000 }
const FOLLOW_AGAIN_MS = 1_000

interface Link {
  peer: string
  follower: Follower
  beats?: Side
  following: boolean
  dialling: boolean
}

/** A master and the others: what roles/master/masters.ts and its parts do, without the election. */
export class SimLinks {
  /** Of all masters, this one among them, by peer id. */
  readonly records = new Map<string, ListedMaster>()
  readonly #setting: Setting
  readonly #master: MasterLife
  readonly #links = new Map<string, Link>()
  #begunAtMs = 0

  constructor (setting: Setting, master: MasterLife) {
    this.#setting = setting
    this.#master = master
  }

  get peers (): string[] {
    return [...this.#links.keys()]
  }

  /** Streams may come from now on. */
  begin (): void {
    this.#begunAtMs = this.#master.process.monotonic()
  }

  beatForEver (): void {
    this.#master.process.every(BEAT_MS, () => { this.beat() })
  }

  /** Says a heartbeat to this one, or to all. */
  beat (to?: string): void {
    for (const link of to == null ? this.#links.values() : [this.#links.get(to)]) {
      if (link != null) {
        this.#sendBeat(link)
      }
    }
  }

  onConnection (peer: string): void {
    const link = this.#links.get(peer)

    if (link != null) {
      this.#openBeats(link)
      void this.#follow(link)
    }
  }

  onGone (peer: string): void {
    const link = this.#links.get(peer)

    if (link != null) {
      void this.#connect(link)
    }
  }

  onBeats (side: Side, from: string): void {
    const link = this.meet(from)

    if (link != null) {
      this.#hearBeats(link, side)
    }
  }

  onFollow (side: Side, from: string): void {
    this.meet(from)?.follower.serve(channelOf(this.#setting.world, side)).catch(() => {})
  }

  know (peer: string, value: Uint8Array): void {
    const record = { peerId: peer, ...fromBytes<Omit<ListedMaster, 'peerId'>>(value) }

    this.records.set(peer, record)
    this.#master.registry.tellMasters()

    if (peer === this.#master.id) {
      return
    }

    if (record.removed === true) {
      const link = this.#links.get(peer)

      this.#links.delete(peer)
      link?.beats?.close()
      this.#master.elect({ kind: 'peer-removed', peer })
    } else {
      this.meet(peer)
    }
  }

  meet (peer: string): Link | undefined {
    if (peer === this.#master.id || this.records.get(peer)?.removed === true) {
      return undefined
    }

    const known = this.#links.get(peer)

    if (known != null) {
      return known
    }

    const link: Link = { peer, follower: new Follower(this.#master.replica), following: false, dialling: false }

    this.#links.set(peer, link)
    this.#master.elect({ kind: 'peer-added', peer })
    void this.#connect(link)
    this.onConnection(peer)

    return link
  }

  async #connect (link: Link): Promise<void> {
    const { network } = this.#setting
    let wait: number = RETRY_MS.first

    if (link.dialling) {
      return
    }

    link.dialling = true

    while (this.#links.get(link.peer) === link && !network.isConnected(this.#master.process, link.peer)) {
      try {
        await network.dial(this.#master.process, link.peer)
      } catch {
        this.#master.elect({ kind: 'unreachable', peer: link.peer })
        wait = Math.min(wait * 2, RETRY_MS.most)
        await this.#master.process.sleep(wait)
      }
    }

    link.dialling = false
  }

  #openBeats (link: Link): void {
    const { network } = this.#setting

    if (this.#master.id < link.peer && this.#links.get(link.peer) === link && (link.beats == null || link.beats.isOver)) {
      const side = network.open(this.#master.process, link.peer, 'beat')

      if (side != null) {
        this.#hearBeats(link, side)
      }
    }
  }

  #hearBeats (link: Link, side: Side): void {
    link.beats?.close()
    link.beats = side
    side.listen((beat: Beat) => {
      if (link.beats === side) {
        this.#master.elect({ kind: 'beat', peer: link.peer, beat })
      }
    }, () => {
      if (link.beats === side) {
        link.beats = undefined
        this.#master.process.after(RETRY_MS.first, () => { this.#openBeats(link) })
      }
    })
    this.#sendBeat(link)
  }

  #sendBeat (link: Link): void {
    if (link.beats != null && !link.beats.isOver) {
      const beat = beatFor(this.#master.election, link.peer, this.#master.process.monotonic())

      if (beat != null) {
        link.beats.send(beat)
      }
    }
  }

  async #follow (link: Link): Promise<void> {
    const { network, world } = this.#setting

    if (link.following) {
      return
    }

    link.following = true

    while (this.#links.get(link.peer) === link && network.isConnected(this.#master.process, link.peer)) {
      const side = network.open(this.#master.process, link.peer, 'follow')

      if (side != null) {
        await follow(channelOf(world, side), this.#master.replica, () => { this.wakeFollowers() }, new AbortController().signal).catch(err => {
          this.#master.say(() => `follows ${nameOf(link.peer)} no more: ${toError(err).message}`)
        })
      }

      if (network.isConnected(this.#master.process, link.peer)) {
        await this.#master.process.sleep(FOLLOW_AGAIN_MS)
      }
    }

    link.following = false
  }

  wakeFollowers (): void {
    this.#setting.world.stir()
    this.#links.forEach(({ follower }) => { follower.wake() })
  }

  /** Resolves with those that have it on disk, this one first. */
  async replicated (position: Position): Promise<string[]> {
    const outcomes = await Promise.all(this.#master.live().map(async peer => ({ peer, has: await this.#hasIt(peer, position) })))

    return [this.#master.id, ...outcomes.filter(({ has }) => has).map(({ peer }) => peer)]
  }

  async #hasIt (peer: string, position: Position): Promise<boolean> {
    const follower = this.#links.get(peer)?.follower

    return follower != null && this.#reached(() => isCovered(follower.vector, position), listener => follower.watch(() => {
      if (follower.vector != null) {
        listener()
      }
    }), PROGRESS_MS)
  }

  /** roles/master/progress.ts on simulated time. */
  async #reached (condition: () => boolean, watch: (listener: () => void) => () => void, patienceMs: number): Promise<boolean> {
    if (condition()) {
      return true
    }

    const { promise, resolve } = Promise.withResolvers<boolean>()
    let deadline = 0
    const giveUpLater = (): void => {
      const mine = ++deadline

      this.#master.process.after(patienceMs, () => {
        if (mine === deadline) {
          this.#setting.world.stir()
          resolve(false)
        }
      })
    }
    const forget = watch(() => {
      if (condition()) {
        resolve(true)
      } else {
        giveUpLater()
      }
    })

    giveUpLater()

    return promise.finally(forget)
  }

  /** Resolves when all that the live ones know is known here, but for those that make no progress. */
  async catchUp (): Promise<void> {
    const live = this.#master.live()
    const returnsMs = this.#links.size > live.length ? this.#begunAtMs + RETURN_MS - this.#master.process.monotonic() : 0

    await Promise.all([...live.map(async peer => this.#catchUpWith(peer)), returnsMs > 0 ? this.#master.process.sleep(returnsMs) : undefined])
  }

  async #catchUpWith (peer: string): Promise<void> {
    const side = this.#setting.network.open(this.#master.process, peer, 'vector')

    if (side == null) {
      return
    }

    const theirs = await new Promise<Vector | undefined>(resolve => {
      const settle = (vector?: Vector): void => {
        this.#setting.world.stir()
        resolve(vector)
      }

      side.listen(settle, () => { settle() })
      side.send('want-vector')
      this.#master.process.after(CATCH_UP_MS, () => { settle() })
    })

    if (theirs != null) {
      let missing = Infinity

      await this.#reached(() => countBehind(theirs, this.#master.replica.vector()) === 0, listener => this.#master.replica.onChange(() => {
        const now = countBehind(theirs, this.#master.replica.vector())

        if (now < missing) {
          missing = now
          listener()
        }
      }), CATCH_UP_MS)
    }
  }
}
