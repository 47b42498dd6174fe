import { realpathSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { execute, Host } from './host.ts'
import type { Rule } from '../../src/sandbox/policy.ts'

/** A worker that looks for its box on a machine where something is missing. */
async function preflightOn (options: Parameters<typeof Host.start>[0]): Promise<string> {
  const host = await Host.start(options)

  try {
    return await host.ask('facts').then(() => 'there is a box', (err: Error) => err.message)
  } finally {
    await host.stop()
  }
}

/** Under rules that a container might have. */
const denying = (...rules: Rule[]) => ({ env: { DENY: JSON.stringify(rules) } })

const EPERM = 1
const EINVAL = 22
const CLONE_NEWUSER = 0x10000000

/** In mounts of its own, with a file covered by one that is neither program nor library. */
const without = (...paths: string[]) => ({
  node: '/usr/bin/unshare',
  nodeArguments: ['--mount', '/bin/sh', '-c', `${paths.map(path => `mount --bind /dev/null ${realpathSync(path)}`).join(' && ')} && exec '${process.execPath}' "$0"`]
})

describe('a worker that cannot build a box refuses, and says what to do', () => {
  it('when user namespaces are blocked', async () => {
    expect(await preflightOn(denying(...['clone', 'unshare'].map((call): Rule => ({
      call, when: { arg: 0, is: 'masked', mask: CLONE_NEWUSER, value: CLONE_NEWUSER }, action: { errno: EPERM }, reason: 'as Docker does'
    })))))
      .toContain('the sandbox cannot be built: user namespaces are blocked: type sysctl -w kernel.unprivileged_userns_clone=1')
  })

  // Covering a file takes root.
  it.runIf(process.getuid?.() === 0)('when neither bubblewrap nor what stands in for it is there', async () => {
    expect(await preflightOn(without('/usr/bin/bwrap', '/usr/bin/setpriv'))).toContain('bubblewrap is not installed: type apt-get install bubblewrap')
  })

  it.runIf(process.getuid?.() === 0)('when libseccomp is not there', async () => {
    const folder = process.arch === 'arm64' ? 'aarch64-linux-gnu' : 'x86_64-linux-gnu'

    expect(await preflightOn(without(`/usr/lib/${folder}/libseccomp.so.2`))).toContain('libseccomp.so.2 is not installed: type apt-get install libseccomp2')
  })
})

describe('on a kernel older than 5.11', () => {
  it('programs inherit no descriptor either', async () => {
    const host = await Host.start(denying({ call: 'close_range', action: { errno: EINVAL }, reason: 'it knows no flags' }))

    try {
      // The fourth is the folder that ls reads.
      expect(await host.ask('run', execute(['ls', '/proc/self/fd']))).toMatchObject({ stdout: '0\n1\n2\n3\n', report: { outcome: 'done' } })
    } finally {
      await host.stop()
    }
  })
})
