import { randomBytes } from 'node:crypto'
import { link, open, readFile, stat, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { generateKeyPair, privateKeyFromProtobuf, privateKeyToProtobuf } from '@libp2p/crypto/keys'
import { fromString } from 'uint8arrays/from-string'
import { toString } from 'uint8arrays/to-string'
import { MeshmarkError, toError } from '../model/errors.ts'
import { makeFolder } from '../store/make-folder.ts'
import type { PrivateKey } from '@libp2p/interface'

const HEADER = 'meshmark-identity-1'

/**
 * The Ed25519 key of a node, kept in a file that only its owner can read. Two
 * processes that create it at once get the same key: the file appears whole, or
 * not at all. A damaged file is never replaced, because that would change who
 * the node is.
 */
export async function loadOrCreateIdentity (path: string): Promise<PrivateKey> {
  const found = await load(path)

  if (found != null) {
    return found
  }

  const key = await generateKeyPair('Ed25519')

  await create(path, encodeIdentity(key))

  // somebody else's may have been first
  const kept = await load(path)

  if (kept == null) {
    throw new MeshmarkError('failed', `the identity file ${path} disappeared while it was being created`)
  }

  return kept
}

export function encodeIdentity (key: PrivateKey): string {
  return `${HEADER} ${toString(privateKeyToProtobuf(key), 'base64pad')}\n`
}

/** Throws a plain Error that says what is wrong with the text. */
export async function decodeIdentity (text: string): Promise<PrivateKey> {
  const [header, body, ...rest] = text.trimEnd().split(' ')

  if (header !== HEADER || body == null || rest.length > 0) {
    throw new Error(`expected '${HEADER}' and a key`)
  }

  const key = privateKeyFromProtobuf(fromString(body, 'base64pad'))

  if (key.type !== 'Ed25519') {
    throw new Error(`expected an Ed25519 key, got ${key.type}`)
  }

  // the file holds both halves of the key: a flipped bit in one of them shows here
  const probe = fromString(HEADER)

  if (!await key.publicKey.verify(probe, await key.sign(probe))) {
    throw new Error('its two halves do not belong together')
  }

  return key
}

async function load (path: string): Promise<PrivateKey | undefined> {
  let text: string

  try {
    const { mode } = await stat(path)

    if ((mode & 0o077) !== 0 && process.platform !== 'win32') {
      throw new MeshmarkError('failed', `the identity file ${path} can be read by other users: chmod 600 ${path}`)
    }

    text = await readFile(path, 'utf8')
  } catch (err: any) {
    if (err.code === 'ENOENT') {
      return undefined
    }

    throw err.name === 'MeshmarkError' ? err : new MeshmarkError('failed', `cannot read the identity file ${path}: ${toError(err).message}`, { cause: err })
  }

  try {
    return await decodeIdentity(text)
  } catch (err) {
    throw new MeshmarkError('failed', `the identity file ${path} is damaged (${toError(err).message}): restore it, or remove it to give this node a new identity`, { cause: err })
  }
}

async function create (path: string, text: string): Promise<void> {
  const folder = dirname(path)
  const temporary = join(folder, `.identity-${randomBytes(8).toString('hex')}`)

  try {
    await makeFolder(folder, 0o700)

    const file = await open(temporary, 'wx', 0o600)

    try {
      await file.writeFile(text)
      await file.sync()
    } finally {
      await file.close()
    }

    // unlike rename, link never replaces what is there
    await link(temporary, path).catch(err => {
      if (err.code !== 'EEXIST') {
        throw err
      }
    })

    const directory = await open(folder, 'r')

    try {
      await directory.sync()
    } finally {
      await directory.close()
    }
  } catch (err) {
    throw new MeshmarkError('failed', `cannot create the identity file ${path}: ${toError(err).message}`, { cause: err })
  } finally {
    await unlink(temporary).catch(() => {})
  }
}
