import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { Server, Socket } from 'node:net'

/** A wire with a counter: passes TCP connections on to a port of this machine, both ways. */
export class CountingProxy {
  /** Bytes towards the target, and back from it. */
  up = 0
  down = 0
  readonly port: number
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  readonly #watchers = new Set<() => void>()

  private constructor (server: Server, port: number) {
    this.#server = server
    this.port = port
  }

  static async start (target: number): Promise<CountingProxy> {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const proxy = new CountingProxy(server, (server.address() as { port: number }).port)

    server.on('connection', near => { proxy.#join(near, connect(target, '127.0.0.1')) })

    return proxy
  }

  get address (): string {
    return `/ip4/127.0.0.1/tcp/${this.port}`
  }

  /** From now on. */
  reset (): void {
    this.up = 0
    this.down = 0
  }

  /** Resolves when so many bytes have gone up since the last reset. */
  async sentUp (bytes: number): Promise<void> {
    return this.#until(() => this.up >= bytes)
  }

  /** Resolves when so many bytes have come down since the last reset. */
  async sentDown (bytes: number): Promise<void> {
    return this.#until(() => this.down >= bytes)
  }

  async #until (condition: () => boolean): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const look = (): void => {
      if (condition()) {
        resolve()
      }
    }

    this.#watchers.add(look)
    look()

    return promise.finally(() => { this.#watchers.delete(look) })
  }

  async stop (): Promise<void> {
    this.#sockets.forEach(socket => socket.destroy())
    this.#server.close()
    await once(this.#server, 'close')
  }

  #join (near: Socket, far: Socket): void {
    near.on('data', data => {
      this.up += data.length
      this.#watchers.forEach(look => { look() })
    })
    far.on('data', data => {
      this.down += data.length
      this.#watchers.forEach(look => { look() })
    })

    for (const [socket, other] of [[near, far], [far, near]] as const) {
      this.#sockets.add(socket)
      socket.pipe(other)
      socket.on('error', () => {})
      socket.once('close', () => {
        this.#sockets.delete(socket)
        other.destroy()
      })
    }
  }
}
