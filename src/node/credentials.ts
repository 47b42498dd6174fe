import { MeshmarkError } from '../model/errors.ts'
import { readMembership, shortId } from './membership.ts'
import type { Membership } from '../model/membership.ts'
import type { Role } from '../model/roles.ts'
import type { MeshId } from './membership.ts'

/** What a node itself can show: the mesh it belongs to, and its sealed membership once it has one. */
export class Credentials {
  readonly #peerId: string
  #meshId?: MeshId
  #membership?: { envelope: Uint8Array, content: Membership }

  constructor (peerId: string, meshId?: MeshId, envelope?: Uint8Array) {
    this.#peerId = peerId
    this.#meshId = meshId

    if (envelope != null) {
      this.keep(envelope)
    }
  }

  get meshId (): MeshId | undefined {
    return this.#meshId
  }

  get envelope (): Uint8Array | undefined {
    return this.#membership?.envelope
  }

  get roles (): ReadonlySet<Role> {
    return new Set(this.#membership?.content.roles ?? [])
  }

  get name (): string {
    return this.#membership?.content.name ?? shortId(this.#peerId)
  }

  /** A node without a mesh takes the one it is told; with one, any other is an error. */
  commitTo (meshId: MeshId): void {
    if ((this.#meshId ??= meshId) !== meshId) {
      throw new MeshmarkError('usage', `this node belongs to mesh ${shortId(this.#meshId)} and cannot join mesh ${shortId(meshId)}: use another data directory`)
    }
  }

  /** Has none to show until it keeps the next one: what has expired is refused by everybody. */
  drop (): void {
    this.#membership = undefined
  }

  /** Takes a membership, first or renewed, unless it is for somebody else. */
  keep (envelope: Uint8Array): void {
    const { membership, meshId } = readMembership(envelope)

    if (membership.peerId !== this.#peerId) {
      throw new MeshmarkError('failed', `the membership is for ${shortId(membership.peerId)}, but this node is ${shortId(this.#peerId)}: join again (meshmark join TOKEN@HOST)`)
    }

    if ((this.#meshId ??= meshId) !== meshId) {
      throw new MeshmarkError('failed', `the membership is for mesh ${shortId(meshId)}, but this node belongs to mesh ${shortId(this.#meshId)}: join again (meshmark join TOKEN@HOST)`)
    }

    this.#membership = { envelope, content: membership }
  }
}
