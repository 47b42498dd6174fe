import { describe, expect, it } from 'vitest'
import { Host, measure, runs } from './host.ts'

const isRoot = process.getuid?.() === 0

describe.runIf(isRoot)('a cold cache', () => {
  it('is had before each run, where it is allowed', async () => {
    const host = await Host.start({ env: { SETTLE: JSON.stringify({ coldCache: true }) } })

    try {
      const faults = async (coldCache: boolean) => (await host.ask('run', measure(['perl', '-e', '1'], { plan: runs(2), coldCache }))).report?.commands[0]?.samples.map(({ majorFaults }) => majorFaults > 0)

      expect(await faults(true)).toEqual([true, true])
      expect((await faults(false))?.[1]).toBe(false)
    } finally {
      await host.stop()
    }
  })

  it('is had by nobody elsewhere', async () => {
    const host = await Host.start({ env: { SETTLE: '{}' } })

    try {
      expect(await host.ask('run', measure(['true'], { coldCache: true }))).toMatchObject({ error: { message: 'the box asked for something that it must not have' }, left: 0 })
    } finally {
      await host.stop()
    }
  })
})
