import { toError } from '../../model/errors.ts'
import { shortJobId, parseExecutionId } from '../../model/ids.ts'
import { MAX_FINISHED, MAX_FINISHED_BYTES } from '../../node/protocol/results/index.ts'
import { OUTPUT_STREAMS } from '../output.ts'
import { deliver } from './delivery.ts'
import { encodedResult } from './encoded.ts'
import { ResultsLine } from './results-line.ts'
import type { Parcel } from './parcel.ts'
import type { ContentStore } from '../../store/content.ts'
import type { MeshNode } from '../../node/mesh-node.ts'
import type { Finished, Receipt } from '../../node/protocol/results/messages.ts'

/** Finished executions on streams of their own at once; a master takes 16 streams of a worker. */
const MAX_ACTIVE = 8

/** Messages of many executions that are not answered. What ends meanwhile goes with the next one. */
const MAX_SENT = 2

/**
 * What ends within this time is delivered as a whole; of what goes on, the
 * master hears on a stream of its own: soon of what it prints, later of the
 * rest, and of items only when they take long.
 */
const LIVE_AFTER_MS = { printed: 10, silent: 500, item: 500 }

/** Short ones that others follow at once in their place are brought together: each message costs two disks and two ways. */
const GATHER_MS = 100

/** After a broken stream. */
const RETRY_MS = 500

/** A master learns of a job from the others, in a moment as a rule; one restored from a backup perhaps never. */
const UNKNOWN_RETRY_MS = { first: 250, most: 15_000 }

export interface CourierComponents {
  node: MeshNode
  /** What tasks have brought back. */
  files: Pick<ContentStore, 'open'>
  /** Peer id. */
  master: string
  /** The master has it on disk, or wants it no more. */
  onConfirmed: (parcel: Parcel) => void
  log: (line: string) => void
}

/**
 * `fresh`: it has just begun. `whole`: it waits to be sent with others. `own`:
 * it waits for a stream of its own. `away`: it is being delivered. `later`: it
 * will be tried again.
 */
type ItemState = 'fresh' | 'whole' | 'own' | 'away' | 'later'

interface Item {
  parcel: Parcel
  state: ItemState
  refusals: number
  /** Of `fresh` and `later`. */
  timer?: NodeJS.Timeout
  unfollow: () => void
  hasPrinted: boolean
  saidBroken: boolean
}

/** Brings what this worker ran to one master, at that master's pace, while it is connected. */
export class Courier {
  readonly #components: CourierComponents
  readonly #items = new Map<string, Item>()
  /** In the order in which they wait; what has left them meanwhile is passed over. */
  #whole: Item[] = []
  #own: Item[] = []
  readonly #line: ResultsLine
  readonly #running = new Set<Promise<void>>()
  readonly #stop = new AbortController()
  #sent = 0
  #active = 0
  #connected = false
  #gathering?: NodeJS.Timeout

  constructor (components: CourierComponents) {
    this.#components = components
    this.#line = new ResultsLine(components.node, components.master)
  }

  get connected (): boolean {
    return this.#connected
  }

  has (execution: string): boolean {
    return this.#items.has(execution)
  }

  add (parcel: Parcel): void {
    if (this.#items.has(parcel.execution)) {
      return
    }

    const item: Item = { parcel, state: 'fresh', refusals: 0, unfollow: () => {}, hasPrinted: false, saidBroken: false }

    this.#items.set(parcel.execution, item)

    if (parcel.result != null) {
      this.#queue(item)
      return
    }

    item.timer = setTimeout(() => { this.#onLasting(item) }, LIVE_AFTER_MS.silent)
    item.unfollow = parcel.follow(() => { this.#onGrown(item) })
  }

  /** Nothing of it is brought any more; what is on its way may still arrive. */
  drop (execution: string): void {
    const item = this.#items.get(execution)

    if (item != null) {
      clearTimeout(item.timer)
      item.unfollow()
      this.#items.delete(execution)
    }
  }

  /** Registered with the master (again): the best moment to try everything. */
  connect (): void {
    this.#connected = true

    for (const item of this.#items.values()) {
      item.refusals = 0

      if (item.state === 'later') {
        this.#queue(item)
      }
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
    clearTimeout(this.#gathering)
    this.#items.forEach((_, execution) => { this.drop(execution) })
    this.#line.close(new Error('the worker stops'))
    await Promise.all(this.#running)
  }

  #onGrown (item: Item): void {
    if (item.state !== 'fresh') {
      return
    }

    if (item.parcel.result != null) {
      this.#queue(item)
    } else if (!item.hasPrinted && outputBytes(item.parcel.output) > 0 && item.parcel.live()) {
      item.hasPrinted = true
      clearTimeout(item.timer)
      item.timer = setTimeout(() => { this.#onLasting(item) }, LIVE_AFTER_MS.printed)
    }
  }

  /** It goes on. */
  #onLasting (item: Item): void {
    const leftMs = LIVE_AFTER_MS.item - (performance.now() - item.parcel.beganMs)

    if (item.parcel.isItem() && leftMs > 0) {
      item.timer = setTimeout(() => { this.#queue(item) }, leftMs)
    } else {
      this.#queue(item)
    }
  }

  /** By the way that fits it now. */
  #queue (item: Item): void {
    clearTimeout(item.timer)
    item.unfollow()

    if (isSmall(item.parcel)) {
      item.state = 'whole'
      this.#whole.push(item)

      if (isOneOfMany(item.parcel) && this.#whole.length < MAX_FINISHED) {
        this.#gathering ??= setTimeout(() => { this.#pump() }, GATHER_MS)
        return
      }
    } else {
      item.state = 'own'
      this.#own.push(item)
    }

    this.#pump()
  }

  #pump (): void {
    clearTimeout(this.#gathering)
    this.#gathering = undefined

    if (!this.#connected) {
      return
    }

    while (this.#sent < MAX_SENT && this.#whole.length > 0) {
      const items = this.#whole.splice(0, MAX_FINISHED).filter(item => this.#isWaiting(item, 'whole'))

      if (items.length > 0) {
        this.#sent++
        items.forEach(item => { item.state = 'away' })
        this.#track(this.#deliverWhole(items).finally(() => { this.#sent-- }))
      }
    }

    const own = this.#own

    this.#own = []

    for (const item of own.filter(item => this.#isWaiting(item, 'own'))) {
      const isLive = item.parcel.result == null

      // what runs now is never behind what waits for delivery
      if (!isLive && this.#active >= MAX_ACTIVE) {
        this.#own.push(item)
        continue
      }

      this.#active += isLive ? 0 : 1
      item.state = 'away'
      this.#track(this.#deliverAlone(item).finally(() => { this.#active -= isLive ? 0 : 1 }))
    }
  }

  #isWaiting (item: Item, state: ItemState): boolean {
    return item.state === state && this.#items.get(item.parcel.execution) === item
  }

  #track (work: Promise<void>): void {
    const tracked = work.finally(() => {
      this.#running.delete(tracked)
      this.#pump()
    })

    this.#running.add(tracked)
  }

  async #deliverWhole (items: Item[]): Promise<void> {
    try {
      const finished = await Promise.all(items.map(async ({ parcel }) => wholeOf(parcel)))
      const receipts = await this.#line.deliver(finished)

      for (const [at, item] of items.entries()) {
        this.#onReceipt(item, receipts[at])
      }
    } catch (err) {
      items.forEach(item => { this.#onBroken(item, toError(err)) })
    }
  }

  #onReceipt (item: Item, receipt: Receipt | undefined): void {
    if (receipt?.execution !== item.parcel.execution) {
      this.#onBroken(item, new Error('the master answered for another execution'))
    } else if (receipt.kind === 'refused') {
      this.#onRefused(item)
    } else {
      this.#onDone(item)
    }
  }

  async #deliverAlone (item: Item): Promise<void> {
    try {
      const answer = await deliver(item.parcel, this.#components, this.#stop.signal)

      if (answer.kind === 'refused') {
        this.#onRefused(item)
      } else {
        this.#onDone(item)
      }
    } catch (err) {
      this.#onBroken(item, toError(err))
    }
  }

  #onDone (item: Item): void {
    if (this.#items.get(item.parcel.execution) === item) {
      this.drop(item.parcel.execution)
      this.#components.onConfirmed(item.parcel)
    }
  }

  #onRefused (item: Item): void {
    this.#later(item, Math.min(UNKNOWN_RETRY_MS.first * 2 ** item.refusals++, UNKNOWN_RETRY_MS.most))
  }

  #onBroken (item: Item, err: Error): void {
    if (this.#stop.signal.aborted) {
      return
    }

    // the control stream says that the master is away
    if (this.#connected && !item.saidBroken) {
      item.saidBroken = true
      this.#components.log(`delivery of job ${shortJobId(parseExecutionId(item.parcel.execution).job)} broke off: ${err.message}; trying again`)
    }

    this.#later(item, RETRY_MS)
  }

  #later (item: Item, ms: number): void {
    if (this.#items.get(item.parcel.execution) !== item || this.#stop.signal.aborted) {
      return
    }

    item.state = 'later'
    item.timer = setTimeout(() => { this.#queue(item) }, ms)
  }
}

/** May it go with others? A record has a few samples as a rule; what has many is not encoded to find that out. */
function isSmall ({ result, output }: Parcel): boolean {
  return result != null && result.collected?.payload == null &&
    outputBytes(output) <= MAX_FINISHED_BYTES / 2 &&
    result.commands.length <= 1 && (result.commands[0]?.samples.length ?? 0) <= 1 &&
    outputBytes(output) + encodedResult(result).byteLength <= MAX_FINISHED_BYTES
}

function isOneOfMany ({ isFollowed, beganMs }: Parcel): boolean {
  return isFollowed && performance.now() - beganMs < GATHER_MS
}

function outputBytes (output: Parcel['output']): number {
  return OUTPUT_STREAMS.reduce((sum, stream) => sum + output.size(stream), 0)
}

async function wholeOf ({ result, output }: Parcel): Promise<Finished> {
  if (result == null) {
    throw new Error('it has not ended')
  }

  const [stdout, stderr] = await Promise.all([output.read('stdout', 0, output.size('stdout')), output.read('stderr', 0, output.size('stderr'))])

  return { result, stdout, stderr }
}
