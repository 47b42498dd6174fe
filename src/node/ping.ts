import { byteStream } from '@libp2p/utils'
import { toError } from '../model/errors.ts'
import type { Connection } from '@libp2p/interface'

const PING_PROTOCOL = '/ipfs/ping/1.0.0'
const PING_BYTES = 32

/** Resolves when the other side has answered by libp2p's ping protocol, on a stream of its own. */
export async function pingOver (connection: Connection, maxOutboundStreams: number, signal?: AbortSignal): Promise<void> {
  const stream = await connection.newStream([PING_PROTOCOL], { signal, maxOutboundStreams })

  try {
    const bytes = byteStream(stream)

    await bytes.write(new Uint8Array(PING_BYTES), { signal })
    await bytes.read({ bytes: PING_BYTES, signal })
    await stream.close({ signal })
  } catch (err) {
    stream.abort(toError(err))

    throw err
  }
}
