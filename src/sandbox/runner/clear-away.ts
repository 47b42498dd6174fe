import { readdirSync, readFileSync } from 'node:fs'
import { killRest } from './reap.ts'
import type { Control } from './control.ts'
import type { Means } from './run.ts'

/**
 * Makes the box what it was before its task, for another one of the same job:
 *
 * - every process but the runner has been killed and waited for, and /proc
 *   shows nobody else; with them went their limits, mappings, memory files,
 *   sockets and timers, whoever they had handed them to
 * - no descriptor of the runner holds on to anything of theirs, and there is no socket, not even of those that held each other
 * - every folder that they could write to is another, empty one, or as empty as it was and has not been changed
 *
 * What is left could not be changed by them: their filters forbid mounts,
 * message queues, shared memory of System V, keys, and hands on the runner.
 * Throws when any of this did not succeed.
 */
export function clearAway ({ launcher, stage }: Pick<Means, 'launcher' | 'stage'>, control: Control): void {
  killRest(launcher)

  const left = readdirSync('/proc').filter(name => /^\d+$/.test(name) && name !== '1')

  if (left.length > 0) {
    throw new Error(`the processes ${left.slice(0, 10).join(', ')} cannot be ended`)
  }

  launcher.closeStdio()
  waitForSockets()
  stage.renewAll(control.alive)
}

const WAIT_MS = 1
const ATTEMPTS = 1_000

/** Never notified: to sleep on. */
const nobody = new Int32Array(new SharedArrayBuffer(4))

/** Sockets that nobody has but another such one, on its way to it, are found by the kernel, a moment later. */
function waitForSockets (): void {
  // the first line is a heading
  for (let attempt = 0; readFileSync('/proc/net/unix', 'latin1').trimEnd().includes('\n'); attempt++) {
    if (attempt === ATTEMPTS) {
      throw new Error('its sockets do not go away')
    }

    Atomics.wait(nobody, 0, 0, WAIT_MS)
  }
}
