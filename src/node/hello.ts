import { MeshmarkError } from '../model/errors.ts'
import { StreamChannel } from './channel.ts'
import { hello } from './protocol/hello/index.ts'
import type { Hello, HelloReply } from './protocol/hello/messages.ts'
import type { Connection, Stream } from '@libp2p/interface'

/** From the opening of a connection to its hello, and for the answer to a hello: a master to which a whole fleet comes has much to answer. */
export const HELLO_TIMEOUT_MS = 10_000

/** From hello to asking to join: so long may a stranger stay. */
export const STRANGER_MS = 15_000

/** Says hello on a connection and returns what was answered. */
export async function exchangeHello (connection: Connection, own: Hello, peer: string, signal: AbortSignal): Promise<HelloReply> {
  const stream = await connection.newStream([hello.id], { signal })
  const channel = new StreamChannel<HelloReply, Hello>(stream, { peer, name: 'hello', maxMessage: hello.maxMessage, incoming: hello.reply, outgoing: hello.request })

  try {
    await channel.send(own, { signal })

    const reply = await channel.receive({ signal })

    if (reply == null) {
      throw new MeshmarkError('unreachable', `${peer} hung up without answering hello`)
    }

    void channel.finish()

    return reply
  } catch (err: any) {
    channel.abort(err)

    throw err
  }
}

/** The answering end of a hello stream; made at once, because an unread stream is not flow-controlled. */
export function acceptHello (stream: Stream, peer: string): StreamChannel<Hello, HelloReply> {
  return new StreamChannel<Hello, HelloReply>(stream, {
    peer, name: 'hello', maxMessage: hello.maxMessage, incoming: hello.request, outgoing: hello.reply, firstMessageMs: hello.firstMessageMs
  })
}
