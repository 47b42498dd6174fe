import { createHash } from 'node:crypto'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { execute, Host, measure, named, own, runs, sh } from './host.ts'

let host: Host

beforeAll(async () => { host = await Host.start() }, 60_000)
afterAll(async () => { await host.stop() })

const sha256 = (data: string | Buffer) => createHash('sha256').update(data).digest('hex')

describe('a measured task', () => {
  it('measures every run and keeps the first one\'s output', async () => {
    const { report, stdout, samples, events } = await host.ask('run', measure(['echo', 'hello'], { plan: { kind: 'fixed', runs: 12, warmup: 2 } }))
    const [result] = report?.commands ?? []

    expect(report?.outcome).toBe('done')
    expect(stdout).toBe('hello\n')
    expect(samples).toBe(12)
    expect(result?.warmups).toBe(2)
    expect(result?.samples.map(({ run }) => run)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11])
    expect(result?.output).toEqual({ stdoutDigest: sha256('hello\n'), stdoutBytes: 6, stderrBytes: 0, same: true, truncated: false })
    expect(result?.program?.path).toBe('/usr/bin/echo')
    expect(result?.cpuMethod).toBe('rusage')
    expect(events.filter(({ kind }) => kind === 'started')).toHaveLength(1)

    for (const sample of result?.samples ?? []) {
      expect(sample.wallNs).toBeGreaterThan(0)
      expect(sample.cpuNs).toBe(sample.userNs + sample.systemNs)
      expect(sample.exit).toEqual({ kind: 'code', code: 0 })
      expect(sample.leftovers).toBe(0)
    }
  })

  it('tells the memory of the program and not of the runner', async () => {
    const { report } = await host.ask('run', measure(['true']))
    const [result] = report?.commands ?? []

    expect(result?.memoryMethod).toBe('adopted-maxrss')
    // Node alone has 40 MB.
    expect(result?.memoryBytes).toBeGreaterThan(100_000)
    expect(result?.memoryBytes).toBeLessThan(20_000_000)
  })

  it('says that runs printed different things', async () => {
    const { report } = await host.ask('run', measure(sh('cat /proc/sys/kernel/random/uuid'), { plan: runs(3) }))

    expect(report?.commands[0]?.output?.same).toBe(false)
  })

  it('keeps the beginning of a long output and says so', async () => {
    const { report, stdoutBytes } = await host.ask('run', measure(sh('head -c 300000 /dev/zero')))

    expect(stdoutBytes).toBe(65_536)
    expect(report?.commands[0]?.output).toMatchObject({ stdoutBytes: 300_000, truncated: true })
  })

  it('runs several commands to the end of each one\'s plan', async () => {
    const { report } = await host.ask('run', measure([], { commands: [named(['true']), named(['echo', 'x'])], plan: { kind: 'fixed', runs: 5, warmup: 1 } }))

    expect(report?.commands.map(({ samples, warmups }) => [samples.length, warmups])).toEqual([[5, 1], [5, 1]])
  })

  it('starts at the instant that was asked for, never before it', async () => {
    const startAt = performance.timeOrigin + performance.now() + 300
    const { report } = await host.ask('run', measure(['true'], { startAt }))

    // Two processes agree on their time of day to some milliseconds.
    expect(report?.start?.at).toBeGreaterThan(startAt - 50)
    expect(report?.start?.skewNs).toBeGreaterThanOrEqual(0)
  })

  it('stops at the precision or at the budget of a plan', async () => {
    const plan = { kind: 'precision' as const, precision: 0.0001, budgetMs: 100, minRuns: 1, maxRuns: 1000, warmup: 0 }
    const { report } = await host.ask('run', measure(['true'], { plan }))

    expect(report?.outcome).toBe('done')
    expect(report?.commands[0]?.samples.length).toBeGreaterThan(1)
    expect(report?.commands[0]?.samples.length).toBeLessThan(1000)
  })
})

describe('how a program ends', () => {
  it.each([
    [sh('echo why >&2; exit 3'), 'failed', 'exit code 3 in run 1', { kind: 'code', code: 3 }],
    [sh('kill -SEGV $$'), 'failed', 'killed by SIGSEGV in run 1', { kind: 'signal', signal: 'SIGSEGV' }],
    [sh('kill -TERM $$'), 'failed', 'killed by SIGTERM in run 1', { kind: 'signal', signal: 'SIGTERM' }]
  ])('is told of %j', async (argv, outcome, reason, exit) => {
    const { report } = await host.ask('run', measure(argv, { plan: runs(5) }))

    expect(report).toMatchObject({ outcome, reason })
    expect(report?.commands[0]?.samples.map(sample => sample.exit)).toEqual([exit])
  })

  it('comes with what the failed run wrote on stderr', async () => {
    const failed = await host.ask('run', measure(sh('echo oops >&2; exit 1'), { plan: { kind: 'fixed', runs: 3, warmup: 1 } }))

    expect(failed.stderr).toBe('oops\n')
    expect(failed.report?.reason).toBe('exit code 1 in warm-up run 1')
  })

  it('does not keep other commands from being measured', async () => {
    const { report } = await host.ask('run', measure([], { commands: [named(['false']), named(['true'])], plan: runs(4) }))

    expect(report).toMatchObject({ outcome: 'failed', reason: 'command 1: exit code 1 in run 1' })
    expect(report?.commands.map(({ samples }) => samples.length)).toEqual([1, 4])
  })

  it.each([
    [named(['no-such-program']), 'not-found'],
    [{ argv: ['x'], program: { kind: 'worker' as const, path: '/usr/lib' } }, 'not-executable'],
    [own('empty'), 'empty-file'],
    [own('text'), 'not-executable'],
    [own('windows.exe'), 'wrong-architecture'],
    [own('script'), 'missing-interpreter']
  ])('%j is not run and says why', async (command, code) => {
    const files = { empty: '', text: 'hello', 'windows.exe': 'MZ......', script: '#!/no/such/interpreter\n' }
    const { report } = await host.ask('run', measure([], { commands: [command], files }))

    expect(report?.outcome).toBe('not-run')
    expect(report?.commands[0]?.notRun?.code).toBe(code)
    expect(report?.commands[0]?.samples).toEqual([])
    expect(report?.reason).toBe(report?.commands[0]?.notRun?.message)
  })

  it('an input that is not there is named', async () => {
    const { report } = await host.ask('run', measure(['cat'], { stdin: 'nothing' }))

    expect(report).toMatchObject({ outcome: 'not-run', reason: 'the input nothing is not in the payload: add it' })
  })

  it('a job that wants more than a box has is told so', async () => {
    const { report } = await host.ask('run', measure(['true'], { limits: { outputBytes: 2 ** 30 } }))

    expect(report?.outcome).toBe('not-run')
    expect(report?.reason).toContain('a box keeps')
  })
})

describe('what a program finds', () => {
  it.each([
    ['piece by piece', {}],
    ['as a descriptor', { together: {} }]
  ])('gets its files, which come %s, its arguments, its input and its variables', async (_, more) => {
    const script = '#!/bin/sh\necho "$0|$1|$GREETING"; cat; cat sub/data; id -un'
    const { report, stdout } = await host.ask('run', measure([], {
      commands: [own('sub/p', 'a b')],
      files: { 'sub/p': script, 'sub/data': 'data\n', input: 'input\n' },
      stdin: 'input',
      env: { GREETING: 'hi' },
      plan: runs(2),
      ...more
    }))

    expect(report?.outcome).toBe('done')
    expect(stdout).toBe('./sub/p|a b|hi\ninput\ndata\nbox\n')
  })

  it('has an empty input when none is given', async () => {
    expect((await host.ask('run', measure(['cat']))).report?.commands[0]?.output?.stdoutBytes).toBe(0)
  })

  it.each([
    ['piece by piece', {}],
    ['as a descriptor', { together: {} }]
  ])('starts in a fresh place every time, if its files come %s', async (_, more) => {
    const script = [
      'test "$(cat data)" = original || { echo changed >&2; exit 1; }',
      'chmod 600 data; echo changed > data; rm p.sh',
      'for d in . /tmp /dev/shm; do',
      '  test -z "$(find "$d" -mindepth 1 ! -name data ! -name p.sh)" || { find $d >&2; exit 1; }',
      '  mkdir -p "$d/deep/er" && echo mark > "$d/deep/er/mark" && chmod 0 "$d/deep" && chmod 0500 "$d" && ln -s /usr "$d"/link 2>/dev/null',
      'done',
      'chmod 0500 /tmp; true'
    ].join('\n')
    const { report, stderr } = await host.ask('run', measure([], { commands: [own('p.sh')], files: { 'p.sh': script, data: 'original' }, plan: runs(3), ...more }))

    expect(stderr).toBe('')
    expect(report?.outcome).toBe('done')
    expect(report?.commands[0]?.samples).toHaveLength(3)
  })

  it('starts fresh even after folders deeper than any path', async () => {
    const program = 'import os\nfor i in range(3000):\n  os.mkdir("d" * 100); os.chdir("d" * 100)\n'
    const { report } = await host.ask('run', measure([], { commands: [own('deep.py')], files: { 'deep.py': program }, plan: runs(2) }))

    expect(report).toMatchObject({ outcome: 'done' })
    expect(report?.commands[0]?.samples).toHaveLength(2)
  })
})

describe('exec', () => {
  it('passes the output on while the program runs', async () => {
    // It would sleep for ever: only output that comes live ends this.
    const { error, left, stdout } = await host.ask('run', execute(sh('echo first; echo second >&2; sleep 100000')), { until: 'first' })

    expect(stdout).toBe('first\n')
    expect(error?.message).toBe('seen enough')
    expect(left).toBe(0)
  })

  it('says that it has started before it says anything else', async () => {
    const { order } = await host.ask('run', execute(sh('echo first; sleep 0.3')))

    expect(order.slice(0, 2)).toEqual(['started', 'output'])
  })

  it('tells both streams and the exit code', async () => {
    const { report, stdout, stderr } = await host.ask('run', execute(sh('echo out; echo err >&2; exit 7')))

    expect([stdout, stderr]).toEqual(['out\n', 'err\n'])
    expect(report).toMatchObject({ outcome: 'failed', reason: 'exit code 7 in run 1' })
    expect(report?.commands[0]).toMatchObject({ memoryMethod: 'none', output: { stdoutBytes: 4, stderrBytes: 4, truncated: false } })
  })

  it('loses nothing of a long output, even while nobody takes it', async () => {
    const size = 20_000_000
    const { report, stdoutBytes, stdoutDigest } = await host.ask('run', execute(sh(`head -c ${size} /dev/zero`), { limits: { outputBytes: size } }), { hold: 300 })

    expect(report?.outcome).toBe('done')
    expect(stdoutBytes).toBe(size)
    expect(stdoutDigest).toBe(sha256(Buffer.alloc(size)))
    expect(report?.commands[0]?.output?.stdoutDigest).toBe(stdoutDigest)
  })

  it('carries bytes as they are', async () => {
    const { stdout } = await host.ask('run', execute(sh("printf '\\377\\000\\376'")))

    expect(Buffer.from(stdout, 'latin1')).toEqual(Buffer.from([255, 0, 254]))
  })

  it('is over when the program is, whoever still holds its output', async () => {
    const { report, stdout } = await host.ask('run', execute(sh('sleep 100000 & echo done')))

    expect(stdout).toBe('done\n')
    expect(report?.outcome).toBe('done')
    expect(report?.commands[0]?.samples[0]?.leftovers).toBe(1)
  })

  it('takes a payload of 200 MB without growing by half of it', async () => {
    const before = await host.ask('memory')
    const size = 200 * 1024 * 1024
    const { stdout, processes, peakKiB } = await host.ask('run', execute(sh('sha256sum big; echo ready; sleep 100000'), { files: { big: { zeros: size } } }), { until: 'ready' })
    const runner = processes?.find(({ parent, name }) => /^(node|MainThread)/.test(name) && parent > 1)

    expect(stdout).toContain(`${sha256(Buffer.alloc(size))}  big`)
    expect((peakKiB ?? Infinity) - before).toBeLessThan(100 * 1024)
    expect(runner?.peakKiB).toBeGreaterThan(0)
    expect(runner?.peakKiB).toBeLessThan(150 * 1024)
  }, 60_000)
})

describe('a box', () => {
  it('serves one task only, and can be closed twice', async () => {
    expect(await host.ask('again', execute(['true']))).toBe('a box serves one task only')
  })

  it('is not built for someone who has gone', async () => {
    expect(await host.ask('aborted')).toBe('not wanted')
  })

  it('rejects when the payload is not what was announced', async () => {
    const { error, left } = await host.ask('run', execute(['cat', 'x'], { files: { x: { base64: 'AAAA', claimed: 5 } } }))

    expect(error?.message).toBe('x is 2 bytes shorter than the 5 that were announced')
    expect(left).toBe(0)
  })

  it('has all of a payload that comes as a descriptor, to change as it likes, and not the descriptor', async () => {
    const words = sh('sha256sum big sub/small empty | cut -c1-8; stat -c %a big sub/small; echo more >> big && rm sub/small && ls -R; ls -l /proc/self/fd | grep -c together')
    const files = { big: { zeros: 20_000_000 }, empty: '', 'sub/small': 'small' }
    const [whole, inPieces] = [await host.ask('run', execute(words, { files, together: {} })), await host.ask('run', execute(words, { files }))]

    expect(whole.stderr).toBe('')
    expect(whole.stdout).toBe(inPieces.stdout)
    expect(whole.stdout.split('\n').slice(0, 3)).toEqual(['9e21c619', '81db8ebb', 'e3b0c442'])
    expect(whole.stdout).toMatch(/\n0\n$/)
  })

  it.each(['exec', 'run'] as const)('does not begin when that descriptor gives too little: %s', async kind => {
    const files = { first: 'first', second: 'second' }
    const { report, left } = await host.ask('run', kind === 'exec' ? execute(['cat', 'second'], { files, together: { missing: 3 } }) : measure(['cat', 'second'], { files, together: { missing: 3 } }))

    expect(report?.reason).toBe('the payload does not fit into the box: the payload is shorter than it was')
    expect(report?.commands[0]?.samples).toEqual([])
    expect(left).toBe(0)
  })

  it('is ended when its runner does not answer in time', async () => {
    const { message, left, closed } = await host.ask('frozen', execute(['sleep', '100000'], { limits: { wallMs: 300 } }))

    expect(message).toBe('limit: the sandbox did not answer within 1 s of the wall limit of 300 ms')
    expect(message).toBe(`limit: ${closed}`)
    expect(left).toBe(0)
  })

  it('that somebody kills is one clear failure, and nothing of it is left', async () => {
    for (const whom of ['runner', 'bwrap'] as const) {
      const { message, closed, pids } = await host.ask('killed', execute(['sleep', '100000']), whom)

      expect(message).toBe('failed: the sandbox was killed by SIGKILL: is there enough memory?')
      expect(message).toBe(`failed: ${closed}`)
      await vi.waitFor(() => { expect(pids.filter(pid => existsSync(`/proc/${pid}`))).toEqual([]) }, { timeout: 10_000, interval: 5 })
    }
  })

  it('leaves no descriptor open, however many follow each other', async () => {
    const [first, ...rest] = await host.ask('many', execute(['true']), 10)

    expect(rest).toEqual(rest.map(() => first))
  }, 60_000)

  it('can be closed while nobody takes its output, and leaves no descriptor open', async () => {
    const first = await host.ask('stuck', execute(['yes']))
    const second = await host.ask('stuck', execute(['yes']))

    expect(first).toMatchObject({ outcome: 'closed', closed: 'closed', left: 0 })
    expect(second.handles).toBe(first.handles)
  })

  it('leaves no file of its own behind', async () => {
    await host.ask('run', execute(['true']))

    // a Node that others cannot reach is copied once, and kept
    expect((await host.ask('leftFiles')).all.filter(name => name !== 'node-copy')).toEqual(['boxes'])
  })
})

describe.runIf(process.getuid?.() === 0)('a checkout and a Node that only root can reach', () => {
  it('serve a worker that has given root up', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'meshmark-private-'))
    const root = fileURLToPath(new URL('../..', import.meta.url))

    try {
      cpSync(join(root, 'dist'), join(folder, 'dist'), { recursive: true })
      cpSync(join(root, 'package.json'), join(folder, 'package.json'))
      symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
      mkdirSync(join(folder, 'test/sandbox'), { recursive: true })
      cpSync(join(root, 'test/sandbox/host.mjs'), join(folder, 'test/sandbox/host.mjs'))
      cpSync(process.execPath, join(folder, 'node'))

      const other = await Host.start({ script: join(folder, 'test/sandbox/host.mjs'), node: join(folder, 'node') })

      try {
        expect(copiesOf(other.child.pid)).toEqual([])

        const { stdout, report } = await other.ask('run', execute(sh('head -c 4 /box/bin/node | tail -c 3; cat /proc/self/mountinfo')))

        expect(report?.outcome).toBe('done')
        expect(stdout).toMatch(/^ELF/)
        expect(stdout).not.toContain(folder)
        expect(stdout).not.toContain('meshmark-test')
        expect((await other.ask('facts')).canaries['network']).not.toBe('allowed')
        expect(copiesOf(other.child.pid)).toHaveLength(1)
      } finally {
        await other.stop()
      }

      expect(copiesOf(other.child.pid)).toEqual([])
    } finally {
      rmSync(folder, { recursive: true })
    }
  }, 60_000)
})

/** Copies of Node that this process has made; workers of other tests may have theirs at the same time. */
function copiesOf (pid: number | undefined): string[] {
  return readdirSync('/tmp').filter(name => {
    const owner = name.startsWith('meshmark-node-') ? readIfThere(join('/tmp', name, 'owner')) : undefined

    return owner?.startsWith(`${pid} `) === true
  })
}

function readIfThere (path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
