import { MeshmarkError, toError } from '../../model/errors.ts'
import { onAbort } from '../../node/wait.ts'
import { MAX_ENTRIES } from '../../node/protocol/masters/index.ts'
import { covers } from './replica/replica.ts'
import type { Channel } from '../../node/protocol/protocol.ts'
import type { FollowReply, FollowRequest, OriginPosition } from '../../node/protocol/masters/messages.ts'
import type { Position, Replica, Vector } from './replica/replica.ts'

/** One page is on its way at a time: the heartbeats on the same connection must not wait behind many. */
const PAGE_BYTES = 512 * 1024

/** One master's knowledge on its way to another one: what is missing there, then whatever is new, each page confirmed when it is on the disk there. */
export class Follower {
  readonly #replica: Replica
  #vector = new Map<string, number>()
  #wake = Promise.withResolvers<void>()
  readonly #watchers = new Set<() => void>()
  #serving?: Channel<FollowRequest, FollowReply>

  constructor (replica: Replica) {
    this.#replica = replica
  }

  /** What is on the disk there, as far as it has said; undefined while it does not follow. */
  get vector (): Vector | undefined {
    return this.#serving == null ? undefined : this.#vector
  }

  /** Something may be new. */
  wake (): void {
    this.#wake.resolve()
  }

  /** Calls at every confirmation, and when it follows no more. Returns how to stop that. */
  watch (listener: () => void): () => void {
    this.#watchers.add(listener)

    return () => { this.#watchers.delete(listener) }
  }

  /** Until the other side ends it, or asks anew on another stream. */
  async serve (channel: Channel<FollowRequest, FollowReply>): Promise<void> {
    const first = await channel.receive()

    if (first?.kind !== 'follow') {
      throw new Error('a follower says first what it has')
    }

    // before anything is given to it
    await this.#replica.graveyard.meet(first.forgottenMs)
    await channel.send({ kind: 'forgotten', forgottenMs: this.#replica.graveyard.forgotten })

    this.#serving?.abort(new MeshmarkError('unreachable', 'it follows on another stream now'))
    this.#serving = channel
    this.#vector = new Map()
    this.#confirm(first.vector)

    const end = new AbortController()
    const confirmations = this.#listen(channel).finally(() => { end.abort(new Error('it follows no more')) })

    try {
      await Promise.all([confirmations, this.#push(channel, end.signal)])
    } finally {
      if (this.#serving === channel) {
        this.#serving = undefined
        this.#notify()
      }
    }
  }

  async #listen (channel: Channel<FollowRequest, FollowReply>): Promise<void> {
    for (let message = await channel.receive(); message != null; message = await channel.receive()) {
      if (this.#serving !== channel) {
        return
      }

      this.#confirm(message.vector)
    }
  }

  async #push (channel: Channel<FollowRequest, FollowReply>, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.#wake = Promise.withResolvers()

      // what is confirmed meanwhile is not looked at again: each page begins where the one before ended
      for await (const page of this.#replica.missing(new Map(this.#vector), PAGE_BYTES)) {
        for (let start = 0; start < page.length && !signal.aborted; start += MAX_ENTRIES) {
          const entries = page.slice(start, start + MAX_ENTRIES)

          await channel.send({ kind: 'entries', entries }, { signal }).catch(err => {
            // it has gone: that is an end like any other
            if (!signal.aborted) {
              throw err
            }
          })
          await this.#until(() => entries.every(entry => covers(this.#vector, entry)), signal)
        }

        if (signal.aborted) {
          return
        }
      }

      const forget = onAbort(signal, () => { this.wake() })

      await this.#wake.promise
      forget()
    }
  }

  async #until (condition: () => boolean, signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const check = (): void => {
      if (signal.aborted || condition()) {
        resolve()
      }
    }
    const forget = [this.watch(check), onAbort(signal, check)]

    check()
    await promise
    forget.forEach(stop => { stop() })
  }

  #confirm (vector: OriginPosition[]): void {
    for (const { origin, seq } of vector) {
      this.#vector.set(origin, Math.max(seq, this.#vector.get(origin) ?? 0))
    }

    this.#notify()
  }

  #notify (): void {
    for (const watcher of [...this.#watchers]) {
      watcher()
    }
  }
}

/** Takes in what another master knows, for as long as the stream lasts. `onTaken` is called when something is on the disk here. */
export async function follow (channel: Channel<FollowReply, FollowRequest>, replica: Replica, onTaken: () => void, signal: AbortSignal): Promise<void> {
  try {
    await channel.send({ kind: 'follow', vector: positions(replica.vector()), forgottenMs: replica.graveyard.forgotten }, { signal })

    const first = await channel.receive({ signal })

    if (first == null) {
      return
    }

    if (first.kind !== 'forgotten') {
      throw new Error('a master says first what it has forgotten')
    }

    // before anything is taken from it
    await replica.graveyard.meet(first.forgottenMs)

    for (let message = await channel.receive({ signal }); message != null; message = await channel.receive({ signal })) {
      if (message.kind !== 'entries') {
        throw new Error('a master says once what it has forgotten')
      }

      await replica.take(message.entries)

      const vector = replica.vector()

      await channel.send({ kind: 'have', vector: positions(new Map(message.entries.map(({ origin, seq }) => [origin, Math.max(seq, vector.get(origin) ?? 0)]))) }, { signal })
      onTaken()
    }
  } catch (err) {
    channel.abort(toError(err))

    throw err
  }
}

/** Entries of which the second master knows nothing yet. */
export function countBehind (ours: Vector, theirs: Vector): number {
  let behind = 0

  for (const [origin, seq] of ours) {
    behind += Math.max(0, seq - (theirs.get(origin) ?? 0))
  }

  return behind
}

export function vectorOf (positions: OriginPosition[]): Map<string, number> {
  return new Map(positions.map(({ origin, seq }) => [origin, seq]))
}

export function positions (vector: Vector): OriginPosition[] {
  return [...vector].filter(([, seq]) => seq > 0).map(([origin, seq]) => ({ origin, seq }))
}

export function isCovered (vector: Vector | undefined, position: Position): boolean {
  return vector != null && covers(vector, position)
}
