import { createHash } from 'node:crypto'
import { MeshmarkError } from '../../model/errors.ts'
import { CHUNK_SIZE, MAX_CHUNKS, MAX_FILES, isPayloadPath, payloadSize } from '../../model/payload.ts'
import { formatBytes } from '../../model/units.ts'
import type { PayloadFile, PayloadManifest } from '../../model/payload.ts'

/** Bytes of one part of a path: what common file systems take. */
const MAX_NAME_BYTES = 255
const DIGEST_BYTES = 32

/**
 * What the id is the hash of: `meshmark-manifest-1`, the chunk size and the
 * number of files, then path, size and 0 or 1 for executable of each, all in
 * UTF-8 and ended by a NUL, which no path can hold; then the 32 bytes of every
 * chunk's SHA-256. Two manifests with the same bytes are the same.
 */
export function canonicalBytes (manifest: Omit<PayloadManifest, 'id'>): Uint8Array {
  const words = ['meshmark-manifest-1', manifest.chunkSize, manifest.files.length]

  for (const { path, size, executable } of manifest.files) {
    words.push(path, size, executable ? 1 : 0)
  }

  return Buffer.concat([Buffer.from(words.map(word => `${word}\0`).join('')), ...manifest.chunks])
}

/** SHA-256 of the canonical bytes, lower-case hex. */
export function manifestId (manifest: Omit<PayloadManifest, 'id'>): string {
  return createHash('sha256').update(canonicalBytes(manifest)).digest('hex')
}

/** Throws `refused` with what is wrong. A manifest that passes can be written below any folder and leaves nothing to guess. */
export function validateManifest (manifest: PayloadManifest): void {
  const { files, chunkSize, chunks } = manifest

  if (!Number.isInteger(chunkSize) || chunkSize < 1 || chunkSize > CHUNK_SIZE) {
    throw refused(`chunks of ${chunkSize} bytes, where 1 to ${CHUNK_SIZE} are allowed`)
  }

  if (files.length > MAX_FILES) {
    throw refused(`${files.length} files, where ${MAX_FILES} are allowed`)
  }

  if (chunks.length > MAX_CHUNKS) {
    throw refused(`${chunks.length} chunks, where ${MAX_CHUNKS} are allowed`)
  }

  checkFiles(files)

  const size = payloadSize(manifest)

  if (!Number.isSafeInteger(size) || chunks.length !== Math.ceil(size / chunkSize)) {
    throw refused(`${chunks.length} chunks for ${formatBytes(size)} of files, where ${Math.ceil(size / chunkSize)} would be right`)
  }

  for (const [index, digest] of chunks.entries()) {
    if (!(digest instanceof Uint8Array) || digest.byteLength !== DIGEST_BYTES) {
      throw refused(`chunk ${index} has no SHA-256 digest`)
    }
  }

  if (manifest.id !== manifestId(manifest)) {
    throw refused(`its id ${JSON.stringify(String(manifest.id).slice(0, 12))} is not the hash of its content`)
  }
}

function checkFiles (files: PayloadFile[]): void {
  const paths = new Set<string>()

  for (const { path, size, executable } of files) {
    if (!isUsablePath(path)) {
      throw refused(`the path ${JSON.stringify(String(path).slice(0, 80))} cannot be a file inside the payload`)
    }

    if (paths.has(path)) {
      throw refused(`two files are called ${path}`)
    }

    if (!Number.isSafeInteger(size) || size < 0 || typeof executable !== 'boolean') {
      throw refused(`${path} has size ${size}`)
    }

    paths.add(path)
  }

  for (const path of paths) {
    for (const folder of foldersOf(path)) {
      if (paths.has(folder)) {
        throw refused(`${folder} is both a file and the folder of ${path}`)
      }
    }
  }
}

/** Safe, and possible: whole UTF-8 and no name longer than a file system takes. */
export function isUsablePath (path: unknown): path is string {
  return typeof path === 'string' && isPayloadPath(path) && path.isWellFormed() &&
    path.split('/').every(name => Buffer.byteLength(name) <= MAX_NAME_BYTES)
}

function * foldersOf (path: string): Generator<string> {
  for (let slash = path.indexOf('/'); slash !== -1; slash = path.indexOf('/', slash + 1)) {
    yield path.slice(0, slash)
  }
}

function refused (what: string): MeshmarkError {
  return new MeshmarkError('refused', `the payload's manifest is not valid: ${what}`)
}
