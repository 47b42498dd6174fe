export type JoinRequest =
  /** `secret` proves the token; `name` is the name wished for. */
  | { kind: 'join', tokenId: string, secret: Uint8Array, name: string }
  /** A member asks for its next membership. One whose membership has run out while it was away comes as a stranger, and shows that. */
  | { kind: 'renew', membership?: Uint8Array }

export type JoinReply =
  /** The sealed membership, and where masters listen (multiaddrs with their peer ids). */
  | { kind: 'joined', membership: Uint8Array, masters: string[] }
  | { kind: 'refused', reason: string }
