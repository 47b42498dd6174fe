export type JoinRequest =
  /** `secret` proves the token; `name` is the name wished for. */
  | { kind: 'join', tokenId: string, secret: Uint8Array, name: string }
  /** A member whose membership runs out asks for the next one. */
  | { kind: 'renew' }

export type JoinReply =
  /** The sealed membership, and where masters listen (multiaddrs with their peer ids). */
  | { kind: 'joined', membership: Uint8Array, masters: string[] }
  | { kind: 'refused', reason: string }
