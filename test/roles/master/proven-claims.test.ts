import { beforeAll, describe, expect, it } from 'vitest'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { ProvenClaims } from '../../../src/roles/master/proven-claims.ts'
import type { PrivateKey } from '@libp2p/interface'
import type { Claim } from '../../../src/node/protocol/register/messages.ts'

const MESH = '12D3KooWMesh'

let identity: PrivateKey
let master: string
let claim: Claim

function proven ({ meshId = MESH, masters = [master], lines = [] }: { meshId?: string, masters?: string[], lines?: string[] } = {}): ProvenClaims {
  return new ProvenClaims({ identity, meshId, isMaster: peer => masters.includes(peer), log: line => { lines.push(line) } })
}

beforeAll(async () => {
  identity = await generateKeyPair('Ed25519')
  master = peerIdFromPrivateKey(identity).toString()
  claim = await proven().prove({ term: 7, master })
})

describe('a claim', () => {
  it('holds with its own master\'s signature, again and again', async () => {
    const claims = proven()

    expect(claim).toMatchObject({ term: 7, master })
    expect([await claims.holds(claim), await claims.holds({ ...claim })]).toEqual([true, true])
  })

  it('does not hold for another term, another master, in another mesh, or unsigned', async () => {
    const other = peerIdFromPrivateKey(await generateKeyPair('Ed25519')).toString()
    const all = proven({ masters: [master, other, 'nobody'] })

    for (const wrong of [{ ...claim, term: 8 }, { ...claim, master: other }, { term: 7, master }, { ...claim, proof: new Uint8Array(64) }, { ...claim, proof: new Uint8Array(3) }, { ...claim, master: 'nobody' }]) {
      expect(await all.holds(wrong)).toBe(false)
    }

    expect(await proven({ meshId: 'another' }).holds(claim)).toBe(false)
  })

  it('of somebody who is no master holds as soon as it is known that it is one', async () => {
    const masters: string[] = []
    const claims = proven({ masters })

    expect(await claims.holds(claim)).toBe(false)
    masters.push(master)
    expect(await claims.holds(claim)).toBe(true)
  })

  it('that is made up is said once, whatever comes after it', async () => {
    const lines: string[] = []
    const claims = proven({ lines })

    for (let term = 1; term <= 3_000; term++) {
      expect(await claims.holds({ term, master })).toBe(false)
    }

    expect(lines).toEqual([expect.stringMatching(/term 1 of master .*, without that master's signature: not believed/)])
  })
})
