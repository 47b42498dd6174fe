import { realpathSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { Host } from './host.ts'

/** A worker that looks for its box on a machine where something is missing. */
async function preflightOn (options: Parameters<typeof Host.start>[0]): Promise<string> {
  const host = await Host.start(options)

  try {
    return await host.ask('facts').then(() => 'there is a box', (err: Error) => err.message)
  } finally {
    await host.stop()
  }
}

/** In mounts of its own, with a file covered by one that is neither program nor library. */
const without = (path: string) => ({
  node: '/usr/bin/unshare',
  nodeArguments: ['--mount', '/bin/sh', '-c', `mount --bind /dev/null ${realpathSync(path)} && exec '${process.execPath}' "$0"`]
})

describe('a worker that cannot build a box refuses, and says what to do', () => {
  it('when user namespaces are blocked', async () => {
    expect(await preflightOn({ env: { DENY_USER_NAMESPACES: '1' } }))
      .toContain('the sandbox cannot be built: user namespaces are blocked: type sysctl -w kernel.unprivileged_userns_clone=1')
  })

  // Covering a file takes root.
  it.runIf(process.getuid?.() === 0)('when bubblewrap is not there', async () => {
    expect(await preflightOn(without('/usr/bin/bwrap'))).toContain('bubblewrap is not installed: type apt-get install bubblewrap')
  })

  it.runIf(process.getuid?.() === 0)('when libseccomp is not there', async () => {
    const folder = process.arch === 'arm64' ? 'aarch64-linux-gnu' : 'x86_64-linux-gnu'

    expect(await preflightOn(without(`/usr/lib/${folder}/libseccomp.so.2`))).toContain('libseccomp.so.2 is not installed: type apt-get install libseccomp2')
  })
})
