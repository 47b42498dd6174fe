import { createHash, randomBytes } from 'node:crypto'
import { peerIdFromPublicKey, peerIdFromString } from '@libp2p/peer-id'
import { publicKeyFromRaw } from '@libp2p/crypto/keys'
import { fromString } from 'uint8arrays/from-string'
import { toString } from 'uint8arrays/to-string'
import { MeshmarkError } from '../model/errors.ts'
import { ROLES } from '../model/roles.ts'
import type { Role } from '../model/roles.ts'
import type { MeshId } from './membership.ts'

/** What earns a membership. It names the mesh, so that the newcomer can verify the master before it says the secret. */
export interface JoinToken {
  meshId: MeshId
  role: Role
  /** Public: how `token ls` and `token revoke` name it. */
  id: string
  /** 16 random bytes. */
  secret: Uint8Array
}

const PREFIX = 'mmk1'
const KEY_BYTES = 32
const ID_BYTES = 6
const SECRET_BYTES = 16
const BODY_BYTES = KEY_BYTES + ID_BYTES + SECRET_BYTES
/** 40 bits: a slip of the finger passes once in 10^12. */
const CHECKSUM_BYTES = 5

export function createToken (meshId: MeshId, role: Role): JoinToken {
  return { meshId, role, id: toString(randomBytes(ID_BYTES), 'base32'), secret: new Uint8Array(randomBytes(SECRET_BYTES)) }
}

/** `mmk1-<role>-<mesh key, id and secret in base 32>-<checksum>` */
export function formatToken ({ meshId, role, id, secret }: JoinToken): string {
  const { publicKey } = peerIdFromString(meshId)

  if (publicKey?.type !== 'Ed25519') {
    throw new MeshmarkError('usage', `'${meshId}' is not the id of a mesh`)
  }

  const body = toString(new Uint8Array([...publicKey.raw, ...fromString(id, 'base32'), ...secret]), 'base32')
  const text = `${PREFIX}-${role}-${body}`

  return `${text}-${checksum(text)}`
}

/** Errors never repeat the text, which is a secret. */
export function parseToken (text: string): JoinToken {
  const [prefix, role, body, check, ...rest] = text.trim().toLowerCase().split('-')

  if (prefix !== PREFIX || role == null || body == null || check == null || rest.length > 0) {
    throw new MeshmarkError('usage', `that is not a join token: it begins with ${PREFIX}- and has four parts; make one with 'meshmark token create worker'`)
  }

  // first of all, so that a typo is called a typo
  if (check !== checksum(`${prefix}-${role}-${body}`)) {
    throw new MeshmarkError('usage', 'the join token is mistyped or cut off: its checksum does not fit; copy it again, whole')
  }

  const bytes = fromString(body, 'base32')

  if (!isRole(role) || bytes.byteLength !== BODY_BYTES) {
    throw new MeshmarkError('usage', `the join token was made by another version of meshmark (role '${role}', ${bytes.byteLength} bytes)`)
  }

  return {
    meshId: peerIdFromPublicKey(publicKeyFromRaw(bytes.subarray(0, KEY_BYTES))).toString(),
    role,
    id: toString(bytes.subarray(KEY_BYTES, KEY_BYTES + ID_BYTES), 'base32'),
    secret: bytes.slice(KEY_BYTES + ID_BYTES)
  }
}

/** TOKEN or TOKEN@HOST[:PORT]; the address is not looked at. */
export function parseTokenAtHost (text: string): { token: JoinToken, address?: string } {
  const at = text.indexOf('@')

  if (at === -1) {
    return { token: parseToken(text) }
  }

  const address = text.slice(at + 1).trim()

  if (address === '') {
    throw new MeshmarkError('usage', 'the address after the @ is missing: write TOKEN@HOST or TOKEN@HOST:PORT')
  }

  return { token: parseToken(text.slice(0, at)), address }
}

/** What lets a program speak to the HTTP interface of a master. It names no mesh: whoever has it says it to one address. */
export interface HttpToken {
  /** As of a join token. */
  id: string
  secret: Uint8Array
}

const HTTP_PREFIX = 'mmh1'
const HTTP_SECRET_BYTES = 32

export function createHttpToken (): HttpToken {
  return { id: toString(randomBytes(ID_BYTES), 'base32'), secret: new Uint8Array(randomBytes(HTTP_SECRET_BYTES)) }
}

/** `mmh1-<id and secret in base 32>-<checksum>` */
export function formatHttpToken ({ id, secret }: HttpToken): string {
  const text = `${HTTP_PREFIX}-${toString(new Uint8Array([...fromString(id, 'base32'), ...secret]), 'base32')}`

  return `${text}-${checksum(text)}`
}

/** Undefined for what is no such token. */
export function parseHttpToken (text: string): HttpToken | undefined {
  const [, body, check] = /^mmh1-([a-z2-7]{61})-([a-z2-7]{8})$/.exec(text) ?? []

  if (body == null || check !== checksum(`${HTTP_PREFIX}-${body}`)) {
    return undefined
  }

  const bytes = fromString(body, 'base32')

  return { id: toString(bytes.subarray(0, ID_BYTES), 'base32'), secret: bytes.slice(ID_BYTES) }
}

/** What a master keeps instead of the secret, hex. The secret has 128 random bits, so a plain hash gives nothing away. */
export function tokenHash (secret: Uint8Array): string {
  return createHash('sha256').update('meshmark-token-1\0').update(secret).digest('hex')
}

function checksum (text: string): string {
  return toString(new Uint8Array(createHash('sha256').update(text).digest().subarray(0, CHECKSUM_BYTES)), 'base32')
}

function isRole (text: string): text is Role {
  return (ROLES as readonly string[]).includes(text)
}
