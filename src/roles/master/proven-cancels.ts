import { isSignedBy, signWords } from './signatures.ts'
import type { PrivateKey } from '@libp2p/interface'
import type { CancelWord } from '../../node/protocol/slot/messages.ts'

export interface ProvenCancelsComponents {
  identity: PrivateKey
  meshId: string
  /** Peer id of `identity`. */
  master: string
  /** Is it a master of this mesh, or was it one? */
  isMaster: (peerId: string) => boolean
}

/**
 * A worker keeps with a cancel who ordered it and that master's signature: when
 * nobody else knows of the cancel any more, the worker can still prove it, and
 * no worker can make one up.
 */
export class ProvenCancels {
  readonly #components: ProvenCancelsComponents

  constructor (components: ProvenCancelsComponents) {
    this.#components = components
  }

  /** This master has cancelled the job. */
  async prove (job: string): Promise<Uint8Array> {
    const { identity, meshId, master } = this.#components

    return signWords(identity, wordsOf(job, master, meshId))
  }

  /** Has a master of this mesh cancelled the job? */
  async holds (job: string, { master, proof }: CancelWord): Promise<boolean> {
    const { isMaster, meshId } = this.#components

    return master != null && proof != null && isMaster(master) && await isSignedBy(master, wordsOf(job, master, meshId), proof)
  }
}

function wordsOf (job: string, master: string, meshId: string): unknown[] {
  return ['meshmark-cancel-1', meshId, job, master]
}
