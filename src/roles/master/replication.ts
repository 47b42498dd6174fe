import { setTimeout as delay } from 'node:timers/promises'
import { toError } from '../../model/errors.ts'
import { mastersAsk } from '../../node/protocol/masters/index.ts'
import { request } from '../../node/request.ts'
import { countBehind, isCovered, vectorOf } from './follow.ts'
import { reached } from './progress.ts'
import type { MeshNode } from '../../node/mesh-node.ts'
import type { Follower } from './follow.ts'
import type { Position, Replica } from './replica/replica.ts'

/** A standby that makes no progress for so long is left out. */
const PROGRESS_MS = 500
/** Whom a new coordinator has asked what it knows may take so long to answer, or to make progress. */
const CATCH_UP_MS = 1_000
/** Workers find a master again within this of its start. */
const RETURN_MS = 1_500

export interface ReplicationComponents {
  node: MeshNode
  replica: Replica
  /** Peer ids of the other masters that are there. */
  live: () => string[]
  /** Other masters of the mesh, there or not. */
  known: () => number
  /** What that master has of our knowledge; undefined = it is none of ours any more. */
  follower: (peer: string) => Follower | undefined
  name: (peer: string) => string
  log: (line: string) => void
  /** Fires when this master stops. */
  signal: AbortSignal
}

/** Waiting until masters know what others know: the others what was written here, this one what was written there. */
export class Replication {
  readonly #components: ReplicationComponents
  readonly #startedAtMs = performance.now()

  constructor (components: ReplicationComponents) {
    this.#components = components
  }

  /**
   * Names of the masters that have it on disk, this one first. Waits for those
   * that are live; whoever makes no progress for half a second is left out.
   */
  async replicated (position: Position, signal?: AbortSignal): Promise<{ on: string[], leftOut: string[] }> {
    const { node, live, name } = this.#components
    const outcomes = await Promise.all(live().map(async peer => ({ peer, has: await this.#hasIt(peer, position, signal) })))
    const named = (has: boolean): string[] => outcomes.filter(outcome => outcome.has === has).map(({ peer }) => name(peer))

    signal?.throwIfAborted()

    return { on: [node.name, ...named(true)], leftOut: named(false) }
  }

  /**
   * Resolves when all that the live masters had on disk at this moment is on
   * the disk here; whoever makes no progress is left out. A master that has
   * only just started, and misses others, gives workers the time to register:
   * they alone may know what those have begun.
   */
  async catchUp (): Promise<void> {
    const { live, known, signal } = this.#components
    const there = live()
    const returnsMs = known() > there.length ? this.#startedAtMs + RETURN_MS - performance.now() : 0

    await Promise.all([
      ...there.map(async peer => this.#catchUpWith(peer)),
      returnsMs > 0 ? delay(returnsMs, undefined, { signal }).catch(() => {}) : undefined
    ])
  }

  async #hasIt (peer: string, position: Position, signal?: AbortSignal): Promise<boolean> {
    const follower = this.#components.follower(peer)

    return follower != null && reached({
      condition: () => isCovered(follower.vector, position),
      // that it follows no more is no progress
      watch: listener => follower.watch(() => {
        if (follower.vector != null) {
          listener()
        }
      }),
      patienceMs: PROGRESS_MS,
      signals: [signal, this.#components.signal]
    })
  }

  async #catchUpWith (peer: string): Promise<void> {
    const { node, replica, name, log, signal } = this.#components

    try {
      const answer = await request(node, peer, mastersAsk, { kind: 'want-vector' }, { timeoutMs: CATCH_UP_MS, signal })

      if (answer.kind !== 'vector') {
        throw new Error(`it answered ${answer.kind}`)
      }

      const theirs = vectorOf(answer.vector)
      let missing = Infinity
      const has = await reached({
        condition: () => countBehind(theirs, replica.vector()) === 0,
        // what is written here meanwhile is no progress
        watch: listener => replica.onChange(() => {
          const now = countBehind(theirs, replica.vector())

          if (now < missing) {
            missing = now
            listener()
          }
        }),
        patienceMs: CATCH_UP_MS,
        signals: [signal]
      })

      if (!has) {
        throw new Error('nothing comes of what is missing here')
      }
    } catch (err) {
      if (!signal.aborted) {
        log(`what master ${name(peer)} knows is not waited for: ${toError(err).message}`)
      }
    }
  }
}
