import { MeshmarkError, toError } from '../model/errors.ts'
import { protocolName } from './admission.ts'
import { StreamChannel } from './channel.ts'
import { shortId } from './membership.ts'
import { withDeadline } from './wait.ts'
import type { Channel, Protocol } from './protocol/protocol.ts'
import type { Reception } from './reception.ts'

const OPEN_TIMEOUT_MS = 10_000

/** Our own callers bound themselves. */
export const MAX_OUTBOUND_STREAMS = 10_000

/** A channel over whichever connection to the peer works; those that do not are closed. The first signal is the caller's, whose reason is thrown. */
export async function openOver<Q, R> (reception: Reception, peerId: string, protocol: Protocol<Q, R>, signals: [AbortSignal | undefined, AbortSignal]): Promise<Channel<R, Q>> {
  const name = protocolName(protocol.id)
  let cause: unknown

  for (const session of reception.open(peerId)) {
    const { roles, objection } = reception.standing(session)

    if (!protocol.listeners.some(role => roles.has(role))) {
      throw new MeshmarkError('refused', objection ?? `${name} is answered by a ${protocol.listeners.join(' or a ')}, and ${session.name} is none of this mesh`)
    }

    try {
      const stream = await withDeadline(OPEN_TIMEOUT_MS, signals, async limit =>
        session.connection.newStream([protocol.id], { signal: limit, maxOutboundStreams: MAX_OUTBOUND_STREAMS }))
      const channel = new StreamChannel<R, Q>(stream, {
        peer: session.name, name, maxMessage: protocol.maxMessage, incoming: protocol.reply, outgoing: protocol.request
      })

      session.track(channel, `to ${protocol.id}`)

      return channel
    } catch (err: any) {
      signals[0]?.throwIfAborted()

      if (err.name === 'UnsupportedProtocolError') {
        throw new MeshmarkError('refused', `${session.name} does not answer ${name} (${protocol.id})`, { cause: err })
      }

      // dead connections stay in libp2p's table until somebody cleans them away
      cause = err
      session.connection.abort(toError(err))
    }
  }

  throw new MeshmarkError('unreachable', `${name} was not sent: there is no connection to ${shortId(peerId)}`, { cause })
}
