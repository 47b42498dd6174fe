import { constants } from 'node:os'
import { SIGKILL } from '../native/libc.ts'
import type { Rusage } from '../native/libc.ts'
import type { Launcher } from './launch.ts'

export interface Reaped {
  /** Processes that were alive and had to be killed. */
  killed: number
  /** Of all of them, those that had ended by themselves included. */
  rusage: Rusage
}

export const NO_RUSAGE: Rusage = {
  userNs: 0, systemNs: 0, maxRssKiB: 0, minorFaults: 0, majorFaults: 0, voluntarySwitches: 0, involuntarySwitches: 0
}

/**
 * Ends every process of the box but the runner and waits for all of them:
 * PID 1 inherits each orphan, so none can hide. No fork can slip through: it
 * fails while its process has a signal to be killed by.
 */
export function killRest (launcher: Launcher): Reaped {
  let killed = 0
  let rusage = NO_RUSAGE

  launcher.libc.kill(-1, SIGKILL)

  for (;;) {
    if (launcher.wait(-1) < 0) {
      // EINTR says nothing about who is left.
      if (launcher.libc.errno() === constants.errno.ECHILD) {
        return { killed, rusage }
      }

      continue
    }

    if ((launcher.status() & 0x7f) === SIGKILL) {
      killed++
    }

    rusage = addRusage(rusage, launcher.rusage())
  }
}

export function addRusage (a: Rusage, b: Rusage): Rusage {
  return {
    userNs: a.userNs + b.userNs,
    systemNs: a.systemNs + b.systemNs,
    maxRssKiB: Math.max(a.maxRssKiB, b.maxRssKiB),
    minorFaults: a.minorFaults + b.minorFaults,
    majorFaults: a.majorFaults + b.majorFaults,
    voluntarySwitches: a.voluntarySwitches + b.voluntarySwitches,
    involuntarySwitches: a.involuntarySwitches + b.involuntarySwitches
  }
}
