import type { Checker } from './checker.ts'
import type { Network } from './network.ts'
import type { Process, World } from './world.ts'
import type { stepCoordinator } from '../../src/roles/master/coordinator/step.ts'
import type { stepElection } from '../../src/roles/master/election/step.ts'
import type { stepSlot } from '../../src/roles/worker/slot-step.ts'
import type { Journal } from '../../src/store/journal.ts'

/** The state machines under test; another one is put in to see whether its fault is found. */
export interface Machines {
  election: typeof stepElection
  coordinator: typeof stepCoordinator
  slot: typeof stepSlot
}

/** Of events: the time is told by whoever it happens to. */
export type Without<E> = E extends { nowMs: number } ? Omit<E, 'nowMs'> : never

/** What everybody in a simulation has in common. */
export interface Setting {
  world: World
  network: Network
  machines: Machines
  checker: Checker
  /** The journal that a process gets instead of its own. */
  journal: (journal: Journal, process: Process) => Journal
  /** Finished jobs are pruned after this; absent = never. */
  retainMs?: number
}
