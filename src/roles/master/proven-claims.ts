import { shortId } from '../../node/membership.ts'
import { isSignedBy, signWords } from './signatures.ts'
import type { Claim } from '../../node/protocol/register/messages.ts'
import type { PrivateKey } from '@libp2p/interface'

export interface ProvenClaimsComponents {
  identity: PrivateKey
  meshId: string
  /** Is it a master of this mesh, or was it one? */
  isMaster: (peerId: string) => boolean
  log: (line: string) => void
}

/** Proofs that were looked at; a worker says the same claim again with every word. */
const MAX_SEEN = 1_000
/** Whoever makes up one claim after the other does not fill the log. */
const SAID_AGAIN_MS = 60_000

/**
 * What others say that a master has claimed counts with that master's
 * signature: a worker cannot make up a reign, which would end the one there is.
 */
export class ProvenClaims {
  readonly #components: ProvenClaimsComponents
  /** By claim and proof. */
  readonly #seen = new Map<string, Promise<boolean>>()
  #saidAtMs = -Infinity

  constructor (components: ProvenClaimsComponents) {
    this.#components = components
  }

  /** A claim of this master, with its signature. */
  async prove (claim: Claim): Promise<Claim> {
    const { identity, meshId } = this.#components

    return { ...claim, proof: await signWords(identity, wordsOf(claim, meshId)) }
  }

  /** Has a master of this mesh claimed this? */
  async holds (claim: Claim): Promise<boolean> {
    const key = `${claim.term}/${claim.master}/${claim.proof == null ? '' : Buffer.from(claim.proof).toString('base64')}`
    const known = this.#seen.get(key) ?? this.#check(claim)

    this.#seen.delete(key)
    this.#seen.set(key, known)

    for (const oldest of this.#seen.keys()) {
      if (this.#seen.size <= MAX_SEEN) {
        break
      }

      this.#seen.delete(oldest)
    }

    // a master that has only just joined is heard of in a moment
    return await known && this.#components.isMaster(claim.master)
  }

  async #check (claim: Claim): Promise<boolean> {
    const { meshId, log } = this.#components
    const isProven = claim.proof != null && await isSignedBy(claim.master, wordsOf(claim, meshId), claim.proof)

    if (!isProven && performance.now() - this.#saidAtMs >= SAID_AGAIN_MS) {
      this.#saidAtMs = performance.now()
      log(`a worker claims to have seen term ${claim.term} of master ${shortId(claim.master)}, without that master's signature: not believed`)
    }

    return isProven
  }
}

function wordsOf ({ term, master }: Claim, meshId: string): unknown[] {
  return ['meshmark-claim-1', meshId, term, master]
}
