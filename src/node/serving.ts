import { MeshmarkError, isMeshmarkError, toError } from '../model/errors.ts'
import { objectToOpening, protocolName } from './admission.ts'
import type { Role } from '../model/roles.ts'
import type { StreamChannel } from './channel.ts'
import type { Peer } from './peer.ts'
import type { Channel, Protocol } from './protocol/protocol.ts'
import type { Reception } from './reception.ts'
import type { Session } from './session.ts'

/** Before hello nobody knows who speaks, and each stream may hold what fits into a window. */
export const MAX_EARLY_STREAMS = 16

export interface Serving<Q, R> {
  protocol: Protocol<Q, R>
  handler: (channel: Channel<Q, R>, peer: Peer) => Promise<void>
  channel: StreamChannel<Q, R>
  session: Session
  reception: Reception
  /** Who answers. */
  own: { roles: ReadonlySet<Role>, name: string }
  log: (line: string) => void
}

/** One stream of a peer, from its opening to its end: the handler runs if the peer may open it now, else it hears why not. */
export async function serve<Q, R> ({ protocol, handler, channel, session, reception, own, log }: Serving<Q, R>): Promise<void> {
  const name = protocolName(protocol.id)

  try {
    if (reception.count(session.peerId, protocol.id) >= protocol.maxStreams) {
      throw new MeshmarkError('quota', `${name} may be open ${protocol.maxStreams} times at once: close one first`)
    }

    if (session.state === 'new' && session.streams >= MAX_EARLY_STREAMS) {
      throw new MeshmarkError('quota', `say hello first: ${MAX_EARLY_STREAMS} streams wait for it already`)
    }

    session.track(channel, protocol.id)

    // the other side may speak as soon as it has sent its welcome, before we have judged that
    await session.ready
    reception.checkRate(session, protocol)

    const { roles, objection } = reception.standing(session)
    const refusal = objectToOpening(protocol, roles, own.roles)

    if (refusal != null) {
      throw new MeshmarkError('refused', objection ?? refusal)
    }

    await handler(channel, reception.describe(session))
    await channel.finish()
  } catch (err) {
    if (!isMeshmarkError(err)) {
      log(`${name} failed for ${session.name}: ${toError(err).stack}`)
    }

    channel.refuse(isMeshmarkError(err) ? err : new MeshmarkError('failed', `${name} failed on ${own.name}: its log says why`, { cause: err }))
  }
}
