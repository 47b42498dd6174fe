import { connectClient } from '../roles/client/connect.ts'
import { Mesh, timeoutOf } from './mesh.ts'
import { listOf } from './values.ts'
import type { SignalOptions } from './job.ts'
import type { Duration } from './options.ts'
import type { ConnectOptions as ClientOptions } from '../roles/client/types.ts'

export interface ConnectOptions extends SignalOptions {
  /** `HOST[:PORT]` or multiaddrs. @default the stored membership, then this machine's mesh, then mDNS */
  master?: string | readonly string[]
  /** A join token to use when this machine has no membership yet. */
  token?: string
  /** Which mesh, when this machine knows several: the beginning or end of its id. */
  mesh?: string
  /** Look for masters on the local network. @default true */
  mdns?: boolean
  /** Where memberships are kept. @default MESHMARK_DATA or the user's data directory */
  dataDir?: string
  /** @default '10s' */
  timeout?: Duration
  /** Called when no master has answered for over a second; once each time. */
  onWaiting?: () => void
}

/**
 * Connects to a mesh as a client, joining first where this machine may.
 * Throws `unreachable` when no master answers, `refused` when the mesh does
 * not take it.
 */
export async function connect ({ master, timeout, signal, ...rest }: ConnectOptions = {}): Promise<Mesh> {
  signal?.throwIfAborted()

  const options: ClientOptions = { ...rest, masters: listOf(master), timeoutMs: timeoutOf(timeout) }

  return new Mesh(await connectClient({ ...options, signal }), connectClient, options)
}
