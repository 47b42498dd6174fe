import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { execute, named, sh } from '../sandbox/host.ts'
import { attemptsIn } from './judge.ts'
import { MODES, startWorker } from './modes.ts'
import { hasCompiler, taskOf } from './programs.ts'
import type { Worker } from './modes.ts'

const poorest = MODES.findLast(({ builder }) => builder !== 'unshare')
const modes = process.env['HOSTILE'] === 'all' ? MODES : MODES.filter((mode, index) => index === 0 || mode === poorest)

/** What one box says of the other, in the words of programs/neighbours.c. */
const NOTHING: Record<string, string | string[]> = {
  '/tmp/neighbour': 'ENOENT',
  '/dev/shm/neighbour': 'ENOENT',
  '/work/neighbour': 'ENOENT',
  '/var/tmp/neighbour': 'ENOENT',
  '/run/neighbour': 'ENOENT',
  '/dev/mqueue/neighbour': 'ENOENT',
  'abstract socket': 'ECONNREFUSED',
  'shared memory': 'ENOSYS',
  'message queue': 'ENOSYS',
  semaphore: 'ENOSYS',
  'POSIX queue': 'ENOSYS',
  key: 'EPERM',
  flock: 'EPERM',
  lease: 'EPERM',
  processes: '2 alone',
  signals: 'none',
  'list of locks': 'empty',
  'count of terminals': 'hidden',
  'first terminal': 'ok',
  'other terminals': 'ENOENT'
}

/** What boxes of one user, or of one machine, share all the same. The first word is what a box alone would see. */
const SHARED: Record<string, { alone: string, why: string }> = {
  'lock of a file of the system': { alone: 'free', why: 'whoever can read a file can lock a part of it for reading, and others can ask for that' },
  'open file lock': { alone: 'free', why: 'the same' },
  'room in a pipe': { alone: '65536', why: 'fs.pipe-user-pages-soft is counted for each user of the machine' },
  'room in a large pipe': { alone: '1048576', why: 'the same' },
  'descriptor on its way': { alone: 'ok', why: 'descriptors on their way through sockets are counted for each user of the machine' }
}

describe.runIf(hasCompiler).each(modes.map(mode => [mode.name, mode] as const))('of two workers at once (%s), a program', (_, mode) => {
  let one: Worker
  let other: Worker
  let seen: Record<string, string[]>

  const program = (word: string) => taskOf({ name: word, program: { c: 'neighbours', words: [word] }, limits: { openFiles: 1_000 }, expect: { outcome: 'done' } }, 'exec')

  beforeAll(async () => {
    one = await startWorker(mode)
    // Groups given to a user are for one worker only.
    other = await startWorker({ ...mode, cgroup: mode.cgroup && mode.root })

    await one.host.ask('begin', program('leave'), 'output')

    const { stdout, report } = await other.host.ask('run', program('look'))

    expect(report?.outcome).toBe('done')
    seen = attemptsIn(stdout)
  }, 60_000)

  afterAll(async () => {
    await one?.stop()
    await other?.stop()
  })

  it('is asked for all that is listed here', () => {
    expect(Object.keys(seen).sort()).toEqual([...Object.keys(NOTHING), ...Object.keys(SHARED)].sort())
  })

  it.each(Object.entries(NOTHING))('finds nothing of the other: %s', (name, answer) => {
    expect([answer].flat()).toContain(seen[name]?.[0])
  })

  // When one of them is mended, its test fails here: it goes up to the others then.
  for (const [name, { alone, why }] of Object.entries(SHARED)) {
    it.fails(`finds nothing of the other: ${name}: NOT HELD: ${why}`, () => {
      expect(seen[name]?.[0]).toBe(alone)
    })
  }

  it('sees of the machine as a whole what is listed here, and no more', async () => {
    const { stdout } = await other.host.ask('run', { ...execute([]), commands: [named(sh('cd /proc; for f in $(find . -maxdepth 1 -type f | cut -c3-; find pressure sys/fs sys/kernel/pty -type f 2>/dev/null); do cat $f 2>/dev/null | grep -q . && echo $f; done; true'))] })

    expect(stdout.trim().split('\n').sort().filter(file => !VISIBLE.includes(file) && !file.startsWith('sys/fs/'))).toEqual([])
  })
})

/** Of the whole machine, and so a way to feel that somebody else is at work. None of them names anybody. */
const VISIBLE = [
  'buddyinfo', 'cgroups', 'consoles', 'cpuinfo', 'crypto', 'devices', 'dma', 'execdomains', 'fb', 'filesystems', 'loadavg', 'mdstat', 'meminfo', 'misc', 'schedstat', 'stat',
  'uptime', 'version', 'vmstat', 'zoneinfo', 'pressure/cpu', 'pressure/io', 'pressure/memory', 'pressure/irq', 'sys/kernel/pty/max', 'sys/kernel/pty/reserve'
]
