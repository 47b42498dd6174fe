import { isTaskEnd } from '../../model/states.ts'
import { formatDuration } from '../../model/units.ts'
import type { StateCount } from '../../node/protocol/submit/messages.ts'
import type { Output } from '../common/context.ts'

/** Often enough to look alive. */
const REDRAW_MS = 250
/** The speed is that of so long a time before now. */
const SPEED_MS = 5_000

/** Done, running, failed, per second: one moving line on a terminal, above which output is written. */
export class ItemProgress {
  readonly #stream: Output | undefined
  readonly #startedMs = performance.now()
  readonly #speed = new Speed()
  readonly #timer?: NodeJS.Timeout
  #counts: StateCount[] = []
  #text = ''
  #drawn = false

  /** Without a stream nothing is shown. */
  constructor (stream: Output | undefined) {
    this.#stream = stream

    if (stream != null) {
      this.#timer = setInterval(() => { this.#draw() }, REDRAW_MS).unref()
    }
  }

  /** One line, until there is something to count. */
  readonly say = (text: string): void => {
    this.#text = text
    this.#draw()
  }

  /** A line that stays. */
  readonly note = (text: string): void => {
    this.erase()
    this.#stream?.write(`${text}\n`)
  }

  readonly stop = (): void => {
    clearInterval(this.#timer)
    this.erase()
  }

  take (counts: StateCount[]): void {
    this.#counts = counts
    this.#speed.take(performance.now(), endedOf(counts))
  }

  /** Before anything else is written; the next drawing puts it below. */
  erase (): void {
    if (this.#drawn) {
      this.#stream?.write('\r\x1b[K')
      this.#drawn = false
    }
  }

  #draw (): void {
    const nowMs = performance.now()
    const text = this.#counts.length === 0 ? this.#text : itemLine(this.#counts, this.#speed.perSecond(nowMs), nowMs - this.#startedMs)

    if (this.#stream != null && text !== '') {
      // some terminals do not tell their size and say 0; a line that wraps could not be erased
      this.#stream.write(`\r\x1b[K${text.slice(0, (this.#stream.columns || 80) - 1)}`)
      this.#drawn = true
    }
  }
}

/** `1,234 of 10,000 done · 8 running · 3 failed · 412/s · 12 s`, without what there is none of. */
export function itemLine (counts: readonly StateCount[], perSecond: number | undefined, elapsedMs: number): string {
  const of = (states: string[]): number => counts.filter(({ state }) => states.includes(state)).reduce((sum, { count }) => sum + count, 0)
  const total = counts.reduce((sum, { count }) => sum + count, 0)
  const done = of(['done'])
  const waiting = of(['queued', 'reserving', 'sending'])
  const failed = endedOf(counts) - done
  const running = total - endedOf(counts) - waiting

  return [
    `${grouped(done)} of ${grouped(total)} done`,
    ...(running > 0 ? [`${grouped(running)} running`] : []),
    ...(failed > 0 ? [`${grouped(failed)} failed`] : []),
    ...(perSecond == null ? [] : [`${perSecond < 10 ? perSecond.toFixed(1) : grouped(Math.round(perSecond))}/s`]),
    elapsedMs < 60_000 ? `${Math.floor(elapsedMs / 1_000)} s` : formatDuration(elapsedMs)
  ].join(' · ')
}

/** Items per second, over the last seconds. Pure. */
export class Speed {
  readonly #seen: Array<{ atMs: number, ended: number }> = []

  take (atMs: number, ended: number): void {
    this.#seen.push({ atMs, ended })

    // the first one is just old enough
    while (this.#seen.length > 2 && atMs - this.#seen[1]!.atMs >= SPEED_MS) {
      this.#seen.shift()
    }
  }

  /** Undefined while too little is known. */
  perSecond (nowMs: number): number | undefined {
    const [first] = this.#seen
    const last = this.#seen.at(-1)

    return first == null || last == null || last.ended === first.ended ? undefined : (last.ended - first.ended) * 1_000 / (nowMs - first.atMs)
  }
}

function endedOf (counts: readonly StateCount[]): number {
  return counts.filter(({ state }) => isTaskEnd(state)).reduce((sum, { count }) => sum + count, 0)
}

/** 12,345 */
export function grouped (value: number): string {
  return value.toLocaleString('en')
}
