import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import { identify } from '@libp2p/identify'
import { ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { createLibp2p } from 'libp2p'
import type { PrivateKey } from '@libp2p/interface'
import type { Libp2pOptions } from 'libp2p'

const MiB = 1024 * 1024

export interface TransportInit {
  identity: PrivateKey
  /** Multiaddrs. */
  listen: string[]
  /** How often every connection is probed; a hung peer is noticed after this plus two to five seconds. */
  pingIntervalMs: number
}

export type Transport = Awaited<ReturnType<typeof createTransport>>

/** libp2p as every node uses it: TCP, noise, yamux, identify, ping. */
export async function createTransport ({ identity, listen, pingIntervalMs }: TransportInit) {
  return createLibp2p({
    privateKey: identity,
    start: false,
    addresses: { listen },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux({
      // a burst of streams right after dialling kills the connection at the default of 10
      maxEarlyStreams: 1_000,
      // the window must not outgrow what a paused stream may hold, or pausing ends in a reset
      streamOptions: { maxStreamWindowSize: 2 * MiB, maxReadBufferLength: 4 * MiB }
    })],
    connectionManager: {
      maxConnections: 2_000,
      // the defaults refuse all but 5 new connections a second and 10 pending ones from one host
      inboundConnectionThreshold: 200,
      maxIncomingPendingConnections: 200,
      // a machine has several addresses, and some of them lead nowhere
      addressDialTimeout: 3_000,
      // after the last try libp2p forgets that it was to keep the connection
      reconnectRetries: Infinity,
      reconnectRetryInterval: 500,
      reconnectBackoffFactor: 1
    },
    connectionMonitor: { pingInterval: pingIntervalMs, pingTimeout: { minTimeout: 2_000, maxTimeout: 5_000 } },
    services: { identify: identify(), ping: ping() }
  } satisfies Libp2pOptions)
}
