import { createHash } from 'node:crypto'
import { constants } from 'node:fs'
import { open, stat } from 'node:fs/promises'
import { MeshmarkError } from '../../model/errors.ts'
import { chunkSizeFor, MAX_CHUNKS, MAX_FILES } from '../../model/payload.ts'
import { formatBytes } from '../../model/units.ts'
import { digestsKey, isSettled, MIN_KNOWN_BYTES } from './known-digests.ts'
import { isUsablePath, manifestId, validateManifest } from './manifest.ts'
import { contentSize } from './source.ts'
import type { KnownDigests } from './known-digests.ts'
import type { KeptContent, Source } from './source.ts'
import type { PayloadFile, PayloadManifest } from '../../model/payload.ts'
import type { BigIntStats } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'

const BUFFER_BYTES = 1024 * 1024

export interface FileToPack {
  source: Source
  /** Path inside the payload. */
  path: string
  /** @default the mode of the file; false for content */
  executable?: boolean
}

export interface PackedPayload {
  manifest: PayloadManifest
  /** Reads it from the files again; rejects when they have changed since. */
  readChunk: (index: number) => Promise<Uint8Array>
  /** Idempotent. */
  close: () => Promise<void>
}

/** A file as it was when its digest was taken. */
interface Packed {
  source: Source
  /** First byte in the payload. */
  start: number
  size: number
  seen?: BigIntStats
}

/**
 * Describes files as a payload without copying them: each is read once now, for
 * the digests, and again when its chunks are sent. The same files give the same
 * id in whatever order they are named.
 *
 * @param known - large files that are in it are not read for their digests
 */
export async function packFiles (files: FileToPack[], known?: KnownDigests): Promise<PackedPayload> {
  if (files.length > MAX_FILES) {
    throw new MeshmarkError('usage', `${files.length} files are more than a payload holds (${MAX_FILES}): pack them into one archive`)
  }

  const chunkSize = chunkSizeFor(await sizeOf(files))
  const sorted = [...files].sort((a, b) => a.path < b.path ? -1 : 1)
  const unusable = sorted.find(({ path }) => !isUsablePath(path))

  if (unusable != null) {
    throw new MeshmarkError('usage', `'${unusable.path}' cannot be a file of the payload: use a relative path without .., backslashes or very long names`)
  }

  const { packed, described, chunks } = await (known == null ? undefined : digestKnown(sorted, chunkSize, known)) ?? await digestAll(sorted, chunkSize)
  const content = { files: described, chunkSize, chunks }
  const manifest = { id: manifestId(content), ...content }

  // what two files of one name or a file and a folder of one name would be
  try {
    validateManifest(manifest)
  } catch (err) {
    throw new MeshmarkError('usage', (err as Error).message, { cause: err })
  }

  return new PackedFiles(manifest, packed)
}

/** Files one after the other, and the digests of their chunks. */
interface Digested {
  packed: Packed[]
  described: PayloadFile[]
  chunks: Uint8Array[]
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

/** The same, without reading what is known; undefined where knowing it is not worth the trouble. */
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

  if (isOld && digested.packed.every(({ seen }, at) => seen != null && seen.ctimeNs === packed[at]!.seen.ctimeNs && isSame(seen, packed[at]!.seen))) {
    await known.keep(key, digested.chunks)
  }

  return digested
}

function isExecutable ({ mode }: BigIntStats): boolean {
  return (mode & 0o111n) !== 0n
}

/** As far as they can be read; what is wrong with one is said when it is. */
async function sizeOf (files: FileToPack[]): Promise<number> {
  const sizes = await Promise.all(files.map(async ({ source }) => typeof source === 'string' ? stat(source).then(({ size }) => size, () => 0) : contentSize(source)))

  return sizes.reduce((sum, size) => sum + size, 0)
}

class PackedFiles implements PackedPayload {
  readonly manifest: PayloadManifest
  readonly #files: Packed[]
  /** The file read last: chunks are mostly asked for in order. */
  #open?: { file: Packed, handle: FileHandle }
  #turn: Promise<unknown> = Promise.resolve()
  #closed = false

  constructor (manifest: PayloadManifest, files: Packed[]) {
    this.manifest = manifest
    this.#files = files
  }

  readChunk = async (index: number): Promise<Uint8Array> => this.#inTurn(async () => {
    const digest = this.manifest.chunks[index]

    if (digest == null || this.#closed) {
      throw new Error(this.#closed ? 'the packed payload is closed' : `no chunk ${index}`)
    }

    const { chunkSize } = this.manifest
    const start = index * chunkSize
    const end = Math.min(start + chunkSize, this.#bytes())
    const chunk = new Uint8Array(end - start)
    const parts = this.#files.filter(file => file.size > 0 && file.start < end && file.start + file.size > start)

    for (const file of parts) {
      const from = Math.max(start, file.start)
      const to = Math.min(end, file.start + file.size)

      await this.#read(file, chunk.subarray(from - start, to - start), from - file.start)
    }

    if (!createHash('sha256').update(chunk).digest().equals(digest)) {
      throw changed(String(parts.map(({ source }) => typeof source === 'string' ? source : 'given content').join(' or ')))
    }

    return chunk
  })

  close = async (): Promise<void> => this.#inTurn(async () => {
    this.#closed = true
    await this.#open?.handle.close()
    this.#open = undefined
  })

  #bytes (): number {
    const last = this.#files.at(-1)

    return last == null ? 0 : last.start + last.size
  }

  async #read (file: Packed, into: Uint8Array, position: number): Promise<void> {
    if (file.source instanceof Uint8Array) {
      into.set(file.source.subarray(position, position + into.byteLength))
      return
    }

    if (typeof file.source !== 'string') {
      await file.source.read(into, position)
      return
    }

    const handle = await this.#handle(file, file.source)

    if (await readAt(handle, into, position) < into.byteLength) {
      throw changed(file.source)
    }
  }

  async #handle (file: Packed, source: string): Promise<FileHandle> {
    if (this.#open?.file !== file) {
      await this.#open?.handle.close()
      this.#open = undefined
      this.#open = { file, handle: await openSource(source) }
    }

    if (!isSame(file.seen, await this.#open.handle.stat({ bigint: true }))) {
      throw changed(source)
    }

    return this.#open.handle
  }

  async #inTurn<T> (work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(work)

    this.#turn = turn.catch(() => {})

    return turn
  }
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

    if (BigInt(position) !== seen.size || !isSame(seen, await handle.stat({ bigint: true }))) {
      throw changed(source)
    }

    return { executable: isExecutable(seen), seen }
  } finally {
    await handle.close()
  }
}

async function openSource (source: string): Promise<FileHandle> {
  let handle: FileHandle

  try {
    // a FIFO would keep us waiting for its writer
    handle = await open(source, constants.O_RDONLY | constants.O_NONBLOCK)
  } catch (err: any) {
    throw explain(err, source)
  }

  const info = await handle.stat()

  if (!info.isFile()) {
    await handle.close()
    throw new MeshmarkError('not-executable', info.isDirectory() ? `${source} is a folder: name a file` : `${source} is not a regular file`)
  }

  return handle
}

function explain (err: any, source: string): Error {
  switch (err.code) {
    case 'ENOENT':
    case 'ENOTDIR':
      return new MeshmarkError('not-found', `${source} does not exist on this machine`, { cause: err })
    case 'EACCES':
    case 'EPERM':
      return new MeshmarkError('not-executable', `${source} cannot be read by this user: change its permissions`, { cause: err })
    case 'ENXIO':
      return new MeshmarkError('not-executable', `${source} is not a regular file`, { cause: err })
    default:
      return new MeshmarkError('failed', `${source} cannot be read: ${err.message}`, { cause: err })
  }
}

/** Reads until `into` is full or the file ends; resolves with the bytes read. */
async function readAt (handle: FileHandle, into: Uint8Array, position: number): Promise<number> {
  let done = 0

  while (done < into.byteLength) {
    const { bytesRead } = await handle.read(into, done, into.byteLength - done, position + done)

    if (bytesRead === 0) {
      break
    }

    done += bytesRead
  }

  return done
}

function isSame (a: BigIntStats | undefined, b: BigIntStats): boolean {
  return a != null && a.size === b.size && a.mtimeNs === b.mtimeNs && a.ino === b.ino && a.dev === b.dev
}

function changed (source: string): MeshmarkError {
  return new MeshmarkError('failed', `${source} changed while it was being read: wait until it is written, and try again`)
}
