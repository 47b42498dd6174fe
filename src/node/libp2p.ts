import { yamux } from '@chainsafe/libp2p-yamux'
import { identify } from '@libp2p/identify'
import { ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { createLibp2p } from 'libp2p'
import { Gate } from './gate.ts'
import { Liveness } from './liveness.ts'
import { noise } from './noise.ts'
import { libp2pLogger } from './quiet.ts'
import type { Connection, Libp2p, PeerId, PrivateKey } from '@libp2p/interface'
import type { Libp2pOptions } from 'libp2p'

const MiB = 1024 * 1024

/** Connections of one node, and as many newcomers that wait to be let in. Each costs some 200 kB. */
export const MAX_CONNECTIONS = 4_000

/** A whole fleet that comes back at one moment waits in the kernel's queue: what finds that full dials again after a second, and after three gives up. The kernel has a limit of its own (net.core.somaxconn). */
const BACKLOG = MAX_CONNECTIONS

/** From one host in a second: a whole fleet may stand behind one address. */
const NEWCOMERS_PER_HOST = 2_000

/** From its coming to the end of its handshake, the wait for its turn included. */
const UPGRADE_MS = 60_000

export interface TransportInit {
  identity: PrivateKey
  /** Multiaddrs. */
  listen: string[]
  /** After so long a silence a connection is probed. */
  askAfterMs: number
  /** A peer that says nothing for so long after that is gone. */
  giveUpAfterMs: number
  /** Who may come in when. @default one whose turns end by themselves */
  gate?: Gate
}

export type Transport = Awaited<ReturnType<typeof createTransport>>

/** libp2p as every node uses it: TCP, noise, yamux, identify, ping. */
export async function createTransport ({ identity, listen, askAfterMs, giveUpAfterMs, gate = new Gate() }: TransportInit) {
  const liveness = new Liveness({ askAfterMs, giveUpAfterMs })

  const transport = await createLibp2p({
    privateKey: identity,
    logger: libp2pLogger(),
    start: false,
    addresses: { listen },
    transports: [tcp({ backlog: BACKLOG })],
    connectionEncrypters: [noise()],
    streamMuxers: [liveness.watching(yamux({
      // a burst of streams right after dialling kills the connection at the default of 10
      maxEarlyStreams: 1_000,
      // the liveness asks
      enableKeepAlive: false,
      // the window must not outgrow what a paused stream may hold, or pausing ends in a reset
      streamOptions: { maxStreamWindowSize: 2 * MiB, maxReadBufferLength: 4 * MiB }
    }))],
    connectionGater: gate.gater,
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

  listQuickly(transport)
  noteNoProtocols(transport)

  return transport
}

interface ConnectionList {
  getConnections: (peer?: PeerId) => Connection[]
  getConnectionsMap: () => { values: () => Iterable<Connection[]>, get: (peer: PeerId) => Connection[] | undefined }
}

/** For every newcomer libp2p lists all connections twice, only to count them; and it makes a new list for each connection on the list. */
function listQuickly (transport: Libp2p<any>): void {
  const manager: ConnectionList | undefined = (transport as { components?: { connectionManager?: ConnectionList } }).components?.connectionManager

  if (typeof manager?.getConnectionsMap === 'function') {
    manager.getConnections = peer => {
      const connections = manager.getConnectionsMap()
      const list: Connection[] = []

      for (const some of peer == null ? connections.values() : [connections.get(peer) ?? []]) {
        list.push(...some)
      }

      return list
    }
  }
}

/** For every stream libp2p notes that the peer speaks its protocol, which nobody here asks for: two locks, and a record encoded and decoded. */
function noteNoProtocols ({ peerStore, peerId }: Libp2p<any>): void {
  const merge = peerStore.merge.bind(peerStore)

  peerStore.merge = async (peer, data, options) => {
    const saysMore = Object.keys(data).some(key => key !== 'protocols')

    return saysMore || peerId.equals(peer) ? merge(peer, data, options) : { id: peer, addresses: [], protocols: [], metadata: new Map(), tags: new Map() }
  }
}
