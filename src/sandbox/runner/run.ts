import { closeSync } from 'node:fs'
import { POLLIN, SIGKILL } from '../native/libc.ts'
import { decodeStatus } from './exit-status.ts'
import { addRusage, killRest } from './reap.ts'
import type { LimitName } from '../../model/limits.ts'
import type { Exit } from '../../model/sample.ts'
import type { Rusage } from '../native/libc.ts'
import type { Image } from './image.ts'
import type { Launcher } from './launch.ts'

/**
 * What else happens while a program runs. Its calls are the only JavaScript
 * between the two clock readings of a run that outlasts `intervalMs`.
 */
export interface Watch {
  intervalMs: number
  /** Descriptors to look at beside the program, as poll(2) wants them; the first entry is left free. */
  readonly pollfds?: Buffer
  /** Called when one of them is ready. */
  onReady? (): LimitName | undefined
  /** Called after each interval. The name of a limit ends the run. */
  onInterval (startNs: bigint): LimitName | undefined
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
}

const POLLFD_BYTES = 8

/** The two readings of the clock around posix_spawn and wait4. Throws SpawnError. */
export function runOnce (launcher: Launcher, image: Image, wallMs: number, watch: Watch): Ran {
  const fds = watch.pollfds ?? Buffer.alloc(POLLFD_BYTES)
  const count = fds.length / POLLFD_BYTES
  const deadlineNs = BigInt(wallMs) * 1_000_000n
  const intervalNs = BigInt(watch.intervalMs) * 1_000_000n
  const poll = launcher.libc.poll
  let limit: LimitName | undefined
  let nextNs = intervalNs < deadlineNs ? intervalNs : deadlineNs

  const startNs = process.hrtime.bigint()
  const pid = launcher.spawn(image)

  launcher.limitChild(pid)

  const pidfd = launcher.pidfd(pid)

  fds.writeInt32LE(pidfd, 0)
  fds.writeInt16LE(POLLIN, 4)

  for (;;) {
    const sinceNs = process.hrtime.bigint() - startNs

    // poll waits for whole milliseconds and never less than it is told to.
    poll(fds, count, sinceNs >= nextNs ? 0 : Math.max(1, Number((nextNs - sinceNs) / 1_000_000n)))

    if (fds.readInt16LE(6) !== 0) {
      break
    }

    if (count > 1) {
      limit ??= watch.onReady?.()
    }

    const nowNs = process.hrtime.bigint() - startNs

    if (nowNs >= deadlineNs) {
      limit ??= 'wall'
    } else if (nowNs >= nextNs) {
      limit ??= watch.onInterval(startNs)
      nextNs = nowNs + intervalNs < deadlineNs ? nowNs + intervalNs : deadlineNs
    }

    if (limit != null) {
      launcher.libc.kill(pid, SIGKILL)
      break
    }
  }

  launcher.wait(pid)

  const wallNs = Number(process.hrtime.bigint() - startNs)
  const exit = decodeStatus(launcher.status())
  const own = launcher.rusage()
  const rest = killRest(launcher)

  closeSync(pidfd)

  return { startNs, wallNs, exit, ...(limit == null ? {} : { limit }), leftovers: rest.killed, rusage: addRusage(own, rest.rusage) }
}
