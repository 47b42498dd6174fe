import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Namespaces } from '../e2e/namespaces.ts'
import { eventually } from '../e2e/processes.ts'
import { Fleet } from './fleet.ts'
import { Jobs } from './jobs.ts'

describe.skipIf(Namespaces.refusal() != null)('workers and clients of two masters', () => {
  let fleet: Fleet

  beforeAll(async () => { fleet = await Fleet.create({ masters: 2, workers: 2 }) })
  afterAll(async () => { await fleet?.close() })

  it('a worker that is killed while it runs says so when it is back, and leaves nothing running', async () => {
    await fleet.settled()
    const { mark, argv } = fleet.program(100)
    const command = fleet.startCommand(['exec', '--quiet', '--name', 'killed', '--on', 'w1', '--', ...argv])

    await eventually('it runs', async () => (await fleet.seen(mark)).length === 1)
    await fleet.kill('w1')
    await eventually('its processes are gone', async () => {
      const [before] = await fleet.seen(mark)
      await new Promise(resolve => { setTimeout(resolve, 200) })
      const [after] = await fleet.seen(mark)

      return before!.toMs === after!.toMs
    })
    await fleet.start('w1')
    expect((await command.ended).code).not.toBe(0)
    expect((await fleet.jobs()).find(({ name }) => name === 'killed')).toMatchObject({ state: 'finished', ended: 1, failed: 1 })
    expect(await fleet.seen(mark)).toHaveLength(1)
  })

  it('a worker without a network finishes, keeps the result, and delivers it when it is back', async () => {
    const jobs = new Jobs(fleet)

    await fleet.settled()
    const job = await jobs.detach(1, { on: 'w2' })
    await jobs.running(job)
    fleet.part(['w2'], ['m1', 'm2'])
    await eventually('the program has ended', async () => {
      const [process] = await fleet.seen(job.mark)
      return process!.toMs - process!.fromMs > 900
    })
    fleet.net.heal()
    await jobs.check()
  })

  it('a job goes on when its client dies, and is shown later', async () => {
    const jobs = new Jobs(fleet)
    const { mark, argv } = fleet.program(1.5)

    await fleet.settled()
    const command = fleet.startCommand(['exec', '--quiet', '--name', 'left', '--', ...argv])
    await eventually('it runs', async () => (await fleet.seen(mark)).length === 1)
    command.child.kill('SIGKILL')
    const { code, stdout } = await fleet.startCommand(['attach', 'left', '--quiet']).ended
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'begin\nend\n' })
    await jobs.check()
  })
})
