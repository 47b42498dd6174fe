import { toError } from '../../model/errors.ts'
import { Box } from '../../sandbox/index.ts'
import type { Job } from '../../model/job.ts'
import type { Affinity, BoxOptions, BoxView } from '../../sandbox/index.ts'

/** How long a box waits for another execution of its job. */
const KEPT_MS = 2_000

/**
 * After an execution, until its box is taken apart and the next one is built:
 * that takes more of the processor than the execution did, and the result is to
 * go first. And after its beginning, of one that takes its time.
 */
const REST_MS = 300

/** A box that has served an execution, and may serve another one of the same job in the same place. */
interface Kept {
  job: Job
  box: Box
  /** Made sure of while the result of what was before is on its way. */
  isClean: Promise<boolean>
  timer?: NodeJS.Timeout
}

/**
 * One box is kept ready for each place while it is idle, so that a task does
 * not wait for one to be built. A box serves one task and is thrown away, but
 * for the items of one job, which follow each other in one.
 */
export class Boxes {
  readonly #options: BoxOptions
  /** By place. */
  readonly #affinities: ReadonlyArray<Affinity | undefined>
  readonly #warm = new Map<number | undefined, Promise<Box>>()
  readonly #kept = new Map<number, Kept>()
  /** Places whose execution waits for its box. */
  readonly #taking = new Set<number>()
  /** What is executed has all places. */
  #alone = false
  /** Their execution has ended, and all of its processes with it. */
  readonly #used = new Map<Box, NodeJS.Timeout>()
  readonly #closing = new Set<Promise<void>>()
  #rest?: NodeJS.Timeout
  #stopped = false

  /** @param affinities - of each place; what is measured has all that the worker has */
  constructor (options: BoxOptions, affinities: ReadonlyArray<Affinity | undefined> = [options.affinity]) {
    this.#options = options
    this.#affinities = affinities
  }

  /** Logical processors on which everything in a place's box runs; undefined = wherever this process may. */
  boundTo (place: number | undefined): number[] | undefined {
    const affinity = this.#affinityOf(place)

    return affinity == null ? undefined : [...affinity.processors]
  }

  /** Builds ahead what is not there: nothing beside what is measured, nor for the next execution before this one has its box. */
  warm (): void {
    for (const place of this.#alone ? [] : new Set([this.#whole, ...this.#affinities.keys()])) {
      if (place == null || !this.#taking.has(place)) {
        this.#warmFor(place)
      }
    }
  }

  /**
   * @param place - undefined: for what is measured, and has all places
   * @param views - what it must be shown: no box that is ready has that, but one that is kept for the job
   */
  async take (place: number | undefined, job: Job, views?: readonly BoxView[]): Promise<Box> {
    if (place == null) {
      return this.#takeWhole(job, views)
    }

    this.#taking.add(place)

    try {
      return await this.#take(place, job, views)
    } finally {
      this.#taking.delete(place)

      // items follow each other in one
      if (job.each == null) {
        this.#warmLater()
      }
    }
  }

  async #takeWhole (job: Job, views?: readonly BoxView[]): Promise<Box> {
    this.#alone = true

    try {
      // nobody is to be ended or built beside it
      await Promise.all([...this.#kept.keys()].map(async kept => this.#drop(kept)))
      await this.#closeUsed()
      await Promise.allSettled(this.#warm.values())

      return await this.#take(undefined, job, views)
    } catch (err) {
      this.#alone = false
      throw err
    }
  }

  async #take (place: number | undefined, job: Job, views?: readonly BoxView[]): Promise<Box> {
    const kept = place == null ? undefined : this.#kept.get(place)

    if (kept != null && place != null) {
      clearTimeout(kept.timer)
      this.#kept.delete(place)

      if (kept.job === job && await kept.isClean) {
        return kept.box
      }

      await kept.box.close()
    }

    if (views != null) {
      return Box.create({ ...this.#optionsFor(place), views })
    }

    const key = place ?? this.#whole
    const warm = this.#warm.get(key)

    this.#warm.delete(key)

    // It may have died unused, or never come to be.
    const box = await warm?.catch(() => undefined)

    return box?.usable === true ? box : Box.create(this.#optionsFor(place))
  }

  /** One that is nobody's, for what comes before an execution in this place; the caller closes it. */
  async extra (place: number | undefined, views?: readonly BoxView[]): Promise<Box> {
    return Box.create({ ...this.#optionsFor(place), ...(views == null ? {} : { views }) })
  }

  /**
   * An execution is over.
   *
   * @param isOver - the runner has said so, and has ended every process of it before. Then the box is kept for another
   *   one of the job if it can be, else it is closed when the result is on its way. Otherwise nothing is left of it
   *   when this resolves.
   */
  async give (place: number | undefined, job: Job, box: Box, isOver: boolean): Promise<void> {
    this.#alone &&= place != null

    if (place == null || !isOver || this.#stopped || !box.repeatable) {
      if (isOver && !this.#stopped && place != null) {
        this.#used.set(box, setTimeout(() => { void this.#close(box) }, REST_MS))
        return
      }

      const closing = this.#close(box)

      await (isOver ? undefined : closing)
      return
    }

    this.#kept.set(place, { job, box, isClean: box.isClean() })
  }

  /** Nothing runs in this place for now. */
  left (place: number): void {
    const kept = this.#kept.get(place)

    if (kept == null) {
      this.#warmLater()
    } else {
      clearTimeout(kept.timer)
      kept.timer = setTimeout(() => { void this.#drop(place).then(() => { this.warm() }) }, KEPT_MS)
    }
  }

  #warmLater (): void {
    clearTimeout(this.#rest)
    this.#rest = this.#stopped ? undefined : setTimeout(() => { this.warm() }, REST_MS)
  }

  async stop (): Promise<void> {
    this.#stopped = true
    clearTimeout(this.#rest)

    const warm = [...this.#warm.values()]

    this.#warm.clear()
    await Promise.all([
      ...warm.map(async box => box.then(async box => box.close(), () => {})),
      ...[...this.#kept.keys()].map(async place => this.#drop(place)),
      this.#closeUsed()
    ])
  }

  /** Resolves when nothing is left of those whose execution has ended. */
  async #closeUsed (): Promise<void> {
    for (const box of [...this.#used.keys()]) {
      void this.#close(box)
    }

    await Promise.all(this.#closing)
  }

  async #close (box: Box): Promise<void> {
    const closing = box.close().finally(() => { this.#closing.delete(closing) })

    clearTimeout(this.#used.get(box))
    this.#used.delete(box)
    this.#closing.add(closing)
    await closing
  }

  /** With one place, it is the whole. */
  get #whole (): number | undefined {
    return this.#affinities.length === 1 ? 0 : undefined
  }

  #affinityOf (place: number | undefined): Affinity | undefined {
    return place == null ? this.#options.affinity : this.#affinities[place]
  }

  #optionsFor (place: number | undefined): BoxOptions {
    return { ...this.#options, affinity: this.#affinityOf(place) }
  }

  async #drop (place: number): Promise<void> {
    const kept = this.#kept.get(place)

    this.#kept.delete(place)
    clearTimeout(kept?.timer)
    await kept?.box.close()
  }

  #warmFor (place: number | undefined): void {
    if (this.#stopped || this.#warm.has(place) || (place != null && this.#kept.has(place))) {
      return
    }

    const warm = Box.create(this.#optionsFor(place))
    const forget = (): void => {
      if (this.#warm.get(place) === warm) {
        this.#warm.delete(place)
      }
    }

    this.#warm.set(place, warm)

    warm.then(async box => {
      await box.closed
      // it died unused: the next take builds another
      forget()
    }, err => {
      this.#options.log?.(`no box could be built: ${toError(err).message}`)
      forget()
    })
  }
}
