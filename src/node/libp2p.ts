import { yamux } from '@chainsafe/libp2p-yamux'
import { identify } from '@libp2p/identify'
import { ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { createLibp2p } from 'libp2p'
import { noise } from './noise.ts'
import { Doorway } from './doorway.ts'
import { Liveness } from './liveness.ts'
import type { ConnectionGater, MultiaddrConnection, PrivateKey } from '@libp2p/interface'
import type { Libp2pOptions } from 'libp2p'

const MiB = 1024 * 1024

/** Connections of one node, and as many newcomers that wait to be let in. Each costs some 200 kB. */
export const MAX_CONNECTIONS = 4_000

/** From one host in a second: a whole fleet may stand behind one address. */
const NEWCOMERS_PER_HOST = 2_000

/** From its coming to the end of its handshake, the wait for its turn included. */
const UPGRADE_MS = 30_000

export interface TransportInit {
  identity: PrivateKey
  /** Multiaddrs. */
  listen: string[]
  /** After so long a silence a connection is probed. */
  askAfterMs: number
  /** A peer that says nothing for so long after that is gone. */
  giveUpAfterMs: number
}

export type Transport = Awaited<ReturnType<typeof createTransport>>

/** libp2p as every node uses it: TCP, noise, yamux, identify, ping. */
export async function createTransport ({ identity, listen, askAfterMs, giveUpAfterMs }: TransportInit) {
  const liveness = new Liveness({ askAfterMs, giveUpAfterMs })

  return createLibp2p({
    privateKey: identity,
    start: false,
    addresses: { listen },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [liveness.watching(yamux({
      // a burst of streams right after dialling kills the connection at the default of 10
      maxEarlyStreams: 1_000,
      // the liveness asks
      enableKeepAlive: false,
      // the window must not outgrow what a paused stream may hold, or pausing ends in a reset
      streamOptions: { maxStreamWindowSize: 2 * MiB, maxReadBufferLength: 4 * MiB }
    }))],
    connectionGater: oneAfterTheOther(new Doorway()),
    connectionManager: {
      maxConnections: MAX_CONNECTIONS,
      // the defaults refuse all but 5 new connections a second and 10 pending ones from one host
      inboundConnectionThreshold: NEWCOMERS_PER_HOST,
      maxIncomingPendingConnections: MAX_CONNECTIONS,
      inboundUpgradeTimeout: UPGRADE_MS,
      // the dialer has deadlines of its own
      dialTimeout: UPGRADE_MS,
      addressDialTimeout: UPGRADE_MS,
      // after the last try libp2p forgets that it was to keep the connection
      reconnectRetries: Infinity,
      reconnectRetryInterval: 500,
      reconnectBackoffFactor: 1
    },
    connectionMonitor: { enabled: false },
    // asked by others; our own say with hello where masters listen, and an answer costs a signature each time
    services: { identify: identify({ runOnConnectionOpen: false }), ping: ping() }
  } satisfies Libp2pOptions)
}

/** A newcomer is not read from before its turn has come: it can fill no memory. */
function oneAfterTheOther (doorway: Doorway): ConnectionGater {
  const inside = new WeakMap<MultiaddrConnection, () => void>()

  return {
    denyInboundConnection: async connection => {
      connection.pause()

      const leave = await doorway.enter(hostOf(connection))

      connection.addEventListener('close', leave)
      inside.set(connection, leave)

      if (connection.status === 'open') {
        connection.resume()
      } else {
        leave()
      }

      return false
    },
    denyInboundUpgradedConnection: (_peer, connection) => {
      inside.get(connection)?.()

      return false
    }
  }
}

function hostOf ({ remoteAddr }: MultiaddrConnection): string {
  return remoteAddr.getComponents()[0]?.value ?? ''
}
