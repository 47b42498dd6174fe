import { pipe } from 'it-pipe'
import { MeshmarkError } from '../model/errors.ts'
import { protocolName } from './admission.ts'
import { duplex } from './duplex.ts'
import { shortId } from './membership.ts'
import { withDeadline } from './wait.ts'
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
  const name = node.peer(peerId)?.name ?? shortId(peerId)

  return withDeadline(timeoutMs, [signal], async limit => {
    try {
      const channel = await node.openChannel(peerId, protocol, { signal: limit })

      try {
        return await pipe([message], duplex(channel, { signal: limit }), async source => first(source, name))
      } catch (err: any) {
        channel.abort(err)

        throw err
      }
    } catch (err) {
      if (limit.aborted && signal?.aborted !== true) {
        throw new MeshmarkError('unreachable', `${name} did not answer ${protocolName(protocol.id)} within ${timeoutMs} ms`, { cause: err })
      }

      throw err
    }
  })
}

/** Does not end the source: that would be a return in the middle of a receive. */
async function first<T> (source: AsyncGenerator<T>, name: string): Promise<T> {
  const { value, done } = await source.next()

  if (done === true) {
    throw new MeshmarkError('unreachable', `${name} hung up without an answer`)
  }

  return value
}
