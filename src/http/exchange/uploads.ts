import { randomBytes } from 'node:crypto'
import { mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { formatBytes } from '../../model/units.ts'
import { piecesOf } from './body.ts'
import { HttpProblem, usage } from './problem.ts'
import { tooMuch } from './sessions.ts'

export interface UploadLimits {
  fileBytes: number
  /** Of one token, and of all. */
  tokenBytes: number
  allBytes: number
  /** Files of one token. */
  files: number
  keepMs: number
}

const GIB = 1024 ** 3

export const UPLOAD_LIMITS: UploadLimits = { fileBytes: GIB, tokenBytes: 2 * GIB, allBytes: 8 * GIB, files: 1_000, keepMs: 3_600_000 }

export interface Upload {
  id: string
  size: number
  expiresAt: number
}

interface Held extends Upload {
  token: string
  path: string
  /** Jobs that are being submitted with it. */
  uses: number
}

/** Files sent before the job that they are for; each belongs to its token, and is kept for an hour. */
export class Uploads {
  readonly limits: UploadLimits
  readonly #held = new Map<string, Held>()
  readonly #sweeping: NodeJS.Timeout
  #dir?: Promise<string>

  constructor (limits: UploadLimits = UPLOAD_LIMITS) {
    this.limits = limits
    this.#sweeping = setInterval(() => { void this.#sweep() }, Math.min(limits.keepMs, 60_000)).unref()
  }

  /** Streams a file to disk. Throws `HttpProblem`: 413, 429, 408. */
  async put (token: string, body: ReadableStream<Uint8Array> | null, signal: AbortSignal): Promise<Upload> {
    const own = [...this.#held.values()].filter(held => held.token === token)

    if (own.length >= this.limits.files) {
      throw tooMuch(`more than ${this.limits.files} files of one token that are in no job yet`, 60_000)
    }

    this.#dir ??= mkdtemp(join(tmpdir(), 'meshmark-http-'))

    const id = randomBytes(12).toString('hex')
    const held: Held = { id, token, path: join(await this.#dir, id), size: 0, expiresAt: Date.now() + this.limits.keepMs, uses: 1 }

    this.#held.set(id, held)

    try {
      const file = await open(held.path, 'wx', 0o600)

      try {
        for await (const piece of piecesOf(body, signal)) {
          held.size += piece.byteLength
          this.#checkRoom(held)
          await file.write(piece)
        }
      } finally {
        await file.close()
      }
    } catch (err) {
      await this.#remove(held)
      throw err
    }

    held.uses--

    return { id, size: held.size, expiresAt: held.expiresAt }
  }

  /** Where a file of this token is; it stays until `release`. The same words for another token's file as for none. */
  take (token: string, id: string): { path: string, release: () => void } {
    const held = this.#held.get(id)

    if (held == null || held.token !== token) {
      throw usage(`no upload '${id.slice(0, 64)}': send the file with PUT /v1/files; it is kept for an hour, on the master that took it`)
    }

    held.uses++

    return { path: held.path, release: () => { held.uses-- } }
  }

  async close (): Promise<void> {
    clearInterval(this.#sweeping)
    this.#held.clear()

    if (this.#dir != null) {
      await rm(await this.#dir, { recursive: true, force: true })
    }
  }

  #checkRoom (held: Held): void {
    if (held.size > this.limits.fileBytes) {
      throw new HttpProblem(413, 'usage', `the file is larger than ${formatBytes(this.limits.fileBytes)}`)
    }

    const bytesOf = (files: Held[]): number => files.reduce((sum, { size }) => sum + size, 0)
    const all = [...this.#held.values()]

    if (bytesOf(all.filter(({ token }) => token === held.token)) > this.limits.tokenBytes || bytesOf(all) > this.limits.allBytes) {
      throw tooMuch(`files that are in no job yet have more than ${formatBytes(this.limits.tokenBytes)} of one token, or ${formatBytes(this.limits.allBytes)} of all`, 60_000)
    }
  }

  async #sweep (): Promise<void> {
    for (const held of [...this.#held.values()].filter(({ expiresAt, uses }) => uses === 0 && expiresAt <= Date.now())) {
      await this.#remove(held)
    }
  }

  async #remove (held: Held): Promise<void> {
    this.#held.delete(held.id)
    await rm(held.path, { force: true })
  }
}
