import type { Channel } from '../../src/node/protocol/protocol.ts'
import type { Process, World } from './world.ts'

/** One direction between two nodes. */
export interface Way { up: boolean, least: number, most: number, changedAtMs: number }

/** So long after a direction went down its connections break, if it still is. */
const BREAK_MS = { least: 4_000, most: 12_000 }
/** A dial that nobody answers. */
const DIAL_MS = 3_000

export interface Node {
  process: Process
  onStream: (stream: Side, protocol: string, from: string) => void
  onConnection?: (peer: string) => void
  onGone?: (peer: string) => void
}

/** Why a dial failed. */
export class DialError extends Error {}

/**
 * Connections between nodes, and streams on them. Within a stream order holds
 * and nothing is lost; a connection breaks as a whole, and the two sides notice
 * that when they do. What is sent into a direction that is down waits until it
 * is up again, or until the connection breaks.
 */
export class Network {
  readonly #world: World
  readonly #nodes = new Map<string, Node>()
  readonly #ways = new Map<string, Way>()
  readonly #connections = new Map<string, Connection>()

  constructor (world: World) {
    this.#world = world
  }

  listen (node: Node): void {
    const { process } = node

    this.#nodes.set(process.id, node)

    // of an earlier life: whatever comes on them is answered with their end
    for (const [pair, connection] of this.#connections) {
      if (connection.isOpen && pair.split(' ').includes(process.id) && !connection.isOf(process)) {
        connection.cut()
      }
    }
  }

  node (id: string): Node | undefined {
    const node = this.#nodes.get(id)

    return node?.process.alive === true ? node : undefined
  }

  way (from: string, to: string): Way {
    const key = `${from}>${to}`
    let way = this.#ways.get(key)

    if (way == null) {
      way = { up: true, least: 0.2, most: 8, changedAtMs: this.#world.nowMs }
      this.#ways.set(key, way)
    }

    return way
  }

  setUp (from: string, to: string, up: boolean): void {
    const way = this.way(from, to)

    if (way.up === up) {
      return
    }

    way.up = up
    way.changedAtMs = this.#world.nowMs

    if (up) {
      this.connection(from, to)?.flush(from)
      return
    }

    const connection = this.connection(from, to)

    if (connection != null) {
      this.#world.after(this.#world.between(BREAK_MS.least, BREAK_MS.most), () => {
        if (!way.up) {
          connection.cut()
        }
      })
    }
  }

  /** Both directions. */
  link (a: string, b: string, up: boolean): void {
    this.setUp(a, b, up)
    this.setUp(b, a, up)
  }

  isUp (a: string, b: string): boolean {
    return this.way(a, b).up && this.way(b, a).up
  }

  /** The two have been connected for so long, and nothing was wrong between them. */
  isSteady (a: string, b: string, ms: number): boolean {
    const beforeMs = this.#world.nowMs - ms
    const connection = this.connection(a, b)

    return connection != null && connection.sinceMs <= beforeMs && [this.way(a, b), this.way(b, a)].every(({ up, most, changedAtMs }) => up && most <= 20 && changedAtMs <= beforeMs)
  }

  connection (a: string, b: string): Connection | undefined {
    const connection = this.#connections.get(pairOf(a, b))

    return connection?.isOpen === true ? connection : undefined
  }

  /** Is there one, as far as this node knows? */
  isConnected (process: Process, peer: string): boolean {
    const connection = this.connection(process.id, peer)

    return connection?.isOf(process) === true && connection.knows(process)
  }

  async dial (from: Process, to: string): Promise<void> {
    if (this.isConnected(from, to)) {
      return
    }

    return new Promise((resolve, reject) => {
      const fail = (ms: number): void => {
        from.input(ms, () => {
          this.#world.stir()
          reject(new DialError(`${to} does not answer`))
        })
      }
      const thereMs = this.delay(from.id, to)

      this.#world.after(thereMs, () => {
        const node = this.node(to)

        if (!this.isUp(from.id, to) || (node != null && !node.process.isAwake)) {
          return fail(DIAL_MS - thereMs)
        }

        const backMs = this.delay(to, from.id)
        const opener = this.node(from.id)

        if (node == null || opener?.process !== from) {
          return fail(backMs)
        }

        const older = this.connection(from.id, to)

        // the other side was faster
        if (older?.isOf(from) === true && older.isOf(node.process)) {
          from.input(backMs, () => {
            this.#world.stir()
            resolve()
          })
          return
        }

        older?.cut()

        const connection = new Connection(this.#world, this, opener, node)

        this.#connections.set(pairOf(from.id, to), connection)
        node.onConnection?.(from.id)
        from.input(backMs, () => {
          this.#world.stir()
          connection.knows(from) ? resolve() : reject(new DialError(`${to} is gone again`))
          opener.onConnection?.(to)
        })
      })
    })
  }

  /** Undefined without a connection. */
  open (from: Process, to: string, protocol: string): Side | undefined {
    return this.isConnected(from, to) ? this.connection(from.id, to)!.open(from.id, protocol) : undefined
  }

  delay (from: string, to: string): number {
    const { least, most } = this.way(from, to)

    return this.#world.between(least, most)
  }

  /** The process has died: the other sides hear of it, or not, when its machine has gone with it. */
  died (id: string, silently: boolean): void {
    for (const [pair, connection] of this.#connections) {
      if (connection.isOpen && pair.split(' ').includes(id)) {
        if (silently) {
          this.#world.after(this.#world.between(BREAK_MS.least, BREAK_MS.most), () => { connection.cut() })
        } else {
          connection.cut()
        }
      }
    }
  }
}

function pairOf (a: string, b: string): string {
  return a < b ? `${a} ${b}` : `${b} ${a}`
}

export class Connection {
  isOpen = true
  readonly sinceMs: number
  readonly #world: World
  readonly #network: Network
  readonly #nodes: readonly [Node, Node]
  readonly #streams = new Set<Side>()
  /** Sides that have noticed the end. */
  readonly #told = new Set<Process>()
  readonly #cutAtMs = new Map<string, number>()
  readonly #waiting = new Map<string, Array<() => void>>()

  constructor (world: World, network: Network, a: Node, b: Node) {
    this.#world = world
    this.#network = network
    this.#nodes = [a, b]
    this.sinceMs = world.nowMs
  }

  isOf (process: Process): boolean {
    return this.#nodes.some(node => node.process === process)
  }

  /** As far as this side has noticed, it is there. */
  knows (process: Process): boolean {
    return !this.#told.has(process)
  }

  open (from: string, protocol: string): Side {
    const [near, far] = this.#nodes[0].process.id === from ? this.#nodes : [this.#nodes[1], this.#nodes[0]]
    const mine = new Side(this, near.process, far.process.id)
    const theirs = new Side(this, far.process, near.process.id)

    mine.other = theirs
    theirs.other = mine
    this.#streams.add(mine)
    this.#streams.add(theirs)
    this.send(mine, () => { far.onStream(theirs, protocol, from) })

    return mine
  }

  /** In the order of the calls, for each stream. */
  send (from: Side, arrive: () => void): void {
    const { process, peer, other } = from

    if (!process.alive) {
      return
    }

    if (!this.#network.way(process.id, peer).up) {
      this.#waiting.set(process.id, [...this.#waiting.get(process.id) ?? [], () => { this.send(from, arrive) }])
      return
    }

    const atMs = other.arrivesAtMs = Math.max(other.arrivesAtMs, this.#world.nowMs + this.#network.delay(process.id, peer))

    other.process.input(atMs - this.#world.nowMs, () => {
      if (!this.#told.has(other.process) && atMs <= (this.#cutAtMs.get(other.process.id) ?? Infinity)) {
        arrive()
      }
    })
  }

  flush (from: string): void {
    const waiting = this.#waiting.get(from) ?? []

    this.#waiting.delete(from)
    waiting.forEach(send => { send() })
  }

  /** It breaks: what arrives until each side notices is still read. */
  cut (): void {
    if (!this.isOpen) {
      return
    }

    this.isOpen = false
    this.#waiting.clear()

    for (const node of this.#nodes) {
      const { process } = node
      const [other] = this.#nodes.filter(({ process: another }) => another !== process)
      const ms = this.#world.between(0, 30)

      this.#cutAtMs.set(process.id, this.#world.nowMs + ms)
      process.input(ms, () => {
        this.#told.add(process)
        this.#streams.forEach(side => {
          if (side.process === process) {
            side.end(new Error('the connection broke'))
          }
        })
        node.onGone?.(other!.process.id)
      })
    }
  }

  forget (side: Side): void {
    this.#streams.delete(side)
  }
}

/** One end of a stream. */
export class Side {
  readonly process: Process
  /** On the other end. */
  readonly peer: string
  other!: Side
  arrivesAtMs = 0
  onMessage = (message: any): void => { this.#unread.push(message) }
  /** No error: the other side has closed in order. */
  onEnd = (err?: Error): void => { this.#ended = { err } }
  isOver = false
  readonly #connection: Connection
  readonly #unread: unknown[] = []
  #ended?: { err?: Error }

  constructor (connection: Connection, process: Process, peer: string) {
    this.#connection = connection
    this.process = process
    this.peer = peer
  }

  /** What came before counts as well. */
  listen (onMessage: (message: any) => void, onEnd: (err?: Error) => void): void {
    this.onMessage = onMessage
    this.onEnd = onEnd
    this.#unread.splice(0).forEach(onMessage)

    if (this.#ended != null) {
      onEnd(this.#ended.err)
    }
  }

  send (message: unknown): void {
    if (!this.isOver) {
      this.#connection.send(this, () => {
        if (!this.other.isOver) {
          this.other.onMessage(message)
        }
      })
    }
  }

  /** Over on this side, at once; the other side hears of it. */
  close (err?: Error): void {
    if (!this.isOver) {
      this.isOver = true
      this.#connection.forget(this)
      this.#connection.send(this, () => { this.other.end(err == null ? undefined : new Error('the other side broke it off')) })
    }
  }

  end (err?: Error): void {
    if (!this.isOver) {
      this.isOver = true
      this.#connection.forget(this)
      this.onEnd(err)
    }
  }
}

/** A side of a stream as the product's own code wants it. */
export function channelOf<In, Out> (world: World, side: Side): Channel<In, Out> {
  const queue: In[] = []
  let ended: { err?: Error } | undefined
  let wake: (() => void) | undefined
  const stir = (): void => {
    world.stir()
    wake?.()
  }

  side.listen(message => {
    queue.push(message)
    stir()
  }, err => {
    ended = { err }
    stir()
  })

  return {
    send: async message => {
      world.stir()

      if (side.isOver) {
        throw ended?.err ?? new Error('the stream is closed')
      }

      side.send(message)
    },
    receive: async ({ signal } = {}) => {
      world.stir()

      for (;;) {
        const message = queue.shift()

        if (message !== undefined) {
          return message
        }

        if (ended != null || signal?.aborted === true) {
          if (ended?.err != null || ended == null) {
            throw ended?.err ?? new Error('aborted')
          }

          return undefined
        }

        await new Promise<void>(resolve => { wake = resolve })
      }
    },
    close: async () => { side.close() },
    abort: reason => {
      side.close(reason)
      ended = { err: reason }
      stir()
    }
  }
}
