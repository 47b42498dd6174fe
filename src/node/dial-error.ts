import { MeshmarkError, isMeshmarkError, toError } from '../model/errors.ts'

/** One clear line for a dial that failed: what, why, what to do. `place` is HOST:PORT. */
export function dialError (err: unknown, place: string): MeshmarkError {
  if (isMeshmarkError(err)) {
    return err
  }

  const all = flatten(toError(err))
  const codes = new Set(all.map(error => (error as NodeJS.ErrnoException).code))
  const names = new Set(all.map(error => error.name))
  const text = all.map(error => error.message).join('; ')
  const fail = (code: 'unreachable' | 'refused', message: string): MeshmarkError => new MeshmarkError(code, message, { cause: err })

  if (/dial self/i.test(text)) {
    return fail('refused', `${place} is this node itself, or another one that uses the same identity: give each node a data directory of its own`)
  }

  // noise proves who answers
  if (names.has('UnexpectedPeerError') || /Payload identity key|expected (remote )?peer/i.test(text)) {
    return fail('unreachable', `another node answers at ${place} than the address names: leave out the /p2p part, or ask for the present address`)
  }

  if (codes.has('ENOTFOUND') || codes.has('EAI_AGAIN')) {
    return fail('unreachable', `cannot find the host of ${place}: check its spelling, or use its IP address`)
  }

  if (codes.has('ECONNREFUSED')) {
    return fail('unreachable', `cannot reach ${place}: nothing listens there; is the master running, and is that its port?`)
  }

  if (codes.has('EHOSTUNREACH') || codes.has('ENETUNREACH')) {
    return fail('unreachable', `cannot reach ${place}: there is no route to it; is the network up?`)
  }

  if (names.has('UnsupportedProtocolError')) {
    return fail('refused', `what answers at ${place} is a libp2p node, but not meshmark`)
  }

  // noise keeps only the words of what ended it
  if (/aborted due to timeout|timed out/i.test(text) && names.has('EncryptionFailedError')) {
    return fail('unreachable', `${place} accepted the connection, but did not answer in time: it is very busy, or no meshmark node`)
  }

  if (names.has('EncryptionFailedError') || names.has('UnexpectedEOFError') || names.has('InvalidCryptoExchangeError')) {
    return fail('unreachable', `what answers at ${place} is not a meshmark node (${first(text)}): check the port`)
  }

  if (names.has('TimeoutError') || names.has('AbortError')) {
    return fail('unreachable', `${place} did not answer in time: is the machine up, and does a firewall let its port through?`)
  }

  return fail('unreachable', `cannot reach ${place}: ${first(text)}`)
}

/** One clear line for listening that failed. */
export function listenError (err: unknown, listen: readonly string[]): MeshmarkError {
  const text = toError(err).message
  const [, code, place] = /\b(EADDRINUSE|EACCES|EADDRNOTAVAIL)\b[^\n]*?(\S+:\d+)\s*$/m.exec(text) ?? []
  const port = place?.slice(place.lastIndexOf(':') + 1)
  const fail = (message: string): MeshmarkError => new MeshmarkError('failed', message, { cause: err })

  switch (code) {
    case 'EADDRINUSE':
      return fail(`port ${port} is in use (${place}): is a master running here already? Stop it, or listen on another port`)
    case 'EACCES':
      return fail(`port ${port} may not be used by this user (${place}): listen on a port above 1023`)
    case 'EADDRNOTAVAIL':
      return fail(`${place} is not an address of this machine: listen on one that is, or on 0.0.0.0`)
    default:
      return fail(`cannot listen on ${listen.join(', ')}: ${first(text)}`)
  }
}

function flatten (err: Error): Error[] {
  const inner = err instanceof AggregateError ? err.errors : err.cause != null ? [err.cause] : []

  return [err, ...inner.flatMap(error => flatten(toError(error)))]
}

function first (text: string): string {
  return text.split('\n').map(line => line.trim()).filter(line => line !== '').join(' ').slice(0, 200)
}

/** Of several addresses that all failed, the one line that helps most: a refusal, since somebody answered, before silence. */
export function gravest (err: unknown): MeshmarkError {
  const errors = (err instanceof AggregateError ? err.errors : [err]).map(error => isMeshmarkError(error) ? error : new MeshmarkError('failed', toError(error).message, { cause: error }))
  const [first, ...rest] = errors
  const chosen = errors.find(error => error.code === 'refused')

  if (chosen != null || first == null || rest.length === 0) {
    return chosen ?? first ?? new MeshmarkError('failed', toError(err).message, { cause: err })
  }

  const more = rest.length === 1 ? 'the other address is' : `${rest.length} other addresses are`

  return new MeshmarkError(first.code, `${first.message} (${more} out of reach too)`, { cause: err })
}
