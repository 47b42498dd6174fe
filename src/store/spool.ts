import { opendir, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { MeshmarkError } from '../model/errors.ts'
import { executionId, parseExecutionId } from '../model/ids.ts'
import { Descriptors } from './descriptors.ts'
import { readFully, writeFully } from './content-files.ts'
import { ensurePrivateDir, explainDiskFull, syncDir } from './files.ts'
import type { ExecutionKey } from '../model/ids.ts'

export type OutputStream = 'stdout' | 'stderr'

export interface SpoolsOptions {
  /** Descriptors that stay open between uses. @default 64 */
  maxOpen?: number
}

export interface FollowOptions {
  /** @default 65_536 */
  maxBytes?: number
  signal?: AbortSignal
}

const FOLLOW_BYTES = 64 * 1024

/** The output of executions, one raw file for each stream of each, in one folder. */
export class Spools {
  readonly #dir: string
  readonly #descriptors: Descriptors
  readonly #spools = new Map<string, Promise<Spool>>()

  private constructor (dir: string, maxOpen: number) {
    this.#dir = dir
    this.#descriptors = new Descriptors(maxOpen)
  }

  static async open (dir: string, { maxOpen = 64 }: SpoolsOptions = {}): Promise<Spools> {
    await ensurePrivateDir(dir)

    return new Spools(dir, maxOpen)
  }

  /** Files open at this moment. */
  get openFiles (): number {
    return this.#descriptors.count
  }

  /** The same object for the same stream, with what earlier processes wrote in it. */
  async get (key: ExecutionKey, stream: OutputStream): Promise<Spool> {
    const name = fileName(key, stream)
    let spool = this.#spools.get(name)

    if (spool == null) {
      const forget = (): void => { this.#spools.delete(name) }

      spool = Spool.open(join(this.#dir, name), this.#descriptors, forget)
      this.#spools.set(name, spool)
      spool.catch(forget)
    }

    return spool
  }

  /** Which streams have a file. */
  async list (): Promise<Array<{ key: ExecutionKey, stream: OutputStream }>> {
    const names = await readdir(this.#dir)

    return names.flatMap(name => parseFileName(name) ?? [])
  }

  /** The same, without all names in memory at once. */
  async * each (): AsyncGenerator<{ key: ExecutionKey, stream: OutputStream }> {
    for await (const { name } of await opendir(this.#dir, { bufferSize: 1_024 })) {
      const spool = parseFileName(name)

      if (spool != null) {
        yield spool
      }
    }
  }

  /** Of both streams on the disk, without opening them. */
  async bytesOf (key: ExecutionKey): Promise<number> {
    const sizes = await Promise.all((['stdout', 'stderr'] as const).map(async stream => sizeOf(join(this.#dir, fileName(key, stream)))))

    return sizes.reduce((sum, size) => sum + size, 0)
  }

  /** Followers end; files stay. */
  async close (): Promise<void> {
    for (const spool of await Promise.allSettled(this.#spools.values())) {
      if (spool.status === 'fulfilled') {
        await spool.value.close()
      }
    }

    await this.#descriptors.closeAll()
  }
}

/**
 * Bytes that are only ever appended, and can be read from any offset while they
 * grow. Raw, as the program wrote them: no header, no version.
 */
export class Spool {
  readonly #path: string
  readonly #descriptors: Descriptors
  readonly #forget: () => void
  readonly #watchers = new Set<() => void>()
  #size: number
  #ended = false
  /** Tail of the queue of appends. */
  #turn: Promise<unknown> = Promise.resolve()

  private constructor (path: string, size: number, descriptors: Descriptors, forget: () => void) {
    this.#path = path
    this.#size = size
    this.#descriptors = descriptors
    this.#forget = forget
  }

  static async open (path: string, descriptors: Descriptors, forget: () => void): Promise<Spool> {
    const size = await sizeOf(path)

    return new Spool(path, size, descriptors, forget)
  }

  /** Bytes that can be read. */
  get size (): number {
    return this.#size
  }

  /** Nothing more will come. */
  get ended (): boolean {
    return this.#ended
  }

  /** Resolves with the new size. After a failure the spool is as it was. */
  async append (bytes: Uint8Array): Promise<number> {
    return this.#inTurn(async () => this.#write(bytes))
  }

  /**
   * For deliveries that may be repeated: bytes that begin at `offset`, of which
   * those that are here already are passed over. A gap is refused. Resolves with
   * the new size.
   */
  async appendAt (offset: number, bytes: Uint8Array): Promise<number> {
    return this.#inTurn(async () => {
      if (offset > this.#size) {
        throw new MeshmarkError('failed', `output from byte ${offset} cannot be kept: only ${this.#size} bytes came before it`)
      }

      return this.#write(bytes.subarray(Math.min(this.#size - offset, bytes.byteLength)))
    })
  }

  /** At most `maxBytes`, fewer near the end, none at the end. */
  async read (from: number, maxBytes: number): Promise<Uint8Array> {
    const into = new Uint8Array(Math.max(0, Math.min(maxBytes, this.#size - from)))

    if (into.byteLength > 0 && !await this.#descriptors.use(this.#path, async file => readFully(file, into, from))) {
      throw new MeshmarkError('failed', `${this.#path} was cut short by somebody else`)
    }

    return into
  }

  /** What is there from `from` on, then what comes, until `end`, `close` or `remove`. */
  async * follow (from: number, { maxBytes = FOLLOW_BYTES, signal }: FollowOptions = {}): AsyncGenerator<Uint8Array> {
    for (let pos = from; await this.grown(pos, signal);) {
      const bytes = await this.read(pos, maxBytes)

      yield bytes
      pos += bytes.byteLength
    }
  }

  /** Resolves with true once there is something after `from`, with false when nothing will be. Rejects with the signal's reason. */
  async grown (from: number, signal?: AbortSignal): Promise<boolean> {
    signal?.throwIfAborted()

    if (this.#size > from || this.#ended) {
      return this.#size > from
    }

    return new Promise((resolve, reject) => {
      const stop = (): void => {
        this.#watchers.delete(look)
        signal?.removeEventListener('abort', onAbort)
      }
      const look = (): void => {
        if (this.#size > from || this.#ended) {
          stop()
          resolve(this.#size > from)
        }
      }
      const onAbort = (): void => {
        stop()
        reject(signal?.reason)
      }

      this.#watchers.add(look)
      signal?.addEventListener('abort', onAbort, { once: true })
    })
  }

  /** No more will be appended by this process: followers end when they have read everything. */
  end (): void {
    this.#ended = true
    this.#tell()
  }

  /** What has been appended survives a power cut. */
  async sync (): Promise<void> {
    await this.#inTurn(async () => {
      await this.#descriptors.use(this.#path, async file => { await file.sync() })
      await syncDir(join(this.#path, '..'))
    })
  }

  async close (): Promise<void> {
    this.end()
    this.#forget()
    await this.#turn
    await this.#descriptors.close(this.#path)
  }

  /** With its file; followers end. */
  async remove (): Promise<void> {
    await this.#inTurn(async () => {
      this.#size = 0
      this.end()
      this.#forget()
      await this.#descriptors.close(this.#path)
      await rm(this.#path, { force: true })
    })
  }

  async #inTurn<T> (work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(work)

    this.#turn = turn.catch(() => {})

    return turn
  }

  async #write (bytes: Uint8Array): Promise<number> {
    if (this.#ended) {
      throw new Error(`${this.#path} has ended`)
    }

    try {
      // at its place and not at the file's end: part of a failed append is written over
      await this.#descriptors.use(this.#path, async file => {
        await writeFully(file, bytes, this.#size).catch(async err => {
          await file.truncate(this.#size)
          throw err
        })
      })
    } catch (err) {
      throw explainDiskFull(err, this.#path)
    }

    this.#size += bytes.byteLength
    this.#tell()

    return this.#size
  }

  #tell (): void {
    for (const look of [...this.#watchers]) {
      look()
    }
  }
}

/** 0 when there is no such file. */
async function sizeOf (path: string): Promise<number> {
  return stat(path).then(info => info.size, err => {
    if (err.code === 'ENOENT') {
      return 0
    }

    throw err
  })
}

/** `<job>,<task>,<worker>,<attempt>.<stream>`: no part may hold a comma or a slash. */
function fileName (key: ExecutionKey, stream: OutputStream): string {
  const id = executionId(key)

  if (!/^[A-Za-z0-9._-]+(\/[A-Za-z0-9._-]+){2}\/\d{1,9}$/.test(id) || id.length > 240) {
    throw new MeshmarkError('refused', `not an execution: ${JSON.stringify(id.slice(0, 80))}`)
  }

  return `${id.replaceAll('/', ',')}.${stream}`
}

function parseFileName (name: string): { key: ExecutionKey, stream: OutputStream } | undefined {
  const match = /^([A-Za-z0-9._-]+(?:,[A-Za-z0-9._-]+){2},\d{1,9})\.(stdout|stderr)$/.exec(name)

  return match == null ? undefined : { key: parseExecutionId((match[1] as string).replaceAll(',', '/')), stream: match[2] as OutputStream }
}
