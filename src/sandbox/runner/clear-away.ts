import { readdirSync } from 'node:fs'
import { killRest } from './reap.ts'
import type { Control } from './control.ts'
import type { Means } from './run.ts'

/**
 * Makes the box what it was before its task, for another one of the same job:
 *
 * - every process but the runner has been killed and waited for, and /proc
 *   shows nobody else; with them went their limits, mappings, memory files,
 *   sockets and timers, whoever they had handed them to
 * - no descriptor of the runner holds on to anything of theirs
 * - every folder that they could write to is another, empty one
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
  stage.renewAll(control.alive)
}
