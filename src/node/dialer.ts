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

/** Until somebody accepts the connection: a machine has several addresses, and some of them lead nowhere. */
const REACH_TIMEOUT_MS = 3_000
/** From then on, for handshake and hello. */
const ANSWER_TIMEOUT_MS = 10_000
/** Between the starts of two dials (RFC 8305 recommends this). */
const DIAL_STAGGER_MS = 250

/** Words of libp2p's dialer after which nothing is waited for but an answer. */
const REACHED: ReadonlySet<string> = new Set(['upgrader:encrypt-outbound-connection', 'dial-queue:already-connected', 'dial-queue:already-in-dial-queue'])

export interface DialOptions {
  /** Only a master of this mesh will do. */
  masterOf?: MeshId
  /** From the moment in which somebody accepts the connection. @default 10_000 */
  answerMs?: number
  /** Somebody has accepted the connection: what takes long from here on is the answer, not the way. */
  onReached?: () => void
  signals: Array<AbortSignal | undefined>
}

/** A session with whoever answers first, hello said and judged. Rejects with one clear line. */
export async function dialAny (transport: Transport, reception: Reception, addresses: Multiaddr[], { masterOf, answerMs = ANSWER_TIMEOUT_MS, onReached = () => {}, signals }: DialOptions): Promise<Session> {
  try {
    return await raceStaggered(addresses, async (address, lost) => withStages([...signals, lost], answerMs, async (signal, onStage) => {
      const session = await dialAlive(transport, reception, address, signal, () => {
        onStage()
        onReached()
      })

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
async function dialAlive (transport: Transport, reception: Reception, address: Multiaddr, signal: AbortSignal, onReached: () => void): Promise<Session> {
  const place = formatAddress(address)

  for (let retry = true; ; retry = false) {
    let session: Session | undefined

    try {
      session = reception.session(await transport.dial(address, {
        signal,
        onProgress: ({ type }) => {
          if (REACHED.has(type)) {
            onReached()
          }
        }
      }))

      await (session.state === 'open'
        ? reception.confirm(session, ANSWER_TIMEOUT_MS, signal)
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

/** Two deadlines, one after the other: to be reached, and to answer. */
async function withStages<T> (signals: Array<AbortSignal | undefined>, answerMs: number, work: (signal: AbortSignal, onReached: () => void) => Promise<T>): Promise<T> {
  const unreached = new AbortController()
  const timer = setTimeout(() => { unreached.abort(new DOMException(`Nobody accepted the connection within ${REACH_TIMEOUT_MS} ms`, 'TimeoutError')) }, REACH_TIMEOUT_MS)

  try {
    return await withDeadline(REACH_TIMEOUT_MS + answerMs, [...signals, unreached.signal], async signal => work(signal, () => { clearTimeout(timer) }))
  } finally {
    clearTimeout(timer)
  }
}
