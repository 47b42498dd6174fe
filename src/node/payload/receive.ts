import { MeshmarkError, toError } from '../../model/errors.ts'
import { validateManifest } from './manifest.ts'
import type { PayloadManifest } from '../../model/payload.ts'
import type { ContentStore } from '../../store/content.ts'
import type { Peer } from '../mesh-node.ts'
import type { PayloadReply, PayloadRequest } from '../protocol/payload/messages.ts'
import type { Channel } from '../protocol/protocol.ts'

/** A sender that has said nothing for this long keeps its room from others no longer; it may go on later. */
const IDLE_MS = 60_000

/** Chunks that wait for the disk at the same time. */
const MAX_WRITING = 4

/** Chunks between two words of progress. */
const PROGRESS_EVERY = 8

export interface ReceiveOptions {
  content: ContentStore
  /** Why this peer may not send this, or why not now; undefined = welcome. */
  admit: (offer: Extract<PayloadRequest, { kind: 'offer' }>, peer: Peer) => Promise<Extract<PayloadReply, { kind: 'refused' | 'busy' }> | undefined>
  /** Where a newer transfer of a payload takes the place of an older one: the transfers under way, by payload. */
  underway?: Map<string, Channel<PayloadRequest, PayloadReply>>
  /** An admitted transfer has ended. */
  onEnd?: (payload: string, peer: Peer, end: TransferEnd) => void
}

export type TransferEnd =
  | { kind: 'complete' }
  /** It cannot be taken here, whoever sends it. */
  | { kind: 'refused', reason: string }
  /** The sender sent what is not the payload. */
  | { kind: 'lied', reason: string }
  /** It stopped in the middle. */
  | { kind: 'broken', reason: string }

/** Answers one transfer: the mirror of sendPayload. Every chunk is verified before it counts. */
export async function receivePayload (channel: Channel<PayloadRequest, PayloadReply>, peer: Peer, options: ReceiveOptions): Promise<void> {
  const offer = await channel.receive()

  if (offer?.kind !== 'offer') {
    throw new MeshmarkError('refused', 'a transfer begins with an offer')
  }

  const refusal = await admitted(offer, peer, options)

  if (refusal != null) {
    await channel.send(refusal)
    return
  }

  const { id } = offer.manifest

  if (await options.content.has(id)) {
    await channel.send({ kind: 'have' })
    options.onEnd?.(id, peer, { kind: 'complete' })
    return
  }

  try {
    await receiveChunks(channel, offer.manifest, options)
  } catch (err) {
    options.onEnd?.(id, peer, endOf(err))
    throw err
  }

  options.onEnd?.(id, peer, { kind: 'complete' })
}

/** What went wrong here, rather than on the way. */
class Own extends MeshmarkError {}

/** The sender's doing. */
class Lie extends MeshmarkError {}

function endOf (err: unknown): TransferEnd {
  const reason = toError(err).message

  return { kind: err instanceof Own ? 'refused' : err instanceof Lie ? 'lied' : 'broken', reason }
}

async function admitted (offer: Extract<PayloadRequest, { kind: 'offer' }>, peer: Peer, options: ReceiveOptions): Promise<PayloadReply | undefined> {
  try {
    validateManifest(offer.manifest)
  } catch (err) {
    return { kind: 'refused', reason: toError(err).message }
  }

  return options.admit(offer, peer)
}

async function receiveChunks (channel: Channel<PayloadRequest, PayloadReply>, manifest: PayloadManifest, { content, underway }: ReceiveOptions): Promise<void> {
  let incoming: Awaited<ReturnType<ContentStore['begin']>>

  try {
    incoming = await content.begin(manifest)
  } catch (err) {
    throw new Own('refused', `the payload was refused: ${toError(err).message}`, { cause: err })
  }

  const older = underway?.get(manifest.id)
  const silence = new Silence()
  const writing = new Set<Promise<void>>()
  let failure: unknown

  // only now: what the older one has written is kept for as long as somebody writes
  underway?.set(manifest.id, channel)
  older?.abort(new MeshmarkError('failed', 'a newer transfer of this payload has taken over'))

  try {
    const missing = new Set(incoming.missing)
    let received = 0

    await channel.send({ kind: 'accept', missing: incoming.missing })

    while (missing.size > 0) {
      const message = await silence.during(async signal => channel.receive({ signal }))

      if (message == null) {
        throw new MeshmarkError('failed', `the transfer ended with ${missing.size} of ${manifest.chunks.length} chunks missing`)
      }

      if (message.kind !== 'chunk' || !missing.has(message.index)) {
        await channel.send({ kind: 'refused', reason: 'not a chunk that was asked for' })
        throw new Lie('refused', 'the sender sent what was not asked for')
      }

      try {
        const written = incoming.take(message.index, message.data)
          .catch(err => { failure ??= err })
          .finally(() => { writing.delete(written) })

        writing.add(written)
      } catch (err) {
        failure = err
      }

      missing.delete(message.index)

      if (missing.size === 0) {
        await Promise.all(writing)
      } else if (writing.size >= MAX_WRITING) {
        await Promise.race(writing)
      }

      if (failure != null) {
        const lied = isDigestMismatch(failure)

        await channel.send(lied ? { kind: 'corrupt', index: message.index } : { kind: 'refused', reason: toError(failure).message }).catch(() => {})
        throw new (lied ? Lie : Own)('failed', toError(failure).message, { cause: failure })
      }

      received++

      if (received % PROGRESS_EVERY === 0) {
        await channel.send({ kind: 'received', chunks: received })
      }
    }

    await incoming.finish().catch(err => { throw new Own('failed', toError(err).message, { cause: err }) })
    await channel.send({ kind: 'complete' })
  } catch (err) {
    await incoming.abort()
    throw err
  } finally {
    silence.end()

    if (underway?.get(manifest.id) === channel) {
      underway.delete(manifest.id)
    }
  }
}

/** One timer for a whole transfer: a deadline of its own for each of thousands of chunks costs as much as hashing it. */
class Silence {
  readonly #stop = new AbortController()
  #waiting = false
  readonly #timer = setTimeout(() => {
    // a slow disk is not the sender's fault
    if (this.#waiting) {
      this.#stop.abort(new Error('silence'))
    }
  }, IDLE_MS)

  async during<T> (wait: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { signal } = this.#stop

    this.#waiting = true
    this.#timer.refresh()

    try {
      return await wait(signal)
    } catch (err) {
      throw signal.aborted ? new MeshmarkError('failed', `nothing of the payload came for ${IDLE_MS / 1_000} s`, { cause: err }) : err
    } finally {
      this.#waiting = false
    }
  }

  end (): void {
    clearTimeout(this.#timer)
  }
}

function isDigestMismatch (err: unknown): boolean {
  return err instanceof Error && err.name === 'ChunkMismatchError'
}
