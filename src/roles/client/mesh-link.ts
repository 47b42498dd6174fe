import { hostname } from 'node:os'
import { isMeshmarkError, MeshmarkError } from '../../model/errors.ts'
import { masterOf } from '../../node/master-addresses.ts'
import { linkToMaster, RENEW_CHECK_MS, renewWhenAgeing } from '../link.ts'
import { rememberMasters } from '../member.ts'
import { Patience } from './patience.ts'
import { Watch } from './watch.ts'
import type { MeshNode, Peer } from '../../node/mesh-node.ts'
import type { FoundMesh } from '../find-mesh.ts'
import type { LinkOptions } from '../link.ts'
import type { MemberPlace } from '../member.ts'

/** A client that loses its master looks for one this long before it gives up. */
export const PATIENCE_MS = 60_000

/** With masters known and none of them answering, the local network is asked for no longer than this: they may be back meanwhile. */
const DISCOVERY_MS = 1_000

/** A client's connection to its mesh: to one master at a time, and to another one when that is lost. */
export class MeshLink {
  /** Called when no master has answered for over a second; once each time. */
  onWaiting: () => void
  readonly #node: MeshNode
  readonly #mesh: FoundMesh
  readonly #options: LinkOptions
  readonly #renewal: NodeJS.Timeout
  readonly #onPeer: (event: CustomEvent<Peer>) => void
  #master?: Peer
  #known: string[] = []
  #remembering?: Promise<unknown>

  constructor (node: MeshNode, mesh: FoundMesh, dir: MemberPlace, onWaiting = (): void => {}) {
    this.onWaiting = onWaiting
    this.#node = node
    this.#mesh = mesh
    this.#options = { dir, name: hostname().split('.')[0] ?? 'client' }
    // whoever follows a job for days must still be a member when its master comes back
    this.#renewal = setInterval(() => { this.#renew() }, RENEW_CHECK_MS).unref()
    this.#onPeer = ({ detail }) => { this.#remember(detail) }
    node.addEventListener('peer', this.#onPeer)
  }

  /** The one that answered last. */
  get master (): Peer {
    if (this.#master == null) {
      throw new MeshmarkError('unreachable', 'not connected to a master')
    }

    return this.#master
  }

  /** Connects to whichever master answers. */
  async connect (options: Pick<LinkOptions, 'typedOnly' | 'signal'> = {}): Promise<void> {
    const waiting = new Patience(Infinity, () => { this.onWaiting() })

    waiting.wears()

    try {
      await this.#link(options)
    } finally {
      waiting.restore()
    }
  }

  /**
   * Asks a master, and another one when it is lost or cannot do it, until one
   * has answered. What is asked must be the same when it is asked twice.
   */
  async persist<T> (ask: (master: Peer, watch: Watch | undefined) => Promise<T>, signal?: AbortSignal): Promise<T> {
    const patience = this.patience()
    const failures = new Failures()

    try {
      for (;;) {
        const master = this.master
        const watch = this.watch(master, signal)

        try {
          return await ask(master, watch)
        } catch (err) {
          signal?.throwIfAborted()
          failures.judge(this.isGone(master, err), err, this.masters)

          if (!patience.wears()) {
            throw new MeshmarkError('unreachable', `no master has answered for ${PATIENCE_MS / 1_000} s: is one running, and can this machine reach it?`, { cause: err })
          }
        } finally {
          watch?.end()
        }

        await this.replace(master, patience, signal)
      }
    } finally {
      patience.restore()
    }
  }

  patience (): Patience {
    return new Patience(PATIENCE_MS, () => { this.onWaiting() })
  }

  /** Where there is another master to turn to, silence is worth noticing. */
  watch (master: Peer, signal: AbortSignal | undefined): Watch | undefined {
    return this.masters > 1 ? new Watch(this.#node, master, signal) : undefined
  }

  /** How many masters are known. */
  get masters (): number {
    return new Set(this.#known.flatMap(address => masterOf(address) ?? [])).size
  }

  /**
   * Connects to another master than the one that was lost, or to that one again
   * if no other answers. One look: when nobody answers it resolves too, and
   * `master` is the old one. Rejects when the mesh refuses this client.
   */
  async replace (lost: Peer, patience: Patience, signal: AbortSignal | undefined): Promise<void> {
    await patience.pause(signal)

    await this.#link({ lost, discoveryMs: DISCOVERY_MS, signal }).catch(err => {
      signal?.throwIfAborted()

      if (isMeshmarkError(err) && err.code === 'refused') {
        throw err
      }
    })
  }

  /** An error says that this master is lost, not that it refuses. */
  isGone (master: Peer, err: unknown): boolean {
    return !isMeshmarkError(err) || err.code === 'unreachable' || (err.code === 'failed' && this.#node.peer(master.id) == null)
  }

  async close (): Promise<void> {
    clearInterval(this.#renewal)
    this.#node.removeEventListener('peer', this.#onPeer)
    await this.#remembering
  }

  async #link (options: Partial<LinkOptions>): Promise<void> {
    this.#master = await linkToMaster(this.#node, this.#mesh, { ...this.#options, ...options })
    this.#remember(this.#master)
  }

  /** Masters may come and go for as long as a client follows a job. */
  #remember (peer: Peer): void {
    if (peer.masters.length > 0) {
      this.#known = peer.masters
      // a disk that is full is no reason to lose the master that has just been found
      this.#remembering = rememberMasters(this.#options.dir, this.#node.peerId, peer).catch(() => {})
    }
  }

  #renew (): void {
    // it may not have found one yet
    if (this.#master != null) {
      renewWhenAgeing(this.#node, this.#master, this.#mesh.meshId, this.#options).catch(() => {})
    }
  }
}

/** Tells errors of a master that another one, or the same one a moment later, may not have. */
export class Failures {
  #count = 0

  /**
   * Throws the error when asking again is of no use: the answer was a refusal,
   * or as many masters as there are have failed. Who is merely gone does not
   * count.
   */
  judge (gone: boolean, err: unknown, masters: number): void {
    if (gone) {
      return
    }

    if (!isMeshmarkError(err) || err.code !== 'failed' || ++this.#count > masters) {
      throw err
    }
  }
}
