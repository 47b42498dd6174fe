import { createHash } from 'node:crypto'
import { MeshmarkError } from '../../model/errors.ts'
import { MAX_CHUNKS } from '../../model/payload.ts'
import { formatBytes } from '../../model/units.ts'
import { digestsKey, isSettled, MIN_KNOWN_BYTES } from './known-digests.ts'
import { changedError, isExecutable, isUnchanged, openSource, readAt } from './source-file.ts'
import type { KnownDigests } from './known-digests.ts'
import type { FileToPack, KeptContent, Source } from './source.ts'
import type { PayloadFile } from '../../model/payload.ts'
import type { BigIntStats } from 'node:fs'

const BUFFER_BYTES = 1024 * 1024

/** A file as it was when its digest was taken. */
export interface Packed {
  source: Source
  /** First byte in the payload. */
  start: number
  size: number
  seen?: BigIntStats
}

/** Files one after the other, and the digests of their chunks. */
export interface Digested {
  packed: Packed[]
  described: PayloadFile[]
  chunks: Uint8Array[]
}

/** Reads each file once, or not at all where all of it is known. */
export async function digestFiles (files: FileToPack[], chunkSize: number, known?: KnownDigests): Promise<Digested> {
  return (known == null ? undefined : await digestKnown(files, chunkSize, known)) ?? digestAll(files, chunkSize)
}

async function digestAll (files: FileToPack[], chunkSize: number): Promise<Digested> {
  const digester = new ChunkDigester(chunkSize)
  const packed: Packed[] = []
  const described: PayloadFile[] = []

  for (const file of files) {
    const start = digester.bytes
    const { seen, executable } = await digest(file.source, digester)
    const size = digester.bytes - start

    packed.push({ source: file.source, start, size, seen })
    described.push({ path: file.path, size, executable: file.executable ?? executable })
  }

  return { packed, described, chunks: digester.end() }
}

/** Undefined where knowing it is not worth the trouble. */
async function digestKnown (files: FileToPack[], chunkSize: number, known: KnownDigests): Promise<Digested | undefined> {
  const packed: Array<Packed & { source: string, seen: BigIntStats }> = []
  let bytes = 0

  for (const { source } of files) {
    if (typeof source !== 'string') {
      return undefined
    }

    const handle = await openSource(source)
    const seen = await handle.stat({ bigint: true }).finally(async () => handle.close())
    const size = Number(seen.size)

    packed.push({ source, start: bytes, size, seen })
    bytes += size
  }

  if (bytes < MIN_KNOWN_BYTES) {
    return undefined
  }

  const key = digestsKey(chunkSize, packed)
  const chunks = await known.find(key, Math.ceil(bytes / chunkSize))

  if (chunks != null) {
    return { packed, described: packed.map(({ size, seen }, at) => ({ path: files[at]!.path, size, executable: files[at]!.executable ?? isExecutable(seen) })), chunks }
  }

  const isOld = isSettled(packed, Date.now())
  const digested = await digestAll(files, chunkSize)

  if (isOld && digested.packed.every(({ seen }, at) => seen != null && seen.ctimeNs === packed[at]!.seen.ctimeNs && isUnchanged(seen, packed[at]!.seen))) {
    await known.keep(key, digested.chunks)
  }

  return digested
}

/** SHA-256 of every chunk of what passes through, and nothing kept of it. */
class ChunkDigester {
  bytes = 0
  readonly #chunkSize: number
  readonly #digests: Uint8Array[] = []
  #hash = createHash('sha256')
  #filled = 0

  constructor (chunkSize: number) {
    this.#chunkSize = chunkSize
  }

  update (bytes: Uint8Array): void {
    for (let pos = 0; pos < bytes.byteLength;) {
      const piece = bytes.subarray(pos, pos + this.#chunkSize - this.#filled)

      this.#hash.update(piece)
      this.#filled += piece.byteLength
      pos += piece.byteLength

      if (this.#filled === this.#chunkSize) {
        this.#finishChunk()
      }
    }

    this.bytes += bytes.byteLength
  }

  end (): Uint8Array[] {
    if (this.#filled > 0) {
      this.#finishChunk()
    }

    return this.#digests
  }

  #finishChunk (): void {
    if (this.#digests.length === MAX_CHUNKS) {
      throw new MeshmarkError('usage', `the files are more than a payload holds (${formatBytes(MAX_CHUNKS * this.#chunkSize)}): let the program read its data where it runs`)
    }

    this.#digests.push(new Uint8Array(this.#hash.digest()))
    this.#hash = createHash('sha256')
    this.#filled = 0
  }
}

async function digest (source: Source, digester: ChunkDigester): Promise<{ executable: boolean, seen?: BigIntStats }> {
  if (typeof source === 'string') {
    return digestFile(source, digester)
  }

  if (source instanceof Uint8Array) {
    digester.update(source)
  } else {
    await digestKept(source, digester)
  }

  return { executable: false }
}

async function digestKept ({ size, read }: KeptContent, digester: ChunkDigester): Promise<void> {
  const buffer = new Uint8Array(Math.min(size, BUFFER_BYTES))

  for (let position = 0; position < size; position += buffer.byteLength) {
    const piece = buffer.subarray(0, size - position)

    await read(piece, position)
    digester.update(piece)
  }
}

async function digestFile (source: string, digester: ChunkDigester): Promise<{ executable: boolean, seen: BigIntStats }> {
  const handle = await openSource(source)

  try {
    const seen = await handle.stat({ bigint: true })
    const buffer = new Uint8Array(Number(seen.size < BUFFER_BYTES ? seen.size + 1n : BUFFER_BYTES))

    let position = 0

    for (let read = await readAt(handle, buffer, 0); read > 0; read = await readAt(handle, buffer, position)) {
      digester.update(buffer.subarray(0, read))
      position += read

      // somebody who appends faster than we read must not keep us for ever
      if (position > seen.size) {
        break
      }
    }

    if (BigInt(position) !== seen.size || !isUnchanged(seen, await handle.stat({ bigint: true }))) {
      throw changedError(source)
    }

    return { executable: isExecutable(seen), seen }
  } finally {
    await handle.close()
  }
}
