import '../../src/node/polyfill.ts'
import { stepCoordinator } from '../../src/roles/master/coordinator/step.ts'
import { stepElection } from '../../src/roles/master/election/step.ts'
import { stepSlot } from '../../src/roles/worker/slot-step.ts'
import { Mesh } from './mesh.ts'
import type { Machines, Setting } from './setting.ts'

export const REAL: Machines = { election: stepElection, coordinator: stepCoordinator, slot: stepSlot }

/** All is whole again: so long everything has to come to its end. A deadline may be an hour away, by a clock that was set. */
const CALM_MS = 4_200_000
const LOOK_MS = 1_000

export interface LifeOptions {
  machines?: Machines
  /** Keep the history. */
  tells?: boolean
  /** Disks that only say that they have written. */
  lazyDisks?: boolean
  /** What processes get as their journals. */
  journal?: Setting['journal']
}

export interface Life {
  faults: string[]
  history: string[]
  /** Tasks of which there are several records. */
  duplicates: number
  /** Virtual. */
  ms: number
}

/** A life of a mesh in which everything goes wrong, then enough calm for everything to come to its end. */
export async function live (seed: number, { machines = REAL, tells = false, lazyDisks = false, journal = own => own }: LifeOptions = {}): Promise<Life> {
  const mesh = new Mesh(seed, { machines, tells, lazyDisks, journal })
  const { world, checker } = mesh

  mesh.begin()
  await world.run(2_500)

  for (let steps = world.between(10, 30); steps > 0 && checker.faults.length === 0; steps--) {
    mesh.disturb()
    await world.run(world.chance(0.3) ? world.between(0, 60) : world.between(0, 2_500))
  }

  world.say(() => 'everything is healed')
  mesh.heal()

  let final: string[] = ['']

  for (let ms = 0; ms < CALM_MS && final.length > 0 && checker.faults.length === 0; ms += LOOK_MS) {
    await world.run(LOOK_MS)
    final = mesh.final()
  }

  // nothing more comes after the end, but for a removal that is on its way just then
  await world.run(5_000)

  for (let looks = 0; looks < 5 && mesh.final().length > 0; looks++) {
    await world.run(LOOK_MS)
  }

  return { faults: [...checker.faults, ...mesh.final()], history: world.history, duplicates: mesh.duplicates(), ms: world.nowMs }
}
