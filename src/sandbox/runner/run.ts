import { closeSync } from 'node:fs'
import { POLLIN, SIGKILL } from '../native/libc.ts'
import { decodeStatus } from './exit-status.ts'
import { addRusage, killRest } from './reap.ts'
import type { LimitName } from '../../model/limits.ts'
import type { Exit } from '../../model/sample.ts'
import type { Rusage } from '../native/libc.ts'
import type { Alarm } from './alarm.ts'
import type { Bill, Meter } from './bill.ts'
import type { Counters } from './counters.ts'
import type { Image } from './image.ts'
import type { Launcher } from './launch.ts'
import type { Stage } from './stage.ts'
import type { Stagehand } from './stagehand.ts'

/**
 * What else happens while a program runs. Its calls are the only JavaScript
 * between the two clock readings of a run that outlasts `intervalMs`.
 */
export interface Watch {
  /** Until the first or the next look; asked each time. */
  readonly intervalMs: number
  /** Descriptors to look at beside the program, as poll(2) wants them; the first entry is the program's. */
  readonly pollfds?: Buffer
  /** Called once the program has run for a moment, or has printed something; only with descriptors, whose runs are not measured finely. */
  onStart? (startNs: bigint): void
  /** Called when one of them is ready. */
  onReady? (): LimitName | undefined
  /** Called after each interval. The name of a limit ends the run. */
  onInterval (startNs: bigint): LimitName | undefined
  /** Called once the clock has stopped, when the program did not end well, with what it started still there. */
  onFailure? (): void
}

export interface Ran {
  /** CLOCK_MONOTONIC, right before the start. */
  startNs: bigint
  wallNs: number
  exit: Exit
  /** The limit that made us end it. */
  limit?: LimitName
  leftovers: number
  /** Of the program and of everything that it left behind. */
  rusage: Rusage
  bill: Bill
}

const POLLFD_BYTES = 8

/** Of a program that ends sooner nobody has to hear that it has started before it has ended. Milliseconds. */
const TOLD_AFTER_MS = 5

/** But the runner. A program that is killed alone would wait for the processor behind all that it has started. */
const EVERYBODY = -1

/** What a run needs beside its program. */
export interface Means {
  launcher: Launcher
  alarm: Alarm
  meter: Meter
  stagehand: Stagehand
  stage: Stage
  /** Hardware counters, when the task wants them and there are any. */
  counters?: Counters
}

/** The two readings of the clock around posix_spawn and wait4. Throws SpawnError. */
export function runOnce ({ launcher, alarm, meter }: Pick<Means, 'launcher' | 'alarm' | 'meter'>, image: Image, wallMs: number, watch: Watch): Ran {
  meter.begin()

  const deadlines = new Deadlines(wallMs, watch)

  if (watch.pollfds == null) {
    alarm.set(deadlines.nextMs)
  }

  launcher.arm()

  const startNs = process.hrtime.bigint()
  const pid = launcher.spawn(image)

  launcher.limitChild(pid)
  deadlines.startNs = startNs

  const limit = watch.pollfds == null
    ? waitWithAlarm(launcher, alarm, pid, deadlines)
    : waitWithPoll(launcher, pid, deadlines, watch, watch.pollfds)

  const wallNs = Number(process.hrtime.bigint() - startNs)

  alarm.stop()

  const exit = decodeStatus(launcher.status())
  const own = launcher.rusage()

  if (limit == null && !(exit.kind === 'code' && exit.code === 0)) {
    watch.onFailure?.()
  }

  const rest = killRest(launcher)

  return { startNs, wallNs, exit, ...(limit == null ? {} : { limit }), leftovers: rest.killed, rusage: addRusage(own, rest.rusage), bill: meter.end() }
}

/** When to look up while a program runs: at each interval and at the wall limit. */
class Deadlines {
  startNs = 0n
  readonly #wallNs: bigint
  readonly #watch: Watch
  #nextNs: bigint

  constructor (wallMs: number, watch: Watch) {
    this.#wallNs = BigInt(wallMs) * 1_000_000n
    this.#watch = watch
    this.#nextNs = this.#after(0n)
  }

  /** Until the next one, whole milliseconds rounded up. */
  get nextMs (): number {
    const sinceNs = this.startNs === 0n ? 0n : process.hrtime.bigint() - this.startNs

    return sinceNs >= this.#nextNs ? 0 : Number((this.#nextNs - sinceNs + 999_999n) / 1_000_000n)
  }

  /** To be called when one may have come. */
  check (): LimitName | undefined {
    const sinceNs = process.hrtime.bigint() - this.startNs

    if (sinceNs >= this.#wallNs) {
      return 'wall'
    }

    if (sinceNs < this.#nextNs) {
      return undefined
    }

    const limit = this.#watch.onInterval(this.startNs)

    this.#nextNs = this.#after(process.hrtime.bigint() - this.startNs)
    return limit
  }

  #after (sinceNs: bigint): bigint {
    const nextNs = sinceNs + BigInt(this.#watch.intervalMs) * 1_000_000n

    return nextNs < this.#wallNs ? nextNs : this.#wallNs
  }
}

/** For measured runs: nothing between the program's end and ours but wait4 itself. Some 10 us less than with poll. */
function waitWithAlarm (launcher: Launcher, alarm: Alarm, pid: number, deadlines: Deadlines): LimitName | undefined {
  let limit: LimitName | undefined

  // -1: the alarm interrupted it.
  while (launcher.wait(pid) !== pid) {
    limit ??= deadlines.check()

    if (limit != null) {
      launcher.libc.kill(EVERYBODY, SIGKILL)
    }

    alarm.set(deadlines.nextMs)
  }

  return limit
}

/** For exec: output is passed on while the program runs. */
function waitWithPoll (launcher: Launcher, pid: number, deadlines: Deadlines, watch: Watch, fds: Buffer): LimitName | undefined {
  const pidfd = launcher.pidfd(pid)
  let limit: LimitName | undefined

  fds.writeInt32LE(pidfd, 0)
  fds.writeInt16LE(POLLIN, 4)

  for (let isTold = false; ; isTold = true) {
    launcher.libc.poll(fds, fds.length / POLLFD_BYTES, isTold ? deadlines.nextMs : Math.min(deadlines.nextMs, TOLD_AFTER_MS))

    if (fds.readInt16LE(6) !== 0) {
      break
    }

    if (!isTold) {
      watch.onStart?.(deadlines.startNs)
    }

    limit = watch.onReady?.() ?? deadlines.check()

    if (limit != null) {
      launcher.libc.kill(EVERYBODY, SIGKILL)
      break
    }
  }

  launcher.wait(pid)
  closeSync(pidfd)
  return limit
}
