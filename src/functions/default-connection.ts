import { connectClient } from '../roles/client/connect.ts'
import type { Client } from '../roles/client/types.ts'
import type { ClientSource } from './lane.ts'

/** A connection that nobody uses keeps the process alive no longer than this. */
const IDLE_MS = 1_000

/** The connection of programs that never made one: made at the first call, closed when idle, made again when needed. */
export class DefaultConnection implements ClientSource {
  #client?: Promise<Client>
  #users = 0
  #idle?: NodeJS.Timeout

  async acquire (): Promise<{ client: Client, release: () => void }> {
    clearTimeout(this.#idle)
    this.#users++
    this.#client ??= connectClient()

    try {
      return { client: await this.#client, release: () => { this.#release() } }
    } catch (err) {
      this.#users--
      this.#client = undefined
      throw err
    }
  }

  #release (): void {
    if (--this.#users > 0) {
      return
    }

    this.#idle = setTimeout(() => {
      const client = this.#client

      this.#client = undefined
      client?.then(async client => client.close()).catch(() => {})
    }, IDLE_MS)
  }
}
