import { generateKeyPair } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey, peerIdFromPublicKey } from '@libp2p/peer-id'
import { RecordEnvelope } from '@libp2p/peer-record'
import { equals } from 'uint8arrays/equals'
import { fromString } from 'uint8arrays/from-string'
import { MeshmarkError, toError } from '../model/errors.ts'
import { decodeMembership, encodeMembership } from './protocol/sealed/index.ts'
import type { Membership } from '../model/membership.ts'
import type { PrivateKey } from '@libp2p/interface'

/** The mesh key's peer id; the Ed25519 public key can be recovered from it. */
export type MeshId = string

const MEMBERSHIP = 'meshmark-membership'

export async function createMeshKey (): Promise<PrivateKey> {
  return generateKeyPair('Ed25519')
}

export function meshIdOf (meshKey: PrivateKey): MeshId {
  return peerIdFromPrivateKey(meshKey).toString()
}

/** Signed with the mesh key, so that whoever holds the envelope can prove what it says. */
export async function sealMembership (meshKey: PrivateKey, membership: Membership): Promise<Uint8Array> {
  return seal(meshKey, MEMBERSHIP, encodeMembership(membership))
}

/** Checks signature and signer; whose it is, its expiry and revocation are for the caller (see admission.ts). */
export async function openMembership (envelope: Uint8Array, meshId: MeshId): Promise<Membership> {
  const { payload, signer } = await open(envelope, MEMBERSHIP)

  // a valid signature alone proves nothing: anybody can sign an envelope with a key of their own
  if (signer !== meshId) {
    throw new MeshmarkError('refused', `the membership was sealed by ${shortId(signer)}, not by the key of mesh ${shortId(meshId)}: join this mesh first (meshmark join TOKEN@HOST)`)
  }

  return readPayload(payload)
}

/** What our own envelope says, and which key sealed it. The signature is not checked: use it only for an envelope that we keep ourselves. */
export function readMembership (envelope: Uint8Array): { membership: Membership, meshId: MeshId } {
  try {
    const { payload, publicKey } = RecordEnvelope.createFromProtobuf(envelope)

    return { membership: readPayload(payload), meshId: peerIdFromPublicKey(publicKey).toString() }
  } catch (err) {
    throw new MeshmarkError('failed', `this node's own membership is damaged (${toError(err).message}): join the mesh again (meshmark join TOKEN@HOST)`, { cause: err })
  }
}

/** A libp2p signed envelope (RFC 0002). `domain` keeps signatures for one purpose from being used for another. */
export async function seal (key: PrivateKey, domain: string, payload: Uint8Array): Promise<Uint8Array> {
  const envelope = await RecordEnvelope.seal({
    domain,
    codec: codecOf(domain),
    marshal: () => payload,
    equals: () => false
  }, key)

  return envelope.marshal()
}

/** Verifies the signature and tells who signed; whether that signer may say such a thing is for the caller. */
export async function open (envelope: Uint8Array, domain: string): Promise<{ payload: Uint8Array, signer: string }> {
  try {
    const opened = await RecordEnvelope.openAndCertify(envelope, domain)

    // protobuf can be written in several ways: with one way only, equal content means equal bytes
    if (!equals(opened.marshal(), envelope)) {
      throw new Error('not in its canonical form')
    }

    return { payload: opened.payload, signer: peerIdFromPublicKey(opened.publicKey).toString() }
  } catch (err) {
    throw new MeshmarkError('refused', `a sealed ${domain.replace(/^meshmark-/, '')} could not be opened: it is damaged or forged (${toError(err).message})`, { cause: err })
  }
}

/** The last eight characters: enough for people to tell two ids apart. */
export function shortId (id: string): string {
  return `…${id.slice(-8)}`
}

function codecOf (domain: string): Uint8Array {
  return fromString(`/${domain}`)
}

function readPayload (payload: Uint8Array): Membership {
  try {
    return decodeMembership(payload)
  } catch (err) {
    throw new MeshmarkError('refused', `the membership is damaged: ${toError(err).message}`, { cause: err })
  }
}
