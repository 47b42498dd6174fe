import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Host } from '../../sandbox/host.ts'

describe('the boxes of a worker', () => {
  let host: Host

  beforeAll(async () => { host = await Host.start() })
  afterAll(async () => { await host.stop() })

  it.each([['handed out', false], ['measured', true]])('are built ahead when nothing runs, and not beside what is %s right after something else', async (_, measured) => {
    expect(await host.ask('ahead', measured)).toEqual({ during: 1, after: 1, stopped: 0 })
  })
})
