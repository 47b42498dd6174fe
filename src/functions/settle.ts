import { MeshmarkError } from '../model/errors.ts'
import type { DistributedMapOptions, Settled } from './types.ts'

const DEFAULT_CONCURRENCY = 1_000

/**
 * A call for each input, its end given on as it comes or in the order of the
 * inputs. No more inputs are taken than `concurrency` beyond those whose ends
 * were taken, so that memory is bounded for any number of them.
 *
 * Left early, it ends when the calls have that are open then.
 *
 * @param call - rejects when the signal fires
 */
export async function * settleAll<A, R> (
  call: (input: A, signal: AbortSignal) => Promise<R>,
  inputs: Iterable<A> | AsyncIterable<A>,
  { ordered = true, concurrency = DEFAULT_CONCURRENCY, signal }: DistributedMapOptions = {}
): AsyncGenerator<Settled<R>, void, undefined> {
  if (!Number.isSafeInteger(concurrency) || concurrency < 1) {
    throw new MeshmarkError('usage', `concurrency must be a whole number from 1 on, not ${String(concurrency)}`)
  }

  signal?.throwIfAborted()

  const stop = new AbortController()
  const stopWith = (): void => { stop.abort(signal?.reason) }
  const window = new Window<R>(ordered, concurrency)
  const open = new Set<Promise<void>>()
  const iterator = Symbol.asyncIterator in inputs ? inputs[Symbol.asyncIterator]() : inputs[Symbol.iterator]()

  signal?.addEventListener('abort', stopWith)
  void read()

  try {
    for (;;) {
      const settled = window.take()

      signal?.throwIfAborted()

      if (settled != null) {
        yield settled
      } else if (window.isOver) {
        return
      } else {
        await window.changed()
      }
    }
  } finally {
    signal?.removeEventListener('abort', stopWith)
    stop.abort(new DOMException('nobody waits for the results', 'AbortError'))
    window.stop()
    // not awaited: inputs that never come would never let go
    Promise.resolve(iterator.return?.()).catch(() => {})
    await Promise.all(open)
  }

  async function read (): Promise<void> {
    try {
      for (let index = 0; await window.room(); index++) {
        const { done, value } = await iterator.next()

        if (done === true) {
          break
        }

        window.opened()

        const ended = call(value, stop.signal).then(
          value => { window.put({ index, status: 'fulfilled', value }) },
          reason => { window.put({ index, status: 'rejected', reason }) }
        ).finally(() => { open.delete(ended) })

        open.add(ended)
      }

      window.end()
    } catch (reason) {
      window.end({ reason })
    }
  }
}

/** Ends that were not taken yet, and who waits for what. */
class Window<R> {
  readonly #ordered: boolean
  readonly #size: number
  /** Inputs are taken again when so few calls are open: one at a time would make a job of each. */
  readonly #refillAt: number
  readonly #ends = new Map<number, Settled<R>>()
  #open = 0
  #next = 0
  #filling = true
  #stopped = false
  #ended = false
  #failure?: { reason: unknown }
  #wake: Array<() => void> = []

  constructor (ordered: boolean, size: number) {
    this.#ordered = ordered
    this.#size = size
    this.#refillAt = size - Math.max(1, Math.floor(size / 4))
  }

  /** Throws what the inputs threw, when all before it is taken. */
  get isOver (): boolean {
    const over = this.#ended && this.#open === 0

    if (over && this.#failure != null) {
      throw this.#failure.reason
    }

    return over
  }

  /** Resolves when another input may be taken; false when none is wanted any more. */
  async room (): Promise<boolean> {
    for (;;) {
      this.#filling = this.#open < this.#size && (this.#filling || this.#open <= this.#refillAt)

      if (this.#stopped || this.#filling) {
        return !this.#stopped
      }

      await this.changed()
    }
  }

  opened (): void {
    this.#open++
  }

  put (settled: Settled<R>): void {
    this.#ends.set(settled.index, settled)
    this.#tell()
  }

  take (): Settled<R> | undefined {
    const [found] = this.#ordered ? [this.#ends.get(this.#next)] : this.#ends.values()

    if (found != null) {
      this.#ends.delete(found.index)
      this.#next++
      this.#open--
      this.#tell()
    }

    return found
  }

  end (failure?: { reason: unknown }): void {
    this.#ended = true
    this.#failure = failure
    this.#tell()
  }

  stop (): void {
    this.#stopped = true
    this.#tell()
  }

  async changed (): Promise<void> {
    await new Promise<void>(resolve => { this.#wake.push(resolve) })
  }

  #tell (): void {
    this.#wake.splice(0).forEach(wake => { wake() })
  }
}
