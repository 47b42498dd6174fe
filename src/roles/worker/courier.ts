import { toError } from '../../model/errors.ts'
import { shortJobId, parseExecutionId } from '../../model/ids.ts'
import { deliver } from './delivery.ts'
import type { Parcel } from './parcel.ts'
import type { MeshNode } from '../../node/mesh-node.ts'

/** Finished executions on their way at once; a master takes 16 streams of a worker. */
const MAX_ACTIVE = 8

/** After a broken stream. */
const RETRY_MS = 500

/** A master learns of a job from the others, in a moment as a rule; one restored from a backup perhaps never. */
const UNKNOWN_RETRY_MS = { first: 250, most: 15_000 }

export interface CourierComponents {
  node: MeshNode
  /** Peer id. */
  master: string
  /** The master has it on disk, or wants it no more. */
  onConfirmed: (parcel: Parcel) => void
  log: (line: string) => void
}

interface Item {
  parcel: Parcel
  active: boolean
  refusals: number
  retry?: NodeJS.Timeout
  saidBroken: boolean
}

/** Brings what this worker ran to one master, at that master's pace, while it is connected. */
export class Courier {
  readonly #components: CourierComponents
  readonly #items = new Map<string, Item>()
  readonly #running = new Set<Promise<void>>()
  readonly #stop = new AbortController()
  #connected = false

  constructor (components: CourierComponents) {
    this.#components = components
  }

  get connected (): boolean {
    return this.#connected
  }

  has (execution: string): boolean {
    return this.#items.has(execution)
  }

  add (parcel: Parcel): void {
    if (!this.#items.has(parcel.execution)) {
      this.#items.set(parcel.execution, { parcel, active: false, refusals: 0, saidBroken: false })
      this.#pump()
    }
  }

  /** Nothing of it is brought any more; what is on its way may still arrive. */
  drop (execution: string): void {
    clearTimeout(this.#items.get(execution)?.retry)
    this.#items.delete(execution)
  }

  /** Registered with the master (again): the best moment to try everything. */
  connect (): void {
    this.#connected = true

    for (const item of this.#items.values()) {
      clearTimeout(item.retry)
      item.retry = undefined
      item.refusals = 0
    }

    this.#pump()
  }

  disconnect (): void {
    this.#connected = false
  }

  /** What has just ended may wait for its turn no longer than others. */
  async stop (): Promise<void> {
    this.#connected = false
    this.#stop.abort(new Error('the worker stops'))
    this.#items.forEach(({ retry }) => { clearTimeout(retry) })
    this.#items.clear()
    await Promise.all(this.#running)
  }

  #pump (): void {
    if (!this.#connected) {
      return
    }

    let active = [...this.#items.values()].filter(item => item.active && item.parcel.result != null).length

    for (const item of this.#items.values()) {
      const isLive = item.parcel.result == null

      // what runs now is never behind what waits for delivery
      if (item.active || item.retry != null || (!isLive && active >= MAX_ACTIVE)) {
        continue
      }

      active += isLive ? 0 : 1
      this.#begin(item)
    }
  }

  #begin (item: Item): void {
    item.active = true

    const work = this.#deliver(item).finally(() => {
      item.active = false
      this.#running.delete(work)
      this.#pump()
    })

    this.#running.add(work)
  }

  async #deliver (item: Item): Promise<void> {
    const { node, master, onConfirmed, log } = this.#components
    const { parcel } = item

    try {
      const answer = await deliver(parcel, node, master, this.#stop.signal)

      if (answer.kind === 'refused') {
        this.#later(item, Math.min(UNKNOWN_RETRY_MS.first * 2 ** item.refusals++, UNKNOWN_RETRY_MS.most))
      } else if (this.#items.get(parcel.execution) === item) {
        this.#items.delete(parcel.execution)
        onConfirmed(parcel)
      }
    } catch (err) {
      if (this.#stop.signal.aborted) {
        return
      }

      // the control stream says that the master is away
      if (this.#connected && !item.saidBroken) {
        item.saidBroken = true
        log(`delivery of job ${shortJobId(parseExecutionId(parcel.execution).job)} broke off: ${toError(err).message}; trying again`)
      }

      this.#later(item, RETRY_MS)
    }
  }

  #later (item: Item, ms: number): void {
    if (this.#items.get(item.parcel.execution) !== item || this.#stop.signal.aborted) {
      return
    }

    item.retry = setTimeout(() => {
      item.retry = undefined
      this.#pump()
    }, ms)
  }
}
