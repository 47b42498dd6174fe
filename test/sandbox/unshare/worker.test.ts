/** Workers whose boxes util-linux builds. */
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { describe, expect, it, vi } from 'vitest'
import { execute, Host, measure, named, sh } from '../host.ts'
import { build } from './build.ts'

const ENOSYS = 38

const isRoot = process.getuid?.() === 0

/** Ways to start a worker. */
const WAYS = [['with one uid', { twoUids: false, cgroups: false }], ...(isRoot ? [['with two uids', {}]] as const : [])] as const

async function withHost (options: Record<string, unknown>, action: (host: Host) => Promise<void>): Promise<void> {
  const host = await Host.start({ env: Object.fromEntries(Object.entries({ BUILDER: 'unshare', ...options }).map(([name, value]) => [name, typeof value === 'string' ? value : JSON.stringify(value)])) })

  try {
    await action(host)
  } finally {
    await host.stop()
  }
}

describe.each(WAYS)('a worker %s', (_, wanted) => {
  it('has boxes that hold, says how they are built, and what is in them', async () => {
    await withHost({ SETTLE: wanted }, async host => {
      const facts = await host.ask('facts')

      expect(facts).toMatchObject({ builder: 'unshare', uidMode: 'twoUids' in wanted ? 'shared' : 'two-uids', proc: true })
      expect(facts.builderVersion).toMatch(/^\d+\.\d+/)
      expect(Object.values(facts.canaries)).not.toContain('allowed')
    })
  })

  it('measures programs', async () => {
    await withHost({ SETTLE: wanted }, async host => {
      const { report, stdout, left } = await host.ask('run', measure(['echo', 'hello'], { plan: { kind: 'fixed', runs: 5, warmup: 1 } }))

      expect([report?.outcome, stdout, report?.commands[0]?.samples.length, left]).toEqual(['done', 'hello\n', 5, 0])
    })
  })

  it('ends what is in a box that somebody kills', async () => {
    await withHost({ SETTLE: wanted }, async host => {
      for (const whom of ['runner', 'bwrap'] as const) {
        const { message, pids } = await host.ask('killed', execute(['sleep', '100000']), whom)

        expect(message).toBe('failed: the sandbox was killed by SIGKILL: is there enough memory?')
        await vi.waitFor(() => { expect(pids.filter(pid => existsSync(`/proc/${pid}`))).toEqual([]) }, { timeout: 10_000, interval: 5 })
      }
    })
  })

  it('leaves nothing running when it is killed', async () => {
    await withHost({ SETTLE: wanted }, async host => {
      const pids = await host.ask('start', { ...execute([]), commands: [named(sh('setsid -f sleep 100000; echo ready; sleep 100000'))] })

      const { dir } = await host.ask('leftFiles')

      // The builder, the runner, and both that sleep.
      expect(pids.length).toBeGreaterThanOrEqual(4)
      host.child.kill('SIGKILL')
      await vi.waitFor(() => { expect(pids.filter(pid => existsSync(`/proc/${pid}`))).toEqual([]) }, { timeout: 10_000, interval: 5 })
      rmSync(dir, { recursive: true })
    })
  })
})

describe.each(['unshare', 'bubblewrap'] as const)('a runner in a box by %s', builder => {
  it('ends when its worker is gone before it has said a word', async () => {
    const runner = readFileSync(new URL('../../../dist/runner.cjs', import.meta.url))

    expect((await build(builder, { runner, deaf: true })).code).toBe(0)
  })
})

describe.each(['unshare', 'bubblewrap'])('on a kernel older than 5.12, by %s', builder => {
  it.each(WAYS)('a worker %s has the same mounts', async (_, wanted) => {
    const mounts: string[] = []

    for (const rules of [[], [{ call: 'mount_setattr', action: { errno: ENOSYS }, reason: 'not there yet' }]]) {
      await withHost({ BUILDER: builder, SETTLE: wanted, DENY: rules }, async host => {
        await host.ask('facts')
        mounts.push((await host.ask('run', execute(sh('cut -d" " -f5,6 /proc/self/mountinfo')))).stdout)
      })
    }

    expect(mounts[0]).toContain('/usr ro,nosuid,nodev')
    expect(mounts[1]).toBe(mounts[0])
  })
})
