import { pipe } from 'it-pipe'
import { MeshmarkError } from '../model/errors.ts'
import { protocolName } from './admission.ts'
import { duplex } from './duplex.ts'
import type { MeshNode } from './mesh-node.ts'
import type { Protocol } from './protocol/protocol.ts'

const DEFAULT_TIMEOUT_MS = 10_000

export interface RequestOptions {
  signal?: AbortSignal
  /** From opening the stream to the answer. @default 10_000 */
  timeoutMs?: number
}

/** One question, one answer, on a stream of its own. Refusals and broken connections reject with a MeshmarkError. */
export async function request<Q, R> (node: MeshNode, peerId: string, protocol: Protocol<Q, R>, message: Q, { signal, timeoutMs = DEFAULT_TIMEOUT_MS }: RequestOptions = {}): Promise<R> {
  const timeout = AbortSignal.timeout(timeoutMs)
  const either = AbortSignal.any([timeout, ...(signal == null ? [] : [signal])])
  const name = node.peer(peerId)?.name ?? peerId

  try {
    const channel = await node.openChannel(peerId, protocol, { signal: either })

    try {
      return await pipe([message], duplex(channel, { signal: either }), async source => first(source, name))
    } catch (err: any) {
      channel.abort(err)

      throw err
    }
  } catch (err) {
    if (timeout.aborted && signal?.aborted !== true && err === either.reason) {
      throw new MeshmarkError('unreachable', `${name} did not answer ${protocolName(protocol.id)} within ${timeoutMs} ms`, { cause: err })
    }

    throw err
  }
}

async function first<T> (source: AsyncIterable<T>, name: string): Promise<T> {
  for await (const message of source) {
    return message
  }

  throw new MeshmarkError('unreachable', `${name} hung up without an answer`)
}
