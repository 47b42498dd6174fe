import { MeshmarkError } from '../../model/errors.ts'
import { payload } from '../protocol/payload/index.ts'
import type { Uint8ArrayList } from 'uint8arraylist'
import type { PayloadManifest } from '../../model/payload.ts'
import type { MeshNode } from '../mesh-node.ts'
import type { PayloadReply, PayloadRequest } from '../protocol/payload/messages.ts'
import type { Channel } from '../protocol/protocol.ts'

export interface SendOptions {
  manifest: PayloadManifest
  readChunk: (index: number) => Promise<Uint8Array | Uint8ArrayList>
  /** Which of the chunks that are left is sent next; undefined = none of them will ever be here. @default in the order in which they were asked for */
  next?: (left: ReadonlySet<number>, signal: AbortSignal) => Promise<number | undefined>
  /** Sealed by the coordinator. */
  ticket?: Uint8Array
  /** The client's own job, for an upload to a master. */
  job?: string
  /** Chunks that the other side has, of all. */
  onProgress?: (chunks: number, of: number) => void
  signal?: AbortSignal
}

/**
 * Gives content to a peer: offer -> ACCEPT with what is missing -> those chunks
 * -> COMPLETE. Returns how many chunks were sent. Rejects with a MeshmarkError
 * when the peer refuses, is busy, or got a chunk that does not match.
 */
export async function sendPayload (node: MeshNode, peerId: string, options: SendOptions): Promise<number> {
  const { manifest, signal } = options
  const channel = await node.openChannel(peerId, payload, { signal })

  try {
    await channel.send({ kind: 'offer', manifest, ticket: options.ticket, job: options.job }, { signal })
    const answer = expectReply(await channel.receive({ signal }))

    if (answer.kind === 'have') {
      await channel.close()
      options.onProgress?.(manifest.chunks.length, manifest.chunks.length)
      return 0
    }

    if (answer.kind !== 'accept') {
      throw unexpected(answer)
    }

    const had = manifest.chunks.length - answer.missing.length

    // an answer that ends the transfer must stop the sending of chunks
    const stop = new AbortController()
    const sending = signal != null ? AbortSignal.any([signal, stop.signal]) : stop.signal
    const finished = awaitCompletion(channel, received => options.onProgress?.(had + received, manifest.chunks.length), signal)
    finished.catch(err => { stop.abort(err) })

    const left = new Set(answer.missing)

    while (left.size > 0) {
      const index = await (options.next ?? firstOf)(left, sending)

      if (index == null || !left.delete(index)) {
        throw new MeshmarkError('failed', `${left.size} chunks of the payload are not here`)
      }

      await channel.send({ kind: 'chunk', index, data: await options.readChunk(index) }, { signal: sending })
    }

    await finished
    await channel.close()

    return answer.missing.length
  } catch (err: any) {
    channel.abort(err)
    throw err
  }
}

async function firstOf (left: ReadonlySet<number>): Promise<number | undefined> {
  const [first] = left

  return first
}

async function awaitCompletion (channel: Channel<PayloadReply, PayloadRequest>, onReceived: (chunks: number) => void, signal: AbortSignal | undefined): Promise<void> {
  while (true) {
    const reply = expectReply(await channel.receive({ signal }))

    if (reply.kind === 'complete') {
      return
    }

    if (reply.kind !== 'received') {
      throw unexpected(reply)
    }

    onReceived(reply.chunks)
  }
}

function expectReply (reply: PayloadReply | undefined): PayloadReply {
  if (reply == null) {
    throw new MeshmarkError('failed', 'the transfer of the payload ended early: the other side closed it')
  }

  return reply
}

function unexpected (reply: PayloadReply): MeshmarkError {
  switch (reply.kind) {
    case 'busy':
      return new MeshmarkError('failed', `the payload cannot be sent now: ${reply.reason}`)
    case 'refused':
      return new MeshmarkError('refused', `the payload was refused: ${reply.reason}`)
    case 'corrupt':
      return new MeshmarkError('failed', `chunk ${reply.index} of the payload arrived damaged`)
    default:
      return new MeshmarkError('failed', `the transfer of the payload went out of step (${reply.kind})`)
  }
}
