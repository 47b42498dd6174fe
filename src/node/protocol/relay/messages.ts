/** Said by a master to a worker, about the content of a payload; one task per stream. */
export type RelayRequest =
  /** Give it to another worker: what is on disk, and what is arriving at this moment. `ticket` is for that worker. */
  | { kind: 'send', payload: string, ticket: Uint8Array, to: string, addresses: string[] }
  /** Tell what comes of it, from whomever it comes. */
  | { kind: 'watch', payload: string }
  /** Open a connection to a worker that cannot open one to this one. */
  | { kind: 'meet', peer: string, addresses: string[] }

/** Whose fault it is, as far as the sender can see; it may be mistaken, or lie. */
export type Blame = 'own' | 'receiver' | 'network'

/** Said by the worker. */
export type RelayReply =
  /** SEND: chunks that the other worker has, as that one says. WATCH: chunks that are here, verified. */
  | { kind: 'progress', chunks: number }
  /** SEND: the other worker has all of it; so many chunks of it were sent. WATCH: it is all here. MEET: connected. */
  | { kind: 'done', sent: number }
  /** SEND and MEET: it came to nothing. WATCH: this worker cannot take it, whoever sends it. */
  | { kind: 'failed', reason: string, blame: Blame }
  /** WATCH: this peer sent what is not the payload. */
  | { kind: 'lied', sender: string, reason: string }
