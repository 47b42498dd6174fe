import { isMeshmarkError } from '../model/errors.ts'
import { parseAddress } from './address.ts'
import { MAX_MASTER_ADDRESSES } from './protocol/hello/index.ts'

/** What a member knows of where its masters are, from whoever knows it. */
export interface KnownMasters {
  /** Where one has just been reached. */
  reached?: string
  /** What that one says of all masters; empty = nothing. */
  said: readonly string[]
  /** What was known before, the best first. */
  known: readonly string[]
}

/**
 * Where to look for a master the next time, the best first. A master that is
 * none any more is forgotten, and none has so many addresses that there is no
 * room for another.
 */
export function mergeMasters ({ reached, said, known }: KnownMasters): string[] {
  const present = new Set(said.map(masterOf))
  // an address that worked, or was typed, may be one that the master itself does not know
  const kept = said.length === 0 ? known : known.filter(address => masterOf(address) == null || present.has(masterOf(address)))
  const all = [...(reached == null ? [] : [reached]), ...kept, ...said].filter(isAddress)
  const places = new Set(all.filter(address => masterOf(address) != null).map(placeOf))

  return spread(all.filter(address => masterOf(address) != null || !places.has(address)), MAX_MASTER_ADDRESSES)
}

/** So many addresses at most: one of each master in turn, in the order given, none twice. */
export function spread (addresses: readonly string[], most: number): string[] {
  const unique = [...new Set(addresses)]
  const queues = new Map<string, string[]>()

  for (const address of unique) {
    const master = masterOf(address) ?? address

    queues.set(master, [...queues.get(master) ?? [], address])
  }

  const chosen: string[] = []

  for (let turn = 0; chosen.length < Math.min(most, unique.length); turn++) {
    for (const queue of queues.values()) {
      chosen.push(...queue.slice(turn, turn + 1))
    }
  }

  return chosen.slice(0, most)
}

/** Peer id of the master that an address names. */
export function masterOf (address: string): string | undefined {
  return /\/p2p\/([^/]+)$/.exec(address)?.[1]
}

/** With the peer id of whoever answers there. */
export function withMaster (address: string, peerId: string): string {
  return masterOf(address) == null ? `${address}/p2p/${peerId}` : address
}

/** Without the peer id. */
export function placeOf (address: string): string {
  return address.replace(/\/p2p\/[^/]+$/, '')
}

function isAddress (address: string): boolean {
  try {
    parseAddress(address)

    return true
  } catch (err) {
    if (isMeshmarkError(err)) {
      return false
    }

    throw err
  }
}
