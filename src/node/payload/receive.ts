import { MeshmarkError, toError } from '../../model/errors.ts'
import { withDeadline } from '../wait.ts'
import { validateManifest } from './manifest.ts'
import type { PayloadManifest } from '../../model/payload.ts'
import type { ContentStore } from '../../store/content.ts'
import type { Peer } from '../mesh-node.ts'
import type { PayloadReply, PayloadRequest } from '../protocol/payload/messages.ts'
import type { Channel } from '../protocol/protocol.ts'

/** A sender that has said nothing for this long keeps its room from others no longer; it may go on later. */
const IDLE_MS = 60_000

/** Chunks between two words of progress. */
const PROGRESS_EVERY = 8

export interface ReceiveOptions {
  content: ContentStore
  /** Why this peer may not send this, or why not now; undefined = welcome. */
  admit: (offer: Extract<PayloadRequest, { kind: 'offer' }>, peer: Peer) => Promise<Extract<PayloadReply, { kind: 'refused' | 'busy' }> | undefined>
}

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

  if (await options.content.has(offer.manifest.id)) {
    await channel.send({ kind: 'have' })
    return
  }

  await receiveChunks(channel, offer.manifest, options.content)
}

async function admitted (offer: Extract<PayloadRequest, { kind: 'offer' }>, peer: Peer, options: ReceiveOptions): Promise<PayloadReply | undefined> {
  try {
    validateManifest(offer.manifest)
  } catch (err) {
    return { kind: 'refused', reason: toError(err).message }
  }

  return options.admit(offer, peer)
}

async function receiveChunks (channel: Channel<PayloadRequest, PayloadReply>, manifest: PayloadManifest, content: ContentStore): Promise<void> {
  let incoming: Awaited<ReturnType<ContentStore['begin']>>

  try {
    incoming = await content.begin(manifest)
  } catch (err) {
    await channel.send({ kind: 'refused', reason: toError(err).message })
    return
  }

  try {
    const missing = new Set(incoming.missing)
    let received = 0

    await channel.send({ kind: 'accept', missing: incoming.missing })

    while (missing.size > 0) {
      const message = await nextMessage(channel)

      if (message == null) {
        throw new MeshmarkError('failed', `the transfer ended with ${missing.size} of ${manifest.chunks.length} chunks missing`)
      }

      if (message.kind !== 'chunk' || !missing.has(message.index)) {
        await channel.send({ kind: 'refused', reason: 'not a chunk that was asked for' })
        throw new MeshmarkError('refused', 'the sender sent what was not asked for')
      }

      try {
        await incoming.write(message.index, message.data)
      } catch (err) {
        await channel.send(isDigestMismatch(err) ? { kind: 'corrupt', index: message.index } : { kind: 'refused', reason: toError(err).message })
        throw err
      }

      missing.delete(message.index)
      received++

      if (received % PROGRESS_EVERY === 0) {
        await channel.send({ kind: 'received', chunks: received })
      }
    }

    await incoming.finish()
    await channel.send({ kind: 'complete' })
  } catch (err) {
    await incoming.abort()
    throw err
  }
}

async function nextMessage (channel: Channel<PayloadRequest, PayloadReply>): Promise<PayloadRequest | undefined> {
  return withDeadline(IDLE_MS, [], async signal => channel.receive({ signal }).catch(err => {
    throw signal.aborted ? new MeshmarkError('failed', `nothing of the payload came for ${IDLE_MS / 1_000} s`, { cause: err }) : err
  }))
}

function isDigestMismatch (err: unknown): boolean {
  return err instanceof Error && err.name === 'ChunkMismatchError'
}
