/** What holds for boxes holds for those that util-linux builds. */
import { expect, it } from 'vitest'
import { Host } from '../host.ts'

process.env['BUILDER'] = 'unshare'

it('the workers of these tests build boxes by util-linux', async () => {
  const host = await Host.start()

  try {
    expect((await host.ask('facts')).builder).toBe('unshare')
  } finally {
    await host.stop()
  }
})

// They register their tests here, and their workers take over the builder.
await import('../box.test.ts')
await import('../no-proc.test.ts')
await import('../hooks.test.ts')
