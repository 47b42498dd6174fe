import { MeshmarkError, isMeshmarkError, toError } from '../model/errors.ts'
import { formatAddress } from './address.ts'
import { dialError, gravest } from './dial-error.ts'
import { shortId } from './membership.ts'
import { raceStaggered } from './race.ts'
import { waitFor, withDeadline } from './wait.ts'
import type { Transport } from './libp2p.ts'
import type { MeshId } from './membership.ts'
import type { Reception } from './reception.ts'
import type { Session } from './session.ts'
import type { Multiaddr } from '@multiformats/multiaddr'

/** Dial, handshake and hello, for one address. */
const CONNECT_TIMEOUT_MS = 10_000
/** A known connection that does not answer hello within this time is dead. */
const REGREET_TIMEOUT_MS = 3_000
/** Between the starts of two dials (RFC 8305 recommends this). */
const DIAL_STAGGER_MS = 250

export interface DialOptions {
  /** Only a master of this mesh will do. */
  masterOf?: MeshId
  signals: Array<AbortSignal | undefined>
}

/** A session with whoever answers first, hello said and judged. Rejects with one clear line. */
export async function dialAny (transport: Transport, reception: Reception, addresses: Multiaddr[], { masterOf, signals }: DialOptions): Promise<Session> {
  try {
    return await raceStaggered(addresses, async (address, lost) => withDeadline(CONNECT_TIMEOUT_MS, [...signals, lost], async signal => {
      const session = await dialAlive(transport, reception, address, signal)

      if (masterOf != null && session.membership?.roles.includes('master') !== true) {
        const error = new MeshmarkError('refused', `${formatAddress(address)}: ${session.name} is no master of mesh ${shortId(masterOf)}`)

        await session.end(error)

        throw error
      }

      return session
    }), DIAL_STAGGER_MS)
  } catch (err) {
    throw gravest(err)
  }
}

/** libp2p hands out connections that it still has in its table although they are dead: such a one is cleaned away, and dialled anew. */
async function dialAlive (transport: Transport, reception: Reception, address: Multiaddr, signal: AbortSignal): Promise<Session> {
  const place = formatAddress(address)

  for (let retry = true; ; retry = false) {
    let session: Session | undefined

    try {
      session = reception.session(await transport.dial(address, { signal }))

      await (session.state === 'open'
        ? reception.greet(session, REGREET_TIMEOUT_MS, signal)
        : waitFor(session.ready, signal))

      return session
    } catch (err) {
      if (isMeshmarkError(err) && err.code === 'refused') {
        throw err.message.includes(place) ? err : new MeshmarkError('refused', `${place}: ${err.message}`, { cause: err })
      }

      session?.connection.abort(toError(err))

      if (session == null || !retry || signal.aborted) {
        throw dialError(err, place)
      }
    }
  }
}
