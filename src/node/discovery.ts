import { defaultLogger } from '@libp2p/logger'
import { mdns } from '@libp2p/mdns'
import { isLoopback } from '@libp2p/utils'
import type { PeerInfo } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'

const SERVICE = '_meshmark._udp.local'
const INTERVAL_MS = 5_000
const ANNOUNCE_AGAIN_MS = 1_000

export interface FoundMaster {
  /** Peer id, unproven. */
  id: string
  /** Multiaddrs with /p2p. */
  addresses: string[]
}

/**
 * Finds masters on the local network, of any mesh: discovery is not admission.
 * `announce` gives the addresses to answer with, and none for a node that only
 * looks. Found ones are reported again with every answer.
 */
export function createDiscovery (announce: () => Multiaddr[], onFound: (master: FoundMaster) => void): { start: () => Promise<void>, stop: () => Promise<void> } {
  const service: any = mdns({ serviceTag: SERVICE, interval: INTERVAL_MS })({
    logger: defaultLogger(),
    addressManager: {
      // nobody else can use our loopback addresses, and their own leads elsewhere
      getAddresses: () => announce().filter(address => !isLoopback(address))
    }
  } as any)

  service.addEventListener('peer', ({ detail }: CustomEvent<PeerInfo>) => {
    const id = detail.id.toString()
    const addresses = detail.multiaddrs.slice(0, 16).map(address => `${address}/p2p/${id}`)

    onFound({ id, addresses })
  })

  let again: NodeJS.Timeout | undefined

  // as if somebody had asked
  const answer = (): void => { service.mdns?.emit('query', { questions: [{ name: SERVICE, type: 'PTR' }] }) }

  return {
    start: async () => {
      await service.start()

      // RFC 6762, 8.3: said unasked, twice; whoever misses a master hears it when it comes, and not at its own next question
      if (announce().length > 0) {
        answer()
        again = setTimeout(answer, ANNOUNCE_AGAIN_MS)
      }
    },
    stop: async () => {
      clearTimeout(again)
      await service.stop()
    }
  }
}
