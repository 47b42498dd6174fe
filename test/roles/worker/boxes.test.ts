import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Host } from '../../sandbox/host.ts'

describe('the boxes of a worker', () => {
  let host: Host

  beforeAll(async () => { host = await Host.start() })
  afterAll(async () => { await host.stop() })

  it('are built ahead beside a long execution, but not while that waits for its own', async () => {
    expect(await host.ask('ahead', false)).toEqual({ taken: 2, later: 3, after: 3, left: [] })
  })

  it('are not built beside what is measured, but after it', async () => {
    expect(await host.ask('ahead', true)).toEqual({ taken: 2, later: 2, after: 3, left: [] })
  })
})
