import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { execute, Host, measure, named, runs, sh } from './host.ts'
import type { Command, Hooks } from '../../src/model/job.ts'

let host: Host

beforeAll(async () => { host = await Host.start({ env: { SETTLE: '{}' } }) }, 60_000)
afterAll(async () => { await host.stop() })

const hooked = (line: string, hooks: Hooks): Command => ({ ...named(sh(line)), hooks })

describe('commands around a run', () => {
  it('come in their order, in the place in which the program runs', async () => {
    const { report, stdout, order, error } = await host.ask('run', measure([], {
      commands: [hooked('cat log; echo ran > mark', {
        setup: 'echo setup > log; mkdir -p a/b; ln -s ../log a/link; chmod 700 a/b',
        prepare: 'test -L a/link && cat a/link > /dev/null && echo prepare >> log',
        conclude: 'grep -q ran mark && grep -q prepare log',
        cleanup: 'test -d a/b && test -f log && ! test -e mark && ! grep -q prepare log'
      })],
      plan: { kind: 'fixed', runs: 4, warmup: 2 }
    }))

    expect(error).toBeUndefined()
    expect(report).toMatchObject({ outcome: 'done', commands: [{ warmups: 2, output: { same: true } }] })
    expect(report?.commands[0]?.samples).toHaveLength(4)
    // Of the runs; what hooks print is nobody's result.
    expect(stdout).toBe('setup\nprepare\n')
    expect(order.filter(kind => kind === 'output')).toHaveLength(1)
  })

  it('are each command\'s own, and what one sets up is not the other\'s', async () => {
    const { report } = await host.ask('run', measure([], {
      commands: [hooked('cat own', { setup: 'echo first > own' }), hooked('cat own', { setup: 'echo second > own' }), named(sh('ls; ls -d /box/template/*'))],
      plan: runs(3),
      ignoreFailure: { codes: [] }
    }))

    expect(report?.outcome).toBe('done')
    expect(new Set(report?.commands.map(({ output }) => output?.stdoutDigest)).size).toBe(3)
    expect(report?.commands.every(({ output }) => output?.same)).toBe(true)
    expect(report?.commands.map(({ output }) => output?.stdoutBytes)).toEqual([6, 7, '/box/template/0\n/box/template/1\n'.length])
  })

  it('that leave what cannot be kept are said to', async () => {
    const { report } = await host.ask('run', measure([], { commands: [hooked('true', { setup: 'mkdir closed && chmod 0 closed' })] }))

    expect(report).toMatchObject({ outcome: 'not-run', reason: expect.stringMatching(/^what its setup command left cannot be kept: EACCES/) as string })
  })

  it('leave names, links, holes and times as they were', async () => {
    const show = 'perl -le \'for (sort glob q(*)) { @s = lstat; print join q( ), unpack(q(H*), $_), @s[2, 3, 7, 12] }\'; stat -c %n,%y b l s old far'
    const { report, stdout } = await host.ask('run', measure([], {
      commands: [hooked(`(${show}) > /tmp/now; cmp /tmp/now s/before && stat -c %h,%s b sparse && echo same`, {
        setup: `touch "$(printf 'a\\377b')"; echo x > b; ln b c; ln -s gone l; ln l m; touch -d @-5000000000.5 old; touch -d @9999999999999 far
          truncate -s 100M sparse; echo y | dd of=sparse bs=1 seek=50M conv=notrunc 2> /dev/null; truncate -s 200M empty
          mkdir s; touch s/before; touch -h -d @1.123456789 b l s; (${show}) > s/before`
      })],
      plan: runs(2)
    }))

    expect(report).toMatchObject({ outcome: 'done', commands: [{ output: { same: true } }] })
    expect(stdout).toBe(`2,2\n1,${100 * 2 ** 20}\nsame\n`)
  })

  it('cannot leave more by giving it many names', async () => {
    const { report } = await host.ask('run', measure([], {
      commands: [hooked('test $(cat * | wc -c) = 2100000000 && test $(du -sm . | cut -f1) -lt 120', {
        setup: 'head -c 100000000 /dev/zero > a; for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do ln a l$i; done'
      })]
    }))

    expect(report?.outcome).toBe('done')
  })

  it('leave no more than the job may use of memory, all commands together', async () => {
    const setup = 'head -c 40000000 /dev/zero > a'
    const { report } = await host.ask('run', measure([], {
      commands: [1, 2, 3].map(() => hooked('true', { setup })),
      limits: { memoryBytes: 2 ** 27, tmpBytes: 2 ** 26 }
    }))

    expect(report?.commands.map(({ notRun }) => notRun?.message)).toEqual([undefined, undefined, expect.stringMatching(/^what its setup command left cannot be kept: it takes 38\.\d MB/)])
  })

  it('cannot be told by what a run has left in what the setup made', async () => {
    const { report, stdout } = await host.ask('run', measure([], {
      commands: [hooked('cat big | wc -c; echo more >> big; rm -f /box/template/0/big; echo x > /box/template/0/y', { setup: 'head -c 3000000 /dev/zero > big' })],
      plan: runs(3),
      ignoreFailure: { codes: [] }
    }))

    expect(stdout).toBe('3000000\n')
    expect(report?.commands[0]?.output?.same).toBe(true)
  })

  it('are not in the measured time, and not in its bill', async () => {
    const busy = 'i=0; while [ $i -lt 60000 ]; do i=$((i+1)); done'
    const { report } = await host.ask('run', measure([], { commands: [hooked('true', { prepare: busy, conclude: busy }), named(sh(busy))], plan: runs(3) }))
    const [quick, slow] = report?.commands.map(({ samples }) => samples.reduce((sum, { cpuNs }) => sum + cpuNs, 0)) ?? []

    expect(quick).toBeLessThan((slow ?? 0) / 2)
  })

  it.each([
    ['setup', 0, 'failed: its setup command: exit code 3; append \' || true\' to it if that may be'],
    ['prepare', 0, 'failed: its prepare command: exit code 3, for run 1; append'],
    ['conclude', 1, 'failed: its conclude command: exit code 3, for run 1; append'],
    ['cleanup', 2, 'failed: its cleanup command: exit code 3; append']
  ] as const)('that fail end the command, with what they said: %s', async (name, samples, said) => {
    const { report, stderr } = await host.ask('run', measure([], { commands: [hooked('true', { [name]: 'echo why >&2; exit 3' })], plan: runs(2) }))

    expect(`${report?.outcome}: ${report?.reason}`).toContain(said)
    expect(stderr).toBe('why\n')
    expect(report?.commands[0]?.samples).toHaveLength(samples)
  })

  it('have the limits of a run', async () => {
    const { report, left } = await host.ask('run', measure([], { commands: [hooked('true', { prepare: 'sleep 100' })], plan: runs(1), limits: { wallMs: 200 } }))

    expect(report).toMatchObject({ outcome: 'limit', reason: 'wall limit of 200 ms in its prepare command, for run 1' })
    expect(left).toBe(0)
  })

  it('leave nobody running', async () => {
    const { report } = await host.ask('run', measure([], { commands: [hooked('ps -e -o comm= | grep -c sleep; true', { prepare: 'sleep 100 & setsid sleep 100 &' })], plan: runs(2) }))

    expect(report?.outcome).toBe('done')
  })

  it('are refused around what is handed out', async () => {
    const { report } = await host.ask('run', execute([], { commands: [hooked('true', { setup: 'true' })] }))

    expect(report).toMatchObject({ outcome: 'not-run', reason: expect.stringContaining('belong to a measurement') as string })
  })
})

describe('failures that are ignored', () => {
  it('are those that were named', async () => {
    const task = (codes: number[]) => measure(sh('exit 3'), { plan: runs(3), ignoreFailure: { codes } })

    expect(await host.ask('run', task([3]))).toMatchObject({ report: { outcome: 'done' }, samples: 3 })
    expect(await host.ask('run', task([]))).toMatchObject({ report: { outcome: 'done' }, samples: 3 })
    expect(await host.ask('run', task([1, 2]))).toMatchObject({ report: { outcome: 'failed', reason: 'exit code 3 in run 1' }, samples: 1 })
  })

  it('never include a limit', async () => {
    expect(await host.ask('run', measure(['sleep', '100'], { plan: runs(3), ignoreFailure: { codes: [] }, limits: { wallMs: 100 } }))).toMatchObject({ report: { outcome: 'limit' } })
  })
})

describe('commands that are compared', () => {
  const comparison = { metric: 'wall', margin: 0.01, failIfUndecided: false } as const

  it('run in rounds, every second one the other way round', async () => {
    const { report } = await host.ask('run', measure([], { commands: [named(['true']), named(['true']), named(['true'])], plan: runs(8), comparison }))
    const order = (report?.commands ?? [])
      .flatMap(({ samples }) => samples)
      .sort((a, b) => a.startNs - b.startNs)
      .map(({ command, run }) => ({ command, run }))
    const rounds = Array.from({ length: 8 }, (_, round) => order.slice(round * 3, round * 3 + 3))

    rounds.forEach((round, index) => {
      expect(round.map(({ run }) => run)).toEqual([index, index, index])
      expect(round.map(({ command }) => command).sort()).toEqual([0, 1, 2])
    })

    for (let round = 0; round < 8; round += 2) {
      expect(rounds[round + 1]?.map(({ command }) => command)).toEqual(rounds[round]?.map(({ command }) => command).reverse())
    }
  })

  it('have equally many runs when a precision is asked for, and stop when one fails', async () => {
    const plan = { kind: 'precision', precision: 0.5, budgetMs: 2_000, minRuns: 1, maxRuns: 100, warmup: 0 } as const
    const same = await host.ask('run', measure([], { commands: [named(['true']), named(['ls'])], plan, comparison }))
    const [a, b] = same.report?.commands.map(({ samples }) => samples.length) ?? []

    expect(a).toBeGreaterThanOrEqual(6)
    expect(a).toBe(b)

    const failed = await host.ask('run', measure([], { commands: [named(['true']), named(['false'])], plan, comparison }))

    expect(failed.report?.outcome).toBe('failed')
    expect(failed.report?.commands[0]?.samples.length).toBeLessThanOrEqual(1)
  })
})

describe('hardware counters', () => {
  it('are in every sample, or there is a reason', async () => {
    const { report } = await host.ask('run', measure(['true'], { plan: runs(3), counters: true }))
    const counted = report?.commands[0]?.samples.map(({ counters }) => counters != null)

    expect(report?.outcome).toBe('done')
    expect(counted).toEqual(report?.noCounters == null ? [true, true, true] : [false, false, false])
  })

  it('are not spoken of when nobody asked', async () => {
    const { report } = await host.ask('run', measure(['true']))

    expect(report).not.toHaveProperty('noCounters')
  })
})
