import type { Role } from '../model/roles.ts'

/** A node on the other end of at least one connection, as it stands now. */
export interface Peer {
  id: string
  /** None for a stranger, and none once its membership has expired or was revoked. */
  roles: ReadonlySet<Role>
  /** As its membership says; the end of its id for a stranger. */
  name: string
  stranger: boolean
  version: string
  /** Multiaddrs with /p2p where it says that it listens, or where we reached it. */
  addresses: string[]
  /** Multiaddr with /p2p at which it was reached; absent when it was the one that dialled. */
  reachedAt?: string
  /** What it says of all masters of the mesh, itself among them: multiaddrs. None unless it is a master. */
  masters: string[]
  /** Milliseconds since 1970. */
  connectedAt: number
}
