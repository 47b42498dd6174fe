/** How many newcomers shake hands, say hello and join at once: enough to keep the processor busy while each waits for its peer. */
export const AT_ONCE = 32

/** Whoever takes longer makes room for the next one, and goes on beside it: a silent newcomer holds nobody up. */
export const TURN_MS = 2_000

interface Waiting {
  enter: () => void
}

/**
 * Lets newcomers in a few at a time, hosts in turn and each host's in the order
 * of their coming. A thousand handshakes that run at once all end when the last
 * one does, beyond everybody's patience; one after the other they take as long
 * together, and most are over early. Its bound is that of whoever asks.
 */
export class Doorway {
  readonly #hosts = new Map<string, Waiting[]>()
  #inside = 0

  /** Resolves when it is this one's turn, with what ends the turn. */
  async enter (host: string): Promise<() => void> {
    if (this.#inside >= AT_ONCE) {
      const { promise, resolve } = Promise.withResolvers<void>()
      const queue = this.#hosts.get(host)

      if (queue == null) {
        this.#hosts.set(host, [{ enter: resolve }])
      } else {
        queue.push({ enter: resolve })
      }

      // the place is taken for it by whoever calls it in
      await promise
    } else {
      this.#inside++
    }

    let inside = true
    const leave = (): void => {
      if (inside) {
        inside = false
        clearTimeout(timer)
        this.#next()
      }
    }
    const timer = setTimeout(leave, TURN_MS)

    return leave
  }

  /** How many wait. */
  get waiting (): number {
    return [...this.#hosts.values()].reduce((sum, queue) => sum + queue.length, 0)
  }

  #next (): void {
    const [first] = this.#hosts

    if (first == null) {
      this.#inside--
      return
    }

    const [host, queue] = first
    const waiting = queue.shift()

    // to the end of the line of hosts
    this.#hosts.delete(host)

    if (queue.length > 0) {
      this.#hosts.set(host, queue)
    }

    waiting?.enter()
  }
}
