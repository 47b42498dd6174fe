/** First thing said on every connection, by the side that dialled. */
export interface Hello {
  /** Of meshmark, semver; one minor apart works together. */
  version: string
  /** 16 random bytes of this process: tells a restart from a twin. */
  bootNonce: Uint8Array
  /** Sealed membership; absent for a stranger. */
  membership?: Uint8Array
  /** Mesh time as the speaker has it, milliseconds since 1970. */
  meshTimeMs: number
  /** Multiaddrs of all masters that the speaker knows, its own among them; only a master says them, and only to members. */
  masters?: string[]
}

export type HelloReply =
  /** The speaker's own hello; `stranger` = you may speak join, and nothing else, for a short while. */
  | { kind: 'welcome', hello: Hello, stranger: boolean }
  | { kind: 'refused', reason: string, version: string, meshTimeMs: number }
