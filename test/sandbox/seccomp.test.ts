import koffi from 'koffi'
import { describe, expect, it } from 'vitest'
import { loadLibc } from '../../src/sandbox/native/libc.ts'
import { loadLibseccomp } from '../../src/sandbox/native/libseccomp.ts'
import { allowList, runnerGuard } from '../../src/sandbox/policy.ts'
import { FilterCompiler } from '../../src/sandbox/seccomp.ts'
import { runFilter } from './cbpf.ts'
import type { Koffi } from '../../src/sandbox/native/koffi.ts'

const libseccomp = loadLibseccomp(koffi as unknown as Koffi)
const compiler = new FilterCompiler(loadLibc(koffi as unknown as Koffi), libseccomp)
const ARCH = process.arch === 'arm64' ? 0xc00000b7 : 0xc000003e
const I386 = 0x40000003
const X32 = 0x40000000

const ALLOW = 0x7fff0000
const KILL = 0x80000000
const errno = (number: number) => 0x50000 | number
const [EPERM, ENOSYS, EAFNOSUPPORT] = [errno(1), errno(38), errno(97)]

const { programs: [guard = Buffer.alloc(0), list = Buffer.alloc(0)] } = compiler.filtersFor([1, 2, 3, 4, 5])

/** What the kernel does with both filters: the stricter answer; among these actions, the smaller one. */
function ask (name: string, ...args: (number | bigint)[]): number {
  const call = { nr: libseccomp.syscall_resolve_name(name), arch: ARCH, args: args.map(BigInt) }

  return Math.min(runFilter(guard, call), runFilter(list, call))
}

describe('the filters', () => {
  it.each([
    ['read'], ['openat'], ['mmap'], ['execve'], ['futex'], ['wait4'], ['getrandom'], ['clock_gettime'], ['exit_group'], ['rt_sigreturn'], ['prlimit64', 0], ['prlimit64', 100],
    ['clone', 0x11], ['clone', 0x3d0f00], ['socket', 1], ['socket', 1, 0x80001], ['personality', 0xffffffff], ['ioctl', 1, 0x5401], ['prctl', 15], ['mknodat', 0, 0, 0o010644],
    ['kill', 0], ['kill', 100], ['kill', -1], ['kill', 6], ['tgkill', 100, 101], ['setpgid', 0, 0], ['fcntl', 0, 4], ['fcntl', 0, 6]
  ])('allow %s %s %s', (name, ...args) => {
    expect(ask(name as string, ...args as number[])).toBe(ALLOW)
  })

  it.each([
    ['ptrace'], ['process_vm_readv'], ['pidfd_getfd'], ['mount'], ['unshare'], ['setns'], ['keyctl'], ['bpf'], ['perf_event_open'], ['userfaultfd'], ['seccomp'], ['setuid'], ['capset'],
    ['sched_setaffinity'], ['setpriority'], ['flock'], ['fchownat'], ['setxattr'], ['reboot'], ['open_by_handle_at'], ['chroot'], ['init_module'],
    ['kill', 1], ['kill', 2], ['kill', 0x1_0000_0001n], ['tkill', 5], ['tgkill', 1, 3], ['pidfd_open', 1], ['prlimit64', 1], ['prlimit64', 0x1_0000_0003n],
    ['setpgid', 0, 1], ['setpgid', 0, 0x1_0000_0001n], ['fcntl', 0, 8], ['fcntl', 0, 10], ['fcntl', 0, 0x1_0000_000fn]
  ])('refuse %s %s %s', (name, ...args) => {
    expect(ask(name as string, ...args as bigint[])).toBe(EPERM)
  })

  it.each([
    ['io_uring_setup'], ['clone3'], ['shmget'], ['mq_open'], ['fsopen'], ['memfd_create'], ['memfd_secret'], ['clone', 0x10000000], ['clone', 0x20000], ['clone', 0x40000000],
    ['ioctl', 1, 0x5412], ['ioctl', 1, 0x541c], ['ioctl', 1, 0x40086602], ['prctl', 22], ['prctl', 24], ['personality', 4], ['mknodat', 0, 0, 0o020644], ['mknodat', 0, 0, 0o060644]
  ])('say that %s %s %s does not exist', (name, ...args) => {
    expect(ask(name as string, ...args as number[])).toBe(ENOSYS)
  })

  it('know no socket family but UNIX, whatever is in the upper half of the argument', () => {
    for (let family = 0; family < 50; family++) {
      expect(ask('socket', family)).toBe(family === 1 ? ALLOW : EAFNOSUPPORT)
      expect(ask('socket', (1n << 32n) | BigInt(family))).toBe(EAFNOSUPPORT)
    }
  })

  it('answer calls that nobody has heard of as an older kernel would', () => {
    for (const nr of [600, 1000, 0xffff]) {
      expect(runFilter(list, { nr, arch: ARCH })).toBe(ENOSYS)
    }
  })

  it.runIf(process.arch === 'x64')('end whoever calls by another architecture\'s numbers', () => {
    expect(runFilter(list, { nr: 20, arch: I386 })).toBe(KILL)
    expect(runFilter(list, { nr: X32 | 39, arch: ARCH })).toBe(KILL)
  })

  it('answer the same as the table for every rule of it', () => {
    const policy = allowList({ memfd: false })

    for (const { call, when, action } of policy.rules) {
      const nr = libseccomp.syscall_resolve_name(call)

      if (nr >= 0 && when?.is !== 'not-equal') {
        const args = [0n, 0n, 0n, 0n]

        if (when != null) {
          args[when.arg] = BigInt(when.value)
        }

        expect([call, runFilter(list, { nr, arch: ARCH, args })]).toEqual([call, action === 'allow' ? ALLOW : errno(action.errno)])
      }
    }
  })

  it('name no call twice without a condition', () => {
    const plain = allowList({ memfd: true }).rules.filter(({ when }) => when == null).map(({ call }) => call)

    expect(plain.filter((call, index) => plain.indexOf(call) !== index)).toEqual([])
  })

  it('name only calls that exist', () => {
    // Older than libseccomp or newer than it; harmless, since the default refuses them as well.
    const unknown = new Set(allowList({ memfd: true }).rules.map(({ call }) => call).filter(call => libseccomp.syscall_resolve_name(call) === -1))

    expect([...unknown].filter(call => !['set_mempolicy_home_node', 'quotactl_fd', 'process_mrelease', 'futex_waitv', 'memfd_secret'].includes(call))).toEqual([])
  })

  it('have one hash for one policy and another for another', () => {
    expect(compiler.filtersFor([1, 2]).hash).toBe(compiler.filtersFor([1, 2]).hash)
    expect(compiler.filtersFor([1, 2]).hash).not.toBe(compiler.filtersFor([1, 2, 3]).hash)
  })

  it('fit the kernel', () => {
    // BPF_MAXINSNS
    expect(list.length / 8).toBeLessThan(4096)
    expect(compiler.compile(runnerGuard([1])).length).toBeGreaterThan(0)
  })
})
