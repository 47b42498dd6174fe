import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { startTime } from '../../src/machine/start-time.ts'
import { recordBox, sweepBoxes } from '../../src/sandbox/box-records.ts'
import { fromMonotonicNs, toMonotonicNs } from '../../src/sandbox/clock.ts'
import { explainFailure } from '../../src/sandbox/explain-failure.ts'
import { missingProtections } from '../../src/sandbox/facts.ts'
import { isOlderThan } from '../../src/sandbox/kernel.ts'
import { decodeStatus } from '../../src/sandbox/runner/exit-status.ts'
import { digestOf } from '../../src/sandbox/runner/working-copy.ts'
import { parseStat } from '../../src/sandbox/process-use.ts'
import { writableMounts } from '../../src/sandbox/process-facts.ts'
import { chooseUser, dropPrivileges } from '../../src/sandbox/user.ts'

describe('boxes of an earlier worker', () => {
  it('are ended at the next start, and nobody else is', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'meshmark-sweep-'))
    const left = spawn('sleep', ['100000'])
    const other = spawn('sleep', ['100000'])
    const exit = once(left, 'exit')

    try {
      await recordBox(dir, left.pid ?? 0)
      // The number was given to somebody else since.
      await recordBox(dir, other.pid ?? 0)
      writeFileSync(join(dir, 'boxes', String(other.pid)), 'another-boot 1')
      mkdirSync(join(dir, 'boxes', 'not-a-pid'))

      expect(await sweepBoxes(dir)).toBe(1)
      expect(await exit).toEqual([null, 'SIGKILL'])
      expect(startTime(other.pid ?? 0)).toBeDefined()
    } finally {
      left.kill('SIGKILL')
      other.kill('SIGKILL')
      rmSync(dir, { recursive: true })
    }
  })

  it('are forgotten once they are ended', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'meshmark-sweep-'))

    await recordBox(dir, 4_000_000)
    expect(await sweepBoxes(dir)).toBe(0)
    expect(readdirSync(join(dir, 'boxes'))).toEqual([])
    expect(await sweepBoxes(join(dir, 'nothing'))).toBe(0)
    rmSync(dir, { recursive: true })
  })
})

describe('the clocks of worker and runner', () => {
  it('are translated both ways', () => {
    fc.assert(fc.property(fc.integer({ min: -1_000_000, max: 1_000_000 }), offset => {
      const at = performance.timeOrigin + performance.now() + offset

      expect(Math.abs(fromMonotonicNs(toMonotonicNs(at)) - at)).toBeLessThan(0.001)
    }))
  })

  it('name the same instant', () => {
    const before = process.hrtime.bigint()
    const now = toMonotonicNs(performance.timeOrigin + performance.now())
    const after = process.hrtime.bigint()

    // A reading of either clock is exact to a microsecond.
    expect(now).toBeGreaterThan(before - 5_000n)
    expect(now).toBeLessThan(after + 5_000n)
  })
})

describe('the digest of a program', () => {
  it('says now and then that it is being made', () => {
    const dir = mkdtempSync(join(tmpdir(), 'meshmark-digest-'))
    const path = join(dir, 'program')
    let alive = 0

    try {
      writeFileSync(path, Buffer.alloc(2 ** 20))
      expect(digestOf(path, () => { alive++ })).toBe(createHash('sha256').update(Buffer.alloc(2 ** 20)).digest('hex'))
      expect(alive).toBeGreaterThan(1)
    } finally {
      rmSync(dir, { recursive: true })
    }
  })
})

describe('the status word of a process', () => {
  it.each([
    [0, { kind: 'code', code: 0 }], [3 << 8, { kind: 'code', code: 3 }], [255 << 8, { kind: 'code', code: 255 }],
    [9, { kind: 'signal', signal: 'SIGKILL' }], [11 | 0x80, { kind: 'signal', signal: 'SIGSEGV' }], [6, { kind: 'signal', signal: 'SIGABRT' }], [40, { kind: 'signal', signal: 'signal 40' }]
  ])('%i is %j', (status, exit) => {
    expect(decodeStatus(status)).toEqual(exit)
  })
})

describe('what a process uses', () => {
  it('is read past a name that looks like the rest of the line', () => {
    const stat = '7 (a) R 1 (b) S 1 7 7 0 -1 4194304 100 0 0 0 11 12 13 14 20 0 1 0 500 9000000 321 18446744073709551615'

    expect(parseStat(stat)).toEqual({ parent: 1, cpuMs: 500, residentPages: 321, threads: 1 })
  })

  it('is read from a real process', () => {
    const { cpuMs, residentPages } = parseStat(readFileSync('/proc/self/stat', 'latin1'))

    expect(cpuMs).toBeGreaterThan(0)
    expect(residentPages).toBeGreaterThan(1000)
  })
})

describe('what the kernel says of a box', () => {
  const fine = {
    uid: 1000,
    namespaces: Object.fromEntries(['user', 'mnt', 'pid', 'net', 'ipc', 'uts', 'cgroup'].map(name => [name, `${name}:[1]`])),
    seccomp: 2,
    noNewPrivileges: 1,
    capabilities: '0',
    writable: ['/tmp', '/work', '/dev/shm', '/dev/pts', '/dev/null']
  }

  it('is a box when nothing is missing', () => {
    expect(missingProtections(fine)).toEqual([])
  })

  it.each([
    [{ seccomp: 0 }, 'its system call filters'],
    [{ noNewPrivileges: 0 }, 'no_new_privs'],
    [{ capabilities: '200000' }, 'a program without capabilities'],
    [{ uid: 0 }, 'a user of its own'],
    [{ namespaces: { ...fine.namespaces, net: undefined as unknown as string } }, 'a net namespace of its own'],
    [{ writable: ['/tmp', '/usr'] }, 'a read-only /usr']
  ])('is none with %j', (difference, missing) => {
    expect(missingProtections({ ...fine, ...difference })).toEqual([missing])
  })

  it('tells the age of a kernel', () => {
    expect(['5.4.0-1-generic', '5.13.19', '4.18.0-553.el8'].map(kernel => isOlderThan(kernel, 5, 14))).toEqual([true, true, true])
    expect(['5.14.0-70.el9', '6.1.0-18-amd64', '10.0.1'].map(kernel => isOlderThan(kernel, 5, 14))).toEqual([false, false, false])
  })

  it('counts a mount as writable only when mount and file system are', () => {
    const mountinfo = [
      '1 0 0:1 / / ro,nosuid - tmpfs tmpfs rw',
      '2 1 0:2 / /tmp rw,nosuid - tmpfs tmpfs rw,size=1k',
      '3 1 0:3 / /usr ro,nosuid master:1 - ext4 /dev/x rw',
      '4 1 0:4 / /x rw - ext4 /dev/y ro'
    ].join('\n')

    expect(writableMounts(mountinfo)).toEqual(['/tmp'])
  })
})

describe('a box that cannot be built', () => {
  it('is explained with what to do', () => {
    const explain = (stderr: string) => explainFailure(stderr, 'the sandbox ended with exit code 1', new Error('x')).message

    expect(explain('bwrap: setting up uid map: Permission denied')).toContain('apparmor_restrict_unprivileged_userns')
    expect(explain('bwrap: No permissions to create new namespace, likely because')).toContain('unprivileged_userns_clone')
    expect(explain('bwrap: Creating new namespace failed: nesting depth or /proc/sys/user/max_*_namespaces exceeded (ENOSPC)')).toContain('max_user_namespaces')
    expect(explain("bwrap: Can't mount proc on /newroot/proc: Operation not permitted")).toContain('systempaths=unconfined')
    expect(explain('something else')).toBe('the sandbox cannot be built: the sandbox ended with exit code 1')
  })
})

describe.runIf(process.getuid?.() === 0)('a worker that was started as root', () => {
  it('becomes someone whom no file belongs to', () => {
    expect(chooseUser()?.uid).toBeGreaterThan(0)
  })

  it('becomes whom it is told, if that user exists', () => {
    expect(chooseUser({ user: 'nobody' })).toEqual({ uid: 65_534, gid: 65_534 })
    expect(() => chooseUser({ user: 'no-such-user' })).toThrow('there is no user \'no-such-user\': create it')
  })

  it('does not stay root', () => {
    expect(() => { dropPrivileges({ uid: 0, gid: 0 }) }).toThrow('cannot run as root')
  })
})
