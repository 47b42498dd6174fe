import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Namespaces } from '../e2e/namespaces.ts'
import { Fleet } from './fleet.ts'
import { Jobs } from './jobs.ts'
import type { Submitted } from './jobs.ts'

const refusal = Namespaces.refusal()

describe.skipIf(refusal != null).each([2, 3])('%i masters, and the coordinator is killed', masters => {
  let fleet: Fleet

  beforeAll(async () => { fleet = await Fleet.create({ masters, workers: 2 }) })
  afterAll(async () => { await fleet?.close() })

  /** Each point of a job's life at which it may die. */
  const POINTS: Array<[string, (jobs: Jobs, kill: () => Promise<void>) => Promise<unknown>]> = [
    ['before the job is submitted', async (jobs, kill) => {
      await kill()
      await jobs.exec(0.3).ended
    }],
    ['while the job is submitted', async (jobs, kill) => {
      const job = jobs.exec(0.3)
      await kill()
      await job.ended
    }],
    ...[100, 200, 300, 400, 500].map((delayMs): [string, (jobs: Jobs, kill: () => Promise<void>) => Promise<unknown>] => [`${delayMs} ms after a client has begun`, async (jobs, kill) => {
      const job = jobs.exec(0.5)
      await new Promise(resolve => { setTimeout(resolve, delayMs) })
      await kill()
      await job.ended
    }]),
    ['just after the job was accepted', async (jobs, kill) => {
      await jobs.detach(0.3)
      await kill()
    }],
    ['when the program has begun', async (jobs, kill) => {
      const job = jobs.exec(1.5)
      await jobs.running(job)
      await kill()
      await job.ended
    }],
    ['while programs run on every worker', async (jobs, kill) => {
      const job = jobs.exec(1.5, { on: 'all', tasks: 2 })
      await jobs.running(job)
      await kill()
      await job.ended
    }],
    ['while jobs wait in its queue', async (jobs, kill) => {
      const waiting: Submitted[] = []

      for (let i = 0; i < 6; i++) {
        waiting.push(await jobs.detach(0.4))
      }

      await kill()
    }],
    ['when the program is about to end', async (jobs, kill) => {
      const job = jobs.exec(0.5)
      await jobs.running(job)
      await new Promise(resolve => { setTimeout(resolve, 450) })
      await kill()
      await job.ended
    }]
  ]

  it.each(POINTS)('%s', async (_point, live) => {
    const jobs = new Jobs(fleet)
    const coordinator = await fleet.settled()

    try {
      await live(jobs, async () => { await fleet.kill(coordinator) })

      for (const { ended } of jobs.all) {
        expect(await ended).toMatchObject({ code: 0, stderr: '' })
      }

      const others = fleet.masters.filter(name => name !== coordinator)

      expect(others).toContain(await fleet.coordinator(others))
      await jobs.check()
    } finally {
      await fleet.start(coordinator)
    }
  })
})

describe.skipIf(refusal != null)('two masters', () => {
  let fleet: Fleet

  beforeAll(async () => { fleet = await Fleet.create({ masters: 2, workers: 2 }) })
  afterAll(async () => { await fleet?.close() })

  it('lose one, then the other, then both', async () => {
    const jobs = new Jobs(fleet)

    for (const name of ['m1', 'm2']) {
      await fleet.settled()
      const running = jobs.exec(2)
      await jobs.running(running)
      await fleet.kill(name)
      await jobs.detach(0.3)
      expect(await running.ended).toMatchObject({ code: 0, stdout: running.output })
      await fleet.start(name)
    }

    await fleet.settled()
    const last = await jobs.detach(1)
    await jobs.running(last)
    await Promise.all(fleet.masters.map(async name => fleet.kill(name)))
    await Promise.all(fleet.masters.map(async name => fleet.start(name)))
    await fleet.settled()
    await jobs.check()
  })

  it('refuse a coordinator that was frozen and wakes up', async () => {
    const jobs = new Jobs(fleet)
    const frozen = await fleet.settled()
    const [other] = fleet.masters.filter(name => name !== frozen)

    fleet.freeze(frozen)
    expect(await fleet.coordinator([other!])).toBe(other)
    await jobs.detach(0.5, { masters: [other!] })
    fleet.thaw(frozen)
    expect(await fleet.settled()).toBe(other)
    await jobs.detach(0.5)
    await jobs.check()
  })

  it('serve what each can reach while they are apart, and have one history afterwards', async () => {
    const jobs = new Jobs(fleet)

    await fleet.settled()
    // each half has its worker; the client reaches both
    fleet.part(['m1', 'w1'], ['m2', 'w2'])
    expect(await fleet.coordinator(['m1'])).toBe('m1')
    expect(await fleet.coordinator(['m2'])).toBe('m2')
    await jobs.detach(0.4, { masters: ['m1'] })
    await jobs.detach(0.4, { masters: ['m2'] })
    fleet.net.heal()
    await fleet.settled()
    // an `any` job may have run once for each coordinator
    await jobs.check({ times: 2 })
  })

  it('have one reservation for each worker that both of them reach', async () => {
    const jobs = new Jobs(fleet)

    await fleet.settled()
    // both workers see both masters, which do not see each other
    fleet.part(['m1'], ['m2'])
    await Promise.all([1, 2, 3].flatMap(() => [jobs.detach(0.3, { masters: ['m1'] }), jobs.detach(0.3, { masters: ['m2'] })]))
    fleet.net.heal()
    await fleet.settled()
    await jobs.check({ times: 2 })
  })

  it.each([['to the other', 'm1', 'm2'], ['from the other', 'm2', 'm1']])('agree again after nothing came %s', async (_what, from, to) => {
    const jobs = new Jobs(fleet)

    await fleet.settled()
    fleet.net.cut(from, to)
    await jobs.detach(0.3)
    fleet.net.heal()
    await fleet.settled()
    await jobs.check({ times: 2 })
  })

  it('go on over a network that loses a tenth of everything', async () => {
    const jobs = new Jobs(fleet)

    await fleet.settled()
    ;['m1', 'm2', 'w1', 'w2'].forEach(name => { fleet.net.lose(name, 0.1) })

    for (let i = 0; i < 3; i++) {
      await jobs.detach(0.2)
    }

    fleet.net.heal()
    await fleet.settled()
    await jobs.check({ times: 2 })
  })

  it('go on over a link that comes and goes', async () => {
    const jobs = new Jobs(fleet)

    await fleet.settled()

    for (let i = 0; i < 3; i++) {
      fleet.part(['m1'], ['m2'])
      await jobs.detach(0.2)
      fleet.net.heal()
      await jobs.detach(0.2)
    }

    await fleet.settled()
    await jobs.check({ times: 2 })
  })
})
