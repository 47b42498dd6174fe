import type { Role } from './roles.ts'

/** Lets one peer act in the mesh; sealed with the mesh key. */
export interface Membership {
  peerId: string
  roles: Role[]
  /** What the node is called in the mesh. */
  name: string
  /** Mesh time, milliseconds since 1970. */
  issuedAt: number
  expiresAt: number
}
