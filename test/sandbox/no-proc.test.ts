import { execFileSync } from 'node:child_process'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { execute, Host, measure, named, own, runs, sh } from './host.ts'

const MiB = 1024 * 1024

/** As in most containers: a part of /proc is covered, and so the kernel allows no fresh one to whoever is in a user namespace. */
const COVERED = ['--mount', '--propagation', 'private', 'sh', '-c', 'mount -t tmpfs none /proc/tty && exec "$0" "$@"', process.execPath]

const canCover = process.getuid?.() === 0 && hasUnshare()

function hasUnshare (): boolean {
  try {
    execFileSync('unshare', ['--mount', 'true'])
    return true
  } catch {
    return false
  }
}

describe.runIf(canCover).each([
  ['with one uid and no control groups', { twoUids: false, cgroups: false }],
  ['with all that root can give', {}]
])('a box on a machine that allows no fresh /proc, %s', (_, wanted) => {
  let host: Host

  beforeAll(async () => {
    host = await Host.start({ node: 'unshare', nodeArguments: COVERED, env: { SETTLE: JSON.stringify(wanted) } })
    await host.ask('facts')
  })

  afterAll(async () => { await host.stop() })

  it('is built without, and says so', async () => {
    const facts = await host.ask('facts')

    expect(facts.proc).toBe(false)
    expect(facts.caveats).toContain('no /proc in the box: a fresh /proc cannot be mounted: start the container with --security-opt systempaths=unconfined')
    expect(facts.namespaces).toEqual(['user', 'mnt', 'pid', 'net', 'ipc', 'uts', 'cgroup'])
    expect(Object.values(facts.canaries)).not.toContain('allowed')
    expect(facts.uidMode).toBe('twoUids' in wanted ? 'shared' : 'two-uids')
  })

  it('has no /proc, neither its own nor that of the machine', async () => {
    expect((await host.ask('run', measure(sh('ls -d /proc; mount | wc -l; ls /')))).stdout).not.toContain('proc')
  })

  it('measures programs, with their memory', async () => {
    const { report, stdout, left } = await host.ask('run', measure(['echo', 'hello'], { plan: { kind: 'fixed', runs: 5, warmup: 1 } }))
    const [result] = report?.commands ?? []

    expect([report?.outcome, stdout, result?.samples.length, left]).toEqual(['done', 'hello\n', 5, 0])
    expect(result?.memoryMethod).not.toBe('none')
    expect(result?.memoryBytes ?? result?.samples[0]?.memoryBytes).toBeGreaterThan(100_000)
    expect(result?.memoryBytes ?? 0).toBeLessThan(20 * MiB)
  })

  it('runs Node.js and shells', async () => {
    expect(await host.ask('run', execute(['node', '-p', '6 * 7']))).toMatchObject({ stdout: '42\n', report: { outcome: 'done' } })
    expect(await host.ask('run', measure(sh('seq 5 | sort -r | head -1')))).toMatchObject({ stdout: '5\n', report: { outcome: 'done' } })
  })
})
