import { execFileSync } from 'node:child_process'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { execute, Host, measure, runs, sh } from './host.ts'

const MiB = 1024 * 1024

/**
 * As in most containers: a part of /proc is covered, and so the kernel allows no
 * fresh one to whoever is in a user namespace. One that is mounted elsewhere and
 * is whole would be enough for the kernel: all are covered.
 */
const COVERED = ['--mount', '--propagation', 'private', 'sh', '-c', `
  for proc in $(sed -n 's|^[^ ]* [^ ]* [^ ]* / \\([^ ]*\\) .* - proc .*|\\1|p' /proc/self/mountinfo)
  do mount -t tmpfs none "$proc/tty" || exit
  done
  exec "$@"`, 'sh']

const ORDINARY = ['setpriv', '--reuid', '1001', '--regid', '1001', '--clear-groups']

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
  ['for an ordinary user', ORDINARY, { twoUids: false, cgroups: false }],
  ['for root, with all that it can give', [], {}]
])('a box on a machine that allows no fresh /proc, %s', (_, become, wanted) => {
  let host: Host

  beforeAll(async () => {
    host = await Host.start({ node: 'unshare', nodeArguments: [...COVERED, ...become, process.execPath], env: { SETTLE: JSON.stringify(wanted) } })
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
    expect((await host.ask('run', measure(sh('ls /')))).stdout.split('\n')).toSatisfy((names: string[]) => names.includes('usr') && !names.includes('proc'))
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

  it('tells the first task\'s runner all it cannot read: threads, memory', async () => {
    // Both are in the limits that it sets: a program that has too little of them does not start.
    const { report, stdout } = await host.ask('run', execute(sh('ulimit -u; true & true & wait; echo ok'), { limits: { processes: 10, memoryBytes: 64 * MiB } }))

    expect(report?.outcome).toBe('done')
    expect(stdout).toContain('ok')
  })

  it('ends a fork bomb with all its processes', async () => {
    const { report, left } = await host.ask('run', measure(['perl', '-e', 'fork while 1'], { limits: { wallMs: 500, processes: 20 } }))

    expect(report).toMatchObject({ outcome: 'limit', reason: expect.stringMatching(/^wall limit/) as string })
    expect(report?.commands[0]?.samples[0]?.leftovers).toBeGreaterThan(0)
    expect(report?.commands[0]?.samples[0]?.leftovers).toBeLessThanOrEqual(20)
    expect(left).toBe(0)
  })

  it('ends a daemon that has left its parent', async () => {
    const { report, left } = await host.ask('run', measure(sh('setsid -f sleep 100; setsid -f sleep 100'), { plan: runs(2) }))

    expect(report?.commands[0]?.samples.map(({ leftovers }) => leftovers)).toEqual([2, 2])
    expect(left).toBe(0)
  })

  it('whose programs take too much memory together is ended', async () => {
    const hold = 'head -c 100M /dev/zero | tail -c 100M | sleep 100'
    const { report, left } = await host.ask('run', measure(sh(`(${hold}) & (${hold}) & (${hold}) & wait`), { limits: { memoryBytes: 200 * MiB, wallMs: 15_000 } }))

    expect(report).toMatchObject({ outcome: 'limit', reason: expect.stringMatching(/^memory limit of 200/) as string })
    expect(left).toBe(0)
  })

  it('whose programs take too much CPU time together is ended', async () => {
    const { report, left } = await host.ask('run', measure(sh('(while :; do :; done) & (while :; do :; done) & wait'), { limits: { cpuMs: 500, wallMs: 15_000 } }))

    expect(report).toMatchObject({ outcome: 'limit', reason: expect.stringMatching(/^CPU limit of 500 ms/) as string })
    expect(left).toBe(0)
  })

  it('cannot reach the runner', async () => {
    const { stdout, report } = await host.ask('run', execute(sh('for i in 1 2 3 4 5 6 7 8 9; do [ $i != $$ ] && kill -9 $i 2>/dev/null && echo reached $i; done; renice -n 5 1 2>&1; prlimit --pid 1 --cpu=0 2>&1; taskset -p 1 1 2>&1; echo end')))

    expect(report?.outcome).toBe('done')
    expect(stdout).not.toContain('reached')
    expect(stdout).toContain('end')
  })

  it('mounts no /proc itself', async () => {
    const { stdout } = await host.ask('run', execute(sh('mkdir /tmp/proc; mount -t proc proc /tmp/proc 2>/dev/null || unshare -r -m -p -f mount -t proc proc /tmp/proc 2>/dev/null; ls /tmp/proc; echo end')))

    expect(stdout).toBe('end\n')
  })

  it('whose runner is killed is a failed task', async () => {
    expect(await host.ask('killed', execute(sh('sleep 100')), 'runner')).toMatchObject({ message: expect.stringMatching(/^failed: /) as string })
  })
})
