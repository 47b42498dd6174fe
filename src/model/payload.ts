/** One file of a payload. Paths are relative, with `/`, and never leave the payload. */
export interface PayloadFile {
  path: string
  /** Bytes. */
  size: number
  executable: boolean
}

/**
 * Files of a job. Their contents, one after the other in this order, are cut
 * into chunks of `chunkSize` bytes (the last one shorter); the payload's id is
 * the SHA-256 of the encoded manifest.
 */
export interface PayloadManifest {
  /** SHA-256 of the encoded manifest without this field, lower-case hex. */
  id: string
  files: PayloadFile[]
  chunkSize: number
  /** SHA-256 of each chunk. */
  chunks: Uint8Array[]
}

/** Large enough that framing costs nothing, small enough that one lost chunk does not matter. */
export const CHUNK_SIZE = 1024 * 1024

const SMALL_CHUNK_SIZE = 256 * 1024
/** Of a payload, up to which chunks are small. */
const SMALL_CHUNKS_UP_TO = 1024 * 1024 * 1024

/**
 * What a payload of so many bytes is cut into. A chunk is verified before it is
 * passed on, so each worker in a chain has it later by the time that one chunk
 * takes: small ones, where their number does not matter.
 */
export function chunkSizeFor (bytes: number): number {
  return bytes <= SMALL_CHUNKS_UP_TO ? SMALL_CHUNK_SIZE : CHUNK_SIZE
}

/** Refused beyond this, on every side: 16 GiB with chunks of 1 MiB. */
export const MAX_CHUNKS = 16_384
export const MAX_FILES = 4_096

export function payloadSize (manifest: PayloadManifest): number {
  return manifest.files.reduce((sum, file) => sum + file.size, 0)
}

/** A relative path without empty, `.` or `..` parts, NUL or a backslash; at most 512 characters. */
export function isPayloadPath (path: string): boolean {
  return path.length > 0 && path.length <= 512 && !/[\0\\]/.test(path) &&
    path.split('/').every(part => part !== '' && part !== '.' && part !== '..')
}
