import { Doorway } from './doorway.ts'
import type { ConnectionGater, MultiaddrConnection } from '@libp2p/interface'

/**
 * Who comes in is not read from before its turn has come, so that it can fill no
 * memory; and its turn lasts until it counts as a member here, so that of a
 * fleet that comes at one moment the first are through, deadlines and all,
 * while the last still wait.
 */
export class Gate {
  readonly #doorway: Doorway
  /** What ends the turns of those inside, by the other end's address. */
  readonly #inside = new Map<string, () => void>()

  constructor (doorway = new Doorway()) {
    this.#doorway = doorway
  }

  /** For libp2p. */
  get gater (): ConnectionGater {
    return {
      denyInboundConnection: async connection => {
        await this.#enter(connection)

        return false
      }
    }
  }

  /** Those that were let in, and have neither gone nor become members. */
  get inside (): number {
    return this.#inside.size
  }

  /** It needs its turn no more. */
  passed ({ remoteAddr }: { remoteAddr: MultiaddrConnection['remoteAddr'] }): void {
    this.#inside.get(placeOf(remoteAddr))?.()
  }

  async #enter (connection: MultiaddrConnection): Promise<void> {
    const address = placeOf(connection.remoteAddr)

    connection.pause()

    const leave = await this.#doorway.enter(connection.remoteAddr.getComponents()[0]?.value ?? '')
    const end = (): void => {
      if (this.#inside.get(address) === end) {
        this.#inside.delete(address)
      }

      leave()
    }

    connection.addEventListener('close', end)
    this.#inside.set(address, end)

    if (connection.status === 'open') {
      connection.resume()
    } else {
      end()
    }
  }
}

/** Once it has proven who it is, its address says that as well. */
function placeOf (address: MultiaddrConnection['remoteAddr']): string {
  return address.toString().replace(/\/p2p\/.*$/, '')
}
