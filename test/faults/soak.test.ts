import { afterAll, beforeAll, describe, it } from 'vitest'
import { random } from '../simulation/random.ts'
import { Namespaces } from '../e2e/namespaces.ts'
import { Fleet } from './fleet.ts'
import { Jobs } from './jobs.ts'

const KILLS = Number(process.env['SOAK_KILLS'] ?? 200)
const SEED = Number(process.env['SOAK_SEED'] ?? 1)

describe.skipIf(Namespaces.refusal() != null)('three masters and two workers', () => {
  let fleet: Fleet

  beforeAll(async () => { fleet = await Fleet.create({ masters: 3, workers: 2 }) })
  afterAll(async () => { await fleet?.close() })

  it(`lose nothing and run nothing twice over ${KILLS} kills (seed ${SEED})`, async () => {
    const draw = random(SEED)
    const jobs = new Jobs(fleet)

    for (let kill = 0; kill < KILLS; kill++) {
      const victim = fleet.masters[Math.floor(draw() * fleet.masters.length)]!
      const submitted = jobs.exec(0.2 + draw() / 2)

      await new Promise(resolve => { setTimeout(resolve, draw() * 800) })
      await fleet.kill(victim)
      await new Promise(resolve => { setTimeout(resolve, draw() * 500) })
      await fleet.start(victim)
      await submitted.ended
    }

    await fleet.settled()
    await jobs.check()
  }, 60 * 60_000)
})
