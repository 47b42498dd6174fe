import { masterOf, placeOf } from '../node/master-addresses.ts'
import type { Peer } from '../node/mesh-node.ts'

export interface Addresses {
  /** With which the mesh was found. */
  given: readonly string[]
  /** Somebody typed those. */
  typed: boolean
  /** Kept from the last time, the best first. */
  stored: readonly string[]
  /** The master that was just lost. */
  lost?: Pick<Peer, 'id' | 'reachedAt' | 'addresses'>
}

/** In which order a member tries the addresses of masters: as typed, else the one that answered last first; the one that was just lost is the last. */
export function linkOrder ({ given, typed, stored, lost }: Addresses): string[] {
  const all = [...new Set(typed ? [...given, ...stored] : [...stored, ...given])]

  if (lost == null) {
    return all
  }

  const places = new Set([...lost.addresses, ...(lost.reachedAt == null ? [] : [lost.reachedAt])].map(placeOf))
  const isLost = (address: string): boolean => masterOf(address) === lost.id || (masterOf(address) == null && places.has(placeOf(address)))

  return [...all.filter(address => !isLost(address)), ...all.filter(isLost)]
}
