import { createHash } from 'node:crypto'
import { constants } from 'node:fs'
import { lstat, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { CHUNK_SIZE, MAX_CHUNKS, MAX_FILES, payloadSize } from '../model/payload.ts'
import { piecesOf } from './digest.ts'
import { openPrivate, writeFileAtomic } from './files.ts'
import type { Bytes } from './digest.ts'
import type { PayloadManifest } from '../model/payload.ts'
import type { FileHandle } from 'node:fs/promises'

/** First line of a stored manifest, before the SHA-256 of the JSON that follows. */
const HEADER = 'meshmark-content-1'
/** Of one writev; Linux takes 1,024. */
const MAX_PIECES = 1_024
/** Files and digests at their bounds, with some air. */
const MAX_MANIFEST_BYTES = MAX_FILES * 1_200 + MAX_CHUNKS * 80

export function sha256 (bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

export async function writeStoredManifest (dir: string, manifest: PayloadManifest): Promise<void> {
  const body = JSON.stringify({ ...manifest, chunks: manifest.chunks.map(digest => Buffer.from(digest).toString('hex')) })

  await writeFileAtomic(join(dir, 'manifest'), `${HEADER} ${sha256(Buffer.from(body))}\n${body}`, 0o600)
}

/** Throws a plain Error that says what is wrong. */
export async function readStoredManifest (dir: string, id: string): Promise<PayloadManifest> {
  if (!(await lstat(dir)).isDirectory()) {
    throw new Error(`${dir} is not a folder`)
  }

  const file = await openPrivate(join(dir, 'manifest'), constants.O_RDONLY)
  let text: string

  try {
    const info = await file.stat()

    if (!info.isFile() || info.size > MAX_MANIFEST_BYTES) {
      throw new Error('the stored manifest is no file of ours')
    }

    text = await file.readFile('utf8')
  } finally {
    await file.close()
  }

  const split = text.indexOf('\n')
  const body = text.slice(split + 1)

  if (text.slice(0, split) !== `${HEADER} ${sha256(Buffer.from(body))}`) {
    throw new Error('the stored manifest does not match its checksum')
  }

  const manifest = JSON.parse(body)

  if (manifest.id !== id) {
    throw new Error(`the stored manifest is that of ${manifest.id}`)
  }

  return { ...manifest, chunks: manifest.chunks.map((digest: string) => new Uint8Array(Buffer.from(digest, 'hex'))) }
}

export async function openData (dir: string, flags: number): Promise<FileHandle> {
  const file = await openPrivate(join(dir, 'data'), flags)

  if (!(await file.stat()).isFile()) {
    await file.close()
    throw new Error(`${join(dir, 'data')} is not a regular file`)
  }

  return file
}

export async function isComplete (dir: string, manifest: PayloadManifest): Promise<boolean> {
  const info = await lstat(join(dir, 'data')).catch(() => undefined)

  return info?.isFile() === true && info.size === payloadSize(manifest)
}

/** Last use survives a restart as the manifest's time. */
export async function touchStored (dir: string, usedMs: number): Promise<void> {
  await utimes(join(dir, 'manifest'), usedMs / 1_000, usedMs / 1_000)
}

/** Bytes of chunk `index`: all are `chunkSize` but the last. */
export function chunkLength (manifest: PayloadManifest, index: number): number {
  return Math.min(manifest.chunkSize, payloadSize(manifest) - index * manifest.chunkSize)
}

/** What the arithmetic of this store rests on; whether it is an honest manifest was judged before. */
export function isConsistent (manifest: PayloadManifest): boolean {
  const size = payloadSize(manifest)

  return Number.isInteger(manifest.chunkSize) && manifest.chunkSize >= 1 && manifest.chunkSize <= CHUNK_SIZE &&
    manifest.files.length <= MAX_FILES && manifest.files.every(file => Number.isSafeInteger(file.size) && file.size >= 0) &&
    manifest.chunks.length <= MAX_CHUNKS && manifest.chunks.length === Math.ceil(size / manifest.chunkSize) &&
    manifest.chunks.every(digest => digest.byteLength === 32)
}

/** Reads until `into` is full; false when the file ends before. */
export async function readFully (file: FileHandle, into: Uint8Array, position: number): Promise<boolean> {
  let done = 0

  while (done < into.byteLength) {
    const { bytesRead } = await file.read(into, done, into.byteLength - done, position + done)

    if (bytesRead === 0) {
      return false
    }

    done += bytesRead
  }

  return true
}

/** Writes all of it; a write may take less than it was given. */
export async function writeFully (file: FileHandle, bytes: Bytes, position: number): Promise<void> {
  let left = [...piecesOf(bytes)]
  let at = position

  while (left.length > 0) {
    const { bytesWritten } = await file.writev(left.slice(0, MAX_PIECES), at)

    at += bytesWritten
    left = after(left, bytesWritten)
  }
}

function after (pieces: Uint8Array[], bytes: number): Uint8Array[] {
  let skipped = 0
  let rest = bytes

  while (skipped < pieces.length && rest >= pieces[skipped]!.byteLength) {
    rest -= pieces[skipped++]!.byteLength
  }

  const [first, ...others] = pieces.slice(skipped)

  return first == null ? [] : [first.subarray(rest), ...others]
}
