import { setTimeout as delay } from 'node:timers/promises'
import { toError } from '../../model/errors.ts'
import { executionId, parseExecutionId, shortJobId } from '../../model/ids.ts'
import { payloadSize } from '../../model/payload.ts'
import { formatBytes, formatDuration } from '../../model/units.ts'
import { OUTPUT_STREAMS } from '../output.ts'
import { Courier } from './courier.ts'
import { encodedResult } from './encoded.ts'
import { ExecutionOutput } from './execution-output.ts'
import { chooseGivenUp, mayForget, mustConfirm } from './keeping.ts'
import { Parcel } from './parcel.ts'
import type { GivenUp, KeepingBounds } from './keeping.ts'
import type { Outbox } from './outbox.ts'
import type { ExecutionResult } from '../../model/result.ts'
import type { MeshNode } from '../../node/mesh-node.ts'
import type { ContentStore } from '../../store/content.ts'
import type { Spools } from '../../store/spool.ts'

/** How often what is too old is looked for: often enough for short times, and at least so often. */
const KEEPING_MS = { least: 1_000, most: 10 * 60 * 1000, ofAge: 0.1 }

/** What is confirmed within this time is forgotten together. */
const FORGET_MS = 50

/** How often marks of what was delivered long ago are looked for. */
const PRUNE_MS = 24 * 60 * 60 * 1000

export interface DeliveriesComponents {
  node: MeshNode
  outbox: Outbox
  /** Outputs that wait for delivery. */
  spools: Spools
  /** What tasks have brought back, pinned by their executions. */
  files: ContentStore
  bounds: KeepingBounds
  /** The state that users see has changed. */
  onChange: () => void
  log: (line: string) => void
}

interface Entry {
  parcel: Parcel
  /** Absent when it could not be opened: then there is none to deliver. */
  output?: ExecutionOutput
  confirmed: Set<string>
  recordBytes: number
  /** Until `since`, on the monotonic clock: a clock that is set must not age anything. */
  ageMs: number
  since: number
  closing?: Promise<void>
}

/**
 * What this worker ran and some master lacks still. Every known master gets
 * everything, in parallel and each at its own pace; what all have confirmed is
 * forgotten. Which master has confirmed what is on disk.
 */
export class Deliveries {
  readonly #components: DeliveriesComponents
  readonly #couriers = new Map<string, Courier>()
  readonly #entries = new Map<string, Entry>()
  readonly #waiting = new Set<() => void>()
  #keeping?: NodeJS.Timeout
  #pruning?: NodeJS.Timeout
  #stopped = false
  #forgotten: Array<{ execution: string, confirmed: ReadonlySet<string> }> = []
  #forgetting?: Promise<void>
  /** Of those that have ended. */
  #finishedBytes = 0

  constructor (components: DeliveriesComponents) {
    this.#components = components
  }

  /** Takes up what an earlier life of this worker left undelivered. Nothing that is wrong with one keeps the others. */
  async resume (): Promise<void> {
    const { outbox, bounds, log } = this.#components

    for (const execution of await outbox.unconfirmed()) {
      await this.#resumeOne(execution).catch(err => { log(`the result of execution ${execution} cannot be delivered now: ${toError(err).message}`) })
    }

    await this.#components.files.dropUnheld().catch(err => { log(`files that nobody waits for are left: ${toError(err).message}`) })
    await this.#removeStrays().catch(err => { log(`output that nobody waits for is left: ${toError(err).message}`) })
    this.#keep()
    this.#keeping = setInterval(() => {
      this.#keep()
      this.#saveAges().catch(err => { log(`how long results have been kept is not on disk: ${toError(err).message}`) })
    }, Math.min(KEEPING_MS.most, Math.max(KEEPING_MS.least, bounds.keepMs * KEEPING_MS.ofAge)))
  }

  /** Executions that are here, the running one among them. */
  get held (): string[] {
    return [...this.#entries.keys()]
  }

  /** Finished executions that no master has yet. */
  get undelivered (): number {
    return [...this.#entries.values()].filter(({ parcel, confirmed }) => parcel.result != null && !this.#masters.some(master => confirmed.has(master))).length
  }

  /** The masters that there are, from now on. */
  setMasters (masters: readonly string[]): void {
    for (const [master, courier] of this.#couriers) {
      if (!masters.includes(master)) {
        this.#couriers.delete(master)
        void courier.stop()
      }
    }

    for (const master of masters) {
      if (!this.#couriers.has(master)) {
        this.#addCourier(master)
      }
    }

    for (const entry of [...this.#entries.values()]) {
      this.#forgetIfConfirmed(entry)
    }

    this.#tell()
  }

  /** Registered with it. */
  connected (master: string): void {
    this.#couriers.get(master)?.connect()

    // by mesh time, which is known from the first master on
    if (this.#pruning == null) {
      this.#prune()
      this.#pruning = setInterval(() => { this.#prune() }, PRUNE_MS)
    }
  }

  disconnected (master: string): void {
    this.#couriers.get(master)?.disconnect()
    this.#tell()
  }

  /** An execution that begins. `output` is absent when it cannot be kept. */
  begin (parcel: Parcel, output: ExecutionOutput | undefined): void {
    this.#add({ parcel, output, confirmed: new Set(), recordBytes: 0, ageMs: 0, since: performance.now() })
  }

  /** Its record, on disk where that was possible. */
  finish (execution: string, result: ExecutionResult): void {
    const { bounds } = this.#components
    const entry = this.#entries.get(execution)

    if (entry != null) {
      entry.recordBytes = encodedResult(result).byteLength
      entry.since = performance.now()
      entry.parcel.finish(result)
      this.#finishedBytes += bytesOf(entry)

      // to look at all of them for each of them would take longer than running it
      if (this.#entries.size > bounds.maxCount || this.#finishedBytes > bounds.maxBytes) {
        this.#keep()
      }
    }
  }

  /** A master asks for it: one that had confirmed it has been restored from a backup. False when the record is not here any more. */
  redeliver (execution: string, master: string): boolean {
    const { outbox, log } = this.#components
    const entry = this.#entries.get(execution)

    if (entry == null || entry.closing != null) {
      return false
    }

    if (entry.parcel.result != null && entry.confirmed.delete(master)) {
      outbox.dropConfirmed(execution, master).catch(err => { log(`that a result has to be delivered again is not on disk: ${toError(err).message}`) })
      this.#couriers.get(master)?.add(entry.parcel)
    }

    return true
  }

  /**
   * Resolves when every connected master has everything and no result is here
   * alone, or the signal aborts.
   */
  async delivered (signal: AbortSignal): Promise<void> {
    while (!signal.aborted && this.#hasToGo()) {
      const { promise, resolve } = Promise.withResolvers<void>()

      this.#waiting.add(resolve)
      signal.addEventListener('abort', () => { resolve() }, { once: true })
      await promise
      this.#waiting.delete(resolve)
    }
  }

  /** What is not delivered stays on disk for the next start. */
  async stop (): Promise<void> {
    this.#stopped = true
    clearInterval(this.#keeping)
    clearInterval(this.#pruning)
    await this.#saveAges()
    await Promise.all([...this.#couriers.values()].map(async courier => courier.stop()))
    await Promise.all([...this.#entries.values()].map(async entry => entry.closing ?? entry.output?.close()))
  }

  get #masters (): string[] {
    return [...this.#couriers.keys()]
  }

  #hasToGo (): boolean {
    const connected = [...this.#couriers].filter(([, courier]) => courier.connected).map(([master]) => master)

    return [...this.#entries.values()].some(({ parcel, confirmed, closing }) => parcel.result != null &&
      (closing != null || mustConfirm(connected, confirmed).length > 0 || !this.#masters.some(master => confirmed.has(master))))
  }

  async #resumeOne (execution: string): Promise<void> {
    const { outbox, spools } = this.#components
    const kept = await outbox.undelivered(execution)

    if (kept != null) {
      const output = await ExecutionOutput.restore(spools, execution, kept.output)
      const parcel = new Parcel(execution, output, () => true)

      const entry: Entry = { parcel, output, confirmed: kept.confirmed, recordBytes: kept.bytes, ageMs: kept.ageMs, since: performance.now() }

      this.#holdFiles(execution, kept.result)
      parcel.finish(kept.result)
      this.#finishedBytes += bytesOf(entry)
      this.#add(entry)
    }
  }

  /** Left by a life that ended between the record's end and the output's. */
  async #removeStrays (): Promise<void> {
    const { spools } = this.#components

    for (const { key, stream } of await spools.list()) {
      if (!this.#entries.has(executionId(key))) {
        await (await spools.get(key, stream)).remove()
      }
    }
  }

  #add (entry: Entry): void {
    const { parcel, output } = entry

    this.#entries.set(parcel.execution, entry)

    if (output != null) {
      output.onGrown = () => { parcel.grown() }
    }

    for (const master of mustConfirm(this.#masters, entry.confirmed)) {
      this.#couriers.get(master)?.add(parcel)
    }

    this.#forgetIfConfirmed(entry)
  }

  #addCourier (master: string): void {
    const { node, files, log } = this.#components
    const courier = new Courier({ node, files, master, onConfirmed: parcel => { this.#onConfirmed(parcel.execution, master) }, log })

    this.#couriers.set(master, courier)

    for (const { parcel, confirmed } of this.#entries.values()) {
      if (!confirmed.has(master)) {
        courier.add(parcel)
      }
    }
  }

  #onConfirmed (execution: string, master: string): void {
    const { outbox, onChange, log } = this.#components
    const entry = this.#entries.get(execution)

    if (entry == null || this.#couriers.get(master) == null) {
      return
    }

    entry.confirmed.add(master)

    if (!this.#forgetIfConfirmed(entry)) {
      outbox.saveConfirmed(execution, master).catch(err => { log(`that a result is delivered is not on disk: ${toError(err).message}`) })
    }

    onChange()
    this.#tell()
  }

  #forgetIfConfirmed (entry: Entry): boolean {
    const forget = !this.#stopped && entry.parcel.result != null && mayForget(this.#masters, entry.confirmed)

    if (forget) {
      this.#forget(entry)
    }

    return forget
  }

  #forget (entry: Entry): void {
    const { node, outbox, onChange, log } = this.#components
    const { execution } = entry.parcel

    entry.closing ??= (async () => {
      const bytes = bytesOf(entry)

      this.#couriers.forEach(courier => { courier.drop(execution) })

      try {
        if (entry.output?.inFiles === true) {
          await outbox.forget(execution, node.meshTime(), entry.confirmed, true)
          await entry.output.remove()
        } else {
          await this.#forgetSoon(entry)
        }
      } catch (err) {
        // delivered once more after the next start, which does no harm
        log(`the delivered result of execution ${execution} is still on disk: ${toError(err).message}`)
      } finally {
        await entry.output?.close().catch(() => {})
        await this.#dropFiles(entry)
        this.#entries.delete(execution)
        this.#finishedBytes -= bytes
        onChange()
        this.#tell()
      }
    })()
  }

  #holdFiles (execution: string, { collected }: ExecutionResult): void {
    if (collected?.payload != null) {
      this.#components.files.pin(collected.payload.id, execution)
    }
  }

  /** Others may have brought back the very same. */
  async #dropFiles ({ parcel: { execution, result } }: Entry): Promise<void> {
    const { files, log } = this.#components
    const id = result?.collected?.payload?.id

    if (id != null) {
      files.unpin(id, execution)
      await files.drop(id).catch(err => { log(`files of execution ${execution} are left: ${toError(err).message}`) })
    }
  }

  /** Many short executions are forgotten with one write. */
  async #forgetSoon ({ parcel: { execution }, confirmed }: Entry): Promise<void> {
    this.#forgotten.push({ execution, confirmed })
    this.#forgetting ??= delay(FORGET_MS).then(async () => {
      const { node, outbox } = this.#components
      const forgotten = this.#forgotten

      this.#forgotten = []
      this.#forgetting = undefined
      await outbox.forgetAll(forgotten, node.meshTime())
    })

    return this.#forgetting
  }

  #keep (): void {
    const { bounds, log } = this.#components
    const finished = [...this.#entries.values()].filter(({ parcel, closing }) => parcel.result != null && closing == null)
    const kept = finished.map(entry => ({
      execution: entry.parcel.execution,
      bytes: bytesOf(entry),
      ageMs: ageOf(entry),
      finishedAt: entry.parcel.result!.finishedAt,
      confirmed: entry.confirmed
    }))

    for (const givenUp of chooseGivenUp(kept, this.#masters, bounds)) {
      log(this.#explain(givenUp))
      this.#forget(this.#entries.get(givenUp.execution)!)
    }
  }

  #explain ({ execution, why, held, lacking }: GivenUp): string {
    const { keepMs, maxBytes, maxCount } = this.#components.bounds
    const limit = { age: `kept for ${formatDuration(keepMs)}`, size: `more than ${formatBytes(maxBytes)} of results wait`, count: `more than ${maxCount} results wait` }[why]
    const who = held.length > 0
      ? `${held.length} of ${held.length + lacking.length} masters have it`
      : 'NO master has it'

    return `gave up the result of job ${shortJobId(parseExecutionId(execution).job)} (execution ${execution}): ${limit}; ${who}`
  }

  async #saveAges (): Promise<void> {
    for (const entry of this.#entries.values()) {
      if (entry.parcel.result != null && entry.closing == null) {
        await this.#components.outbox.saveAge(entry.parcel.execution, ageOf(entry))
      }
    }
  }

  #prune (): void {
    const { node, outbox, log } = this.#components

    outbox.prune(node.meshTime()).catch(err => { log(`old marks in the journal: ${toError(err).message}`) })
  }

  #tell (): void {
    this.#waiting.forEach(resolve => { resolve() })
  }
}

/** Of what is kept of it. */
function bytesOf ({ recordBytes, parcel }: Entry): number {
  const files = parcel.result?.collected?.payload

  return recordBytes + (files == null ? 0 : payloadSize(files)) + OUTPUT_STREAMS.reduce((sum, stream) => sum + parcel.output.size(stream), 0)
}

function ageOf ({ ageMs, since }: Entry): number {
  return ageMs + performance.now() - since
}
