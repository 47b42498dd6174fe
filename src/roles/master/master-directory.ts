import { toError } from '../../model/errors.ts'
import { shortId } from '../../node/membership.ts'
import type { MeshNode } from '../../node/mesh-node.ts'
import type { MasterRecord } from './admission-rules.ts'
import type { Replica } from './replica/replica.ts'

const PREFIX = 'master/'

export interface DirectoryComponents {
  node: MeshNode
  replica: Replica
  /** Called for each other master, at every change of its record. */
  onKnown: (peer: string) => void
  onRemoved: (peer: string) => void
  log: (line: string) => void
}

/** Who the masters of this mesh are and where, by the facts: every master writes its own record. */
export class MasterDirectory {
  readonly #components: DirectoryComponents
  readonly #records = new Map<string, MasterRecord>()
  #unlisten = (): void => {}

  constructor (components: DirectoryComponents) {
    this.#components = components
  }

  async load (): Promise<void> {
    const { replica } = this.#components

    this.#unlisten = replica.onChange(changes => {
      for (const { key, value } of changes) {
        if (key.startsWith(PREFIX)) {
          this.#learn(key.slice(PREFIX.length), value)
        }
      }
    })

    for await (const { key, value } of replica.iterate(PREFIX)) {
      this.#learn(key.slice(PREFIX.length), value)
    }
  }

  stop (): void {
    this.#unlisten()
  }

  /** Writes where this master is, when that is not what its record says. */
  async announce (): Promise<void> {
    const { node, replica } = this.#components
    const known = this.#records.get(node.peerId)
    const now = { name: node.name, addresses: node.addresses() }

    if (known?.removed === true || (known?.name === now.name && known.addresses.join() === now.addresses.join())) {
      return
    }

    // later than the record before, also when the clock was set back
    const record: MasterRecord = { ...now, atMs: Math.max(Date.now(), (known?.atMs ?? 0) + 1) }

    await replica.write([{ key: PREFIX + node.peerId, value: Buffer.from(JSON.stringify(record)) }])
  }

  /** Is it a master of this mesh, or was it one? */
  knows (peer: string): boolean {
    return peer === this.#components.node.peerId || this.#records.has(peer)
  }

  isRemoved (peer: string): boolean {
    return this.#records.get(peer)?.removed === true
  }

  name (peer: string): string {
    const { node } = this.#components

    return peer === node.peerId ? node.name : this.#records.get(peer)?.name ?? node.peer(peer)?.name ?? shortId(peer)
  }

  /** Multiaddrs with /p2p; where it was reached, or says itself that it is, comes first. */
  addresses (peer: string): string[] {
    const { node } = this.#components

    return peer === node.peerId ? node.addresses() : [...new Set([...node.peer(peer)?.addresses ?? [], ...this.#records.get(peer)?.addresses ?? []])]
  }

  #learn (peer: string, value: Uint8Array): void {
    const { node, onKnown, onRemoved, log } = this.#components
    let record: MasterRecord

    try {
      record = readRecord(value)
    } catch (err) {
      log(`what the facts say of master ${shortId(peer)} cannot be read: ${toError(err).message}`)
      return
    }

    this.#records.set(peer, record)

    if (peer !== node.peerId) {
      if (record.removed === true) {
        onRemoved(peer)
      } else {
        onKnown(peer)
      }
    }
  }
}

/** Written by another master, maybe of another version. */
function readRecord (value: Uint8Array): MasterRecord {
  const { name, addresses, atMs, removed } = JSON.parse(Buffer.from(value).toString())

  if (typeof name !== 'string' || !Array.isArray(addresses) || !addresses.every(address => typeof address === 'string') || !Number.isFinite(atMs)) {
    throw new Error('it has another form')
  }

  return { name, addresses, atMs, ...(removed === true ? { removed } : {}) }
}
