import { existsSync, readFileSync } from 'node:fs'
import fc from 'fast-check'
import koffi from 'koffi'
import { describe, expect, it } from 'vitest'
import { ARCHITECTURES, newerCallNumber } from '../../src/sandbox/call-numbers.ts'
import { checkFilter } from '../../src/sandbox/filter-check.ts'
import { loadLibc, SYS } from '../../src/sandbox/native/libc.ts'
import { loadLibseccomp } from '../../src/sandbox/native/libseccomp.ts'
import { runFilter } from '../../src/sandbox/packet-filter.ts'
import { allowList, guard } from '../../src/sandbox/policy.ts'
import { FilterCompiler } from '../../src/sandbox/seccomp.ts'
import type { Architecture } from '../../src/sandbox/call-numbers.ts'
import type { Koffi } from '../../src/sandbox/native/koffi.ts'
import type { Policy, Rule } from '../../src/sandbox/policy.ts'

const libseccomp = loadLibseccomp(koffi as unknown as Koffi)
const compiler = new FilterCompiler(loadLibc(koffi as unknown as Koffi), libseccomp)
const TIDS = [1, 2, 3, 4, 5]

const ALLOW = 0x7fff0000
const KILL = 0x80000000
const errno = (number: number) => 0x50000 | number
const [DONE, EPERM, ENOMEM, ENOSYS, EOPNOTSUPP, EAFNOSUPPORT] = [errno(0), errno(1), errno(12), errno(38), errno(95), errno(97)]

const KINDS = [{ memfd: false, twoUids: false }, { memfd: true, twoUids: false }, { memfd: false, twoUids: true }, { memfd: true, twoUids: true }]
const MACHINES = Object.keys(ARCHITECTURES) as Architecture[]
const LISTS = MACHINES.flatMap(architecture => KINDS.map(kind => ({ architecture, kind, name: `${architecture}${kind.memfd ? ', memfd' : ''}${kind.twoUids ? ', two uids' : ''}` })))

/** Whether a filter for that architecture, made on this machine, can name the call: libseccomp translates by name. */
const isNamed = (call: string, architecture: Architecture) =>
  compiler.callNumber(call, architecture) != null && (architecture === compiler.native || libseccomp.syscall_resolve_name_arch(ARCHITECTURES[compiler.native], call) !== -1)

/** What the table says, without a look at how filters are made: the one rule that holds, else the default. */
function answerOf (policy: Policy, call: string, args: readonly bigint[]): number {
  const holding = rulesOf(policy, call).filter(rule => isTrue(rule, args))
  const actions = new Set(holding.map(({ action }) => JSON.stringify(action)))

  if (actions.size > 1) {
    throw new Error(`two rules for ${call} contradict each other`)
  }

  const action = holding[0]?.action ?? policy.default

  return action === 'allow' ? ALLOW : errno(action.errno)
}

const byCall = new WeakMap<Policy, Map<string, Rule[]>>()

function rulesOf (policy: Policy, call: string): Rule[] {
  let map = byCall.get(policy)

  if (map == null) {
    map = new Map(policy.rules.map(({ call }) => [call, policy.rules.filter(rule => rule.call === call)]))
    byCall.set(policy, map)
  }

  return map.get(call) ?? []
}

function isTrue ({ when }: Rule, args: readonly bigint[]): boolean {
  const value = BigInt.asUintN(64, args[when?.arg ?? 0] ?? 0n)

  switch (when?.is) {
    case undefined: return true
    case 'equal': return value === BigInt(when.value)
    case 'not-equal': return value !== BigInt(when.value)
    case 'masked': return ((value ^ BigInt(when.value)) & BigInt(when.mask)) === 0n
  }
}

const programs: Record<Architecture, { guard: Buffer, list: Buffer }> = Object.fromEntries(MACHINES.map(architecture =>
  [architecture, { guard: compiler.compile(guard(TIDS), architecture), list: compiler.compile(allowList({ memfd: false, twoUids: false }), architecture) }])) as never

/** What the kernel does with both filters: the lowest kind of answer wins, and of two of a kind the filter loaded last. */
function ask (architecture: Architecture, call: string, ...args: (number | bigint)[]): number {
  const seen = { nr: compiler.callNumber(call, architecture) ?? -1, arch: ARCHITECTURES[architecture], args: args.map(BigInt) }
  const [first, last] = [runFilter(programs[architecture].guard, seen), runFilter(programs[architecture].list, seen)]

  return (first & 0x7fff0000) < (last & 0x7fff0000) ? first : last
}

type Probe = [call: string, ...args: (number | bigint)[]]

describe.each(MACHINES)('the filters on %s', architecture => {
  it.each<Probe>([
    ['read'], ['openat'], ['execve'], ['futex'], ['wait4'], ['getrandom'], ['clock_gettime'], ['exit_group'], ['rt_sigreturn'], ['prlimit64', 0], ['prlimit64', 100],
    ['clone', 0x11], ['clone', 0x3d0f00], ['socket', 1], ['socket', 1, 0x80001], ['socketpair', 1], ['personality', 0xffffffff], ['personality', -1], ['personality', 0x40000],
    ['ioctl', 1, 0x5401], ['ioctl', 1, 0x802c542a], ['ioctl', 1, 0xffffffff802c542an], ['prctl', 15], ['mknodat', 0, 0, 0o010644],
    ['kill', 0], ['kill', 100], ['kill', -1], ['kill', 6], ['tgkill', 100, 101], ['rt_sigqueueinfo', 100], ['setpgid', 0, 0],
    ['fcntl', 0, 4], ['fcntl', 0, 6], ['fcntl', 0, 1033], ['mmap', 0, 0, 0, 0x22], ['preadv2', 0, 0, 0, 0, 0, 1], ['fadvise64', 0, 0, 0, 2], ['setsockopt', 0, 1, 7],
    ['fchownat'], ['fchmodat2'], ['futex_wake'], ['map_shadow_stack']
  ])('allow %s %s %s', (call, ...args) => {
    expect(ask(architecture, call, ...args)).toBe(ALLOW)
  })

  it.each<Probe>([
    ['ptrace'], ['process_vm_readv'], ['pidfd_getfd'], ['mount'], ['unshare'], ['setns'], ['keyctl'], ['bpf'], ['perf_event_open'], ['userfaultfd'], ['seccomp'], ['setuid'], ['setresuid'], ['setgroups'], ['capset'],
    ['sched_setaffinity'], ['setpriority'], ['flock'], ['reboot'], ['open_by_handle_at'], ['chroot'], ['init_module'], ['fanotify_init'],
    ['kill', 1], ['kill', 2], ['kill', 0x1_0000_0001n], ['tkill', 5], ['tgkill', 1, 3], ['rt_sigqueueinfo', 1], ['rt_tgsigqueueinfo', 0x8000_0000_0000_0001n], ['pidfd_open', 1], ['prlimit64', 1], ['prlimit64', 0x1_0000_0003n],
    ['setpgid', 0, 1], ['setpgid', 0, 0x1_0000_0001n], ['fcntl', 0, 8], ['fcntl', 0, 10], ['fcntl', 0, 0x1_0000_000fn], ['fcntl', 0, 1024], ['fcntl', 0, 1026], ['setsockopt', 0, 1, 26], ['setsockopt', 0, 1, 0x1_0000_0032n]
  ])('refuse %s %s %s', (call, ...args) => {
    expect(ask(architecture, call, ...args)).toBe(EPERM)
  })

  it.each<Probe>([
    ['io_uring_setup'], ['clone3'], ['shmget'], ['mq_open'], ['fsopen'], ['memfd_create'], ['memfd_secret'], ['inotify_init1'], ['inotify_add_watch'], ['get_mempolicy'], ['cachestat'], ['statmount'],
    ['clone', 0x10000000], ['clone', 0x20000], ['clone', 0x40000000], ['clone', 0x8011], ['clone', 0xffff_ffff_1000_0000n],
    ['ioctl', 1, 0x5412], ['ioctl', 1, 0x541c], ['ioctl', 1, 0x40086602], ['ioctl', 1, 0x1_0000_5412n], ['prctl', 22], ['prctl', 24], ['prctl', 0x1_0000_0016n], ['personality', 4], ['mknodat', 0, 0, 0o020644], ['mknodat', 0, 0, 0o060644]
  ])('say that %s %s %s does not exist', (call, ...args) => {
    expect(ask(architecture, call, ...args)).toBe(ENOSYS)
  })

  it.each(['socket', 'socketpair'])('know no family but UNIX for %s, whatever is in the upper half of the argument', call => {
    for (let family = 0; family < 50; family++) {
      expect(ask(architecture, call, family)).toBe(family === 1 ? ALLOW : EAFNOSUPPORT)
      expect(ask(architecture, call, (1n << 32n) | BigInt(family))).toBe(EAFNOSUPPORT)
    }
  })

  it('give no huge pages and no attributes, tell nothing about the page cache, and leave it and the disks alone', () => {
    expect(ask(architecture, 'mmap', 0, 0, 0, 0x40022)).toBe(ENOMEM)
    expect(ask(architecture, 'mmap', 0, 0, 0, 0xf_0004_0001n)).toBe(ENOMEM)
    expect(ask(architecture, 'preadv2', 0, 0, 0, 0, 0, 9)).toBe(EOPNOTSUPP)
    expect(ask(architecture, 'fsetxattr')).toBe(EOPNOTSUPP)
    expect(ask(architecture, 'fadvise64', 0, 0, 0, 4)).toBe(DONE)
    expect([ask(architecture, 'sync'), ask(architecture, 'syncfs')]).toEqual([DONE, DONE])
  })

  it('answer calls that nobody has heard of as an older kernel would', () => {
    for (const nr of [600, 1000, 0xffff]) {
      expect(runFilter(programs[architecture].list, { nr, arch: ARCHITECTURES[architecture] })).toBe(ENOSYS)
    }
  })

  it('end whoever calls by another architecture\'s numbers', () => {
    const others = { i386: 0x40000003, arm: 0x40000028, riscv64: 0xc00000f3, ...ARCHITECTURES, [architecture]: 0x40000003 }

    for (const program of Object.values(programs[architecture])) {
      for (const arch of Object.values(others)) {
        for (const nr of [0, 1, 20, 63, 172, 221]) {
          expect(runFilter(program, { nr, arch })).toBe(KILL)
        }
      }
    }
  })

  it.runIf(architecture === 'x64')('end whoever calls the x32 way', () => {
    for (const program of Object.values(programs.x64)) {
      for (const nr of [0, 39, 512, 547]) {
        expect(runFilter(program, { nr: 0x40000000 | nr, arch: ARCHITECTURES.x64 })).toBe(KILL)
      }
    }
  })
})

/** An argument that satisfies a condition, those just beside it, and all of them with something in the upper half. */
function argumentsAround ({ when }: Rule): bigint[] {
  if (when == null) {
    return [0n, 1n, 0xffff_ffff_ffff_ffffn]
  }

  const mask = when.is === 'masked' ? when.mask : 0xffffffff
  const bits = Array.from({ length: 32 }, (_, bit) => 2 ** bit).filter(bit => Math.floor(mask / bit) % 2 === 1)
  const value = BigInt(when.value)
  // Satisfied, with every bit that does not count set as well.
  const filled = value | BigInt(0xffffffff - mask)
  const low = [value, filled, value + 1n, value - 1n, 0n, 0xffffffffn, ...bits.flatMap(bit => [value ^ BigInt(bit), filled ^ BigInt(bit)])].map(each => BigInt.asUintN(32, each))

  return low.flatMap(each => [each, each | 1n << 32n, each | 1n << 63n, each | 0xffff_ffffn << 32n])
}

/** What a filter answers otherwise than its table, over all rules of it. */
function compare (policy: Policy, program: Buffer, architecture: Architecture): { asked: number, wrong: unknown[] } {
  const probes = policy.rules.filter(({ call }) => isNamed(call, architecture)).flatMap(rule => argumentsAround(rule).map(value => {
    const args = [0n, 0n, 0n, 0n, 0n, 0n]

    args[rule.when?.arg ?? 0] = value
    return { call: rule.call, args, nr: compiler.callNumber(rule.call, architecture) ?? -1 }
  }))
  const answers = probes.map(({ call, args, nr }) =>
    ({ call, args, filter: runFilter(program, { nr, arch: ARCHITECTURES[architecture], args }), table: answerOf(policy, call, args) }))

  return { asked: probes.length, wrong: answers.filter(({ filter, table }) => filter !== table) }
}

describe.each(LISTS)('every rule of the allow-list ($name)', ({ architecture, kind }) => {
  const policy = allowList(kind)
  const program = compiler.compile(policy, architecture)

  it('does what the table says: for arguments that satisfy it, beside it, and with the upper half set', () => {
    const { asked, wrong } = compare(policy, program, architecture)

    expect(wrong).toEqual([])
    expect(asked).toBeGreaterThan(5000)
  })
})

describe.each(MACHINES)('every rule of the guard (%s)', architecture => {
  const policy = guard(TIDS)

  it('does what the table says: for arguments that satisfy it, beside it, and with the upper half set', () => {
    const { asked, wrong } = compare(policy, programs[architecture].guard, architecture)

    expect(wrong).toEqual([])
    expect(asked).toBeGreaterThan(5000)
  })
})

describe('a filter', () => {
  const anyArgument = fc.oneof(fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }), fc.integer({ min: 0, max: 70 }).map(BigInt), fc.integer({ min: 0, max: 0xffff }).map(BigInt), fc.integer({ min: 0, max: 64 }).chain(shift => fc.constant(BigInt.asUintN(64, 1n << BigInt(shift)))))
  const anyArguments = fc.array(anyArgument, { minLength: 6, maxLength: 6 })

  it('answers any call with any arguments as the table does', () => {
    for (const { architecture, kind } of LISTS) {
      for (const policy of [allowList(kind), guard(TIDS)]) {
        const program = compiler.compile(policy, architecture)
        const calls = [...new Set(policy.rules.map(({ call }) => call))].filter(call => isNamed(call, architecture))
        const values = policy.rules.flatMap(({ when }) => when == null ? [] : [BigInt(when.value)])
        const args = fc.array(fc.oneof(anyArgument, fc.constantFrom(...values), fc.constantFrom(...values).map(value => value | 1n << 40n)), { minLength: 6, maxLength: 6 })

        fc.assert(fc.property(fc.constantFrom(...calls), args, (call, args) =>
          runFilter(program, { nr: compiler.callNumber(call, architecture) ?? -1, arch: ARCHITECTURES[architecture], args }) === answerOf(policy, call, args)), { numRuns: 300 })
      }
    }
  })

  it('answers any number that no rule names with the default', () => {
    for (const { architecture, kind } of LISTS) {
      const policy = allowList(kind)
      const program = compiler.compile(policy, architecture)
      const named = new Set(policy.rules.map(({ call }) => compiler.callNumber(call, architecture)))

      fc.assert(fc.property(fc.integer({ min: 0, max: 600 }).filter(nr => !named.has(nr)), anyArguments, (nr, args) =>
        runFilter(program, { nr, arch: ARCHITECTURES[architecture], args }) === ENOSYS), { numRuns: 300 })
    }
  })

  it('is refused by its own check when one answer of it is wrong', () => {
    const compiled = allowList({ memfd: false, twoUids: false }).rules.flatMap(rule => {
      const nr = compiler.callNumber(rule.call)

      return nr == null ? [] : [{ rule, nr, answer: answerOf({ default: { errno: 38 }, rules: [rule] }, rule.call, satisfying(rule)) }]
    })
    const { list } = programs[compiler.native]

    expect(() => { checkFilter(list, compiled, compiler.native, ENOSYS) }).not.toThrow()

    // Every answer turned into its opposite, one at a time.
    for (const offset of reachable(list).map(pc => pc * 8)) {
      if (list.readUInt16LE(offset) === 0x06) {
        const wrong = Buffer.from(list)

        wrong.writeUInt32LE(list.readUInt32LE(offset + 4) === ALLOW ? EPERM : ALLOW, offset + 4)
        expect(() => { checkFilter(wrong, compiled, compiler.native, ENOSYS) }, `instruction ${offset / 8}`).toThrow('libseccomp made a wrong filter')
      }
    }
  })

  it('has one hash for one policy and another for another', () => {
    const hashes = KINDS.flatMap(kind => [[1, 2], [1, 2, 3]].map(tids => compiler.filtersFor(tids, kind).hash))

    expect(new Set(hashes).size).toBe(8)
    expect(compiler.filtersFor([1, 2], { memfd: true, twoUids: false })).toBe(compiler.filtersFor([1, 2], { memfd: true, twoUids: false }))
  })

  it('fits the kernel', () => {
    for (const { architecture, kind } of LISTS) {
      // BPF_MAXINSNS
      expect(compiler.compile(allowList(kind), architecture).length / 8).toBeLessThan(4096)
    }
  })
})

describe('the table', () => {
  it.each(KINDS)('says about each call and argument one thing ($memfd, $twoUids)', kind => {
    for (const policy of [allowList(kind), guard(TIDS)]) {
      for (const call of new Set(policy.rules.map(({ call }) => call))) {
        const rules = policy.rules.filter(rule => rule.call === call)

        // No rule without a condition stands beside another, and all look at the same argument.
        expect([call, rules.length === 1 || rules.every(({ when }) => when != null)]).toEqual([call, true])
        expect([call, new Set(rules.map(({ when }) => when?.arg)).size]).toEqual([call, 1])
        // Throws when two contradict each other.
        rules.flatMap(rule => argumentsAround(rule).map(value => answerOf(policy, call, Array.from({ length: 6 }, () => value))))
      }
    }
  })

  it('compares 32 bits wherever it denies with a value, since the kernel drops the rest', () => {
    const denying = [...allowList({ memfd: true, twoUids: true }).rules, ...guard(TIDS).rules].filter(({ when, action }) => when != null && action !== 'allow')

    // socket and socketpair deny everything but one value: bits in the upper half are denied as well.
    expect(denying.filter(({ when }) => when?.is !== 'masked').map(({ call, when }) => [call, when?.is])).toEqual([['socket', 'not-equal'], ['socketpair', 'not-equal']])
  })

  it('lets the runner become another user only where there are two', () => {
    for (const kind of KINDS) {
      const { rules } = allowList(kind)

      for (const call of ['setresuid', 'setresgid', 'setgroups']) {
        expect(rules.filter(rule => rule.call === call).map(({ action }) => action)).toEqual([kind.twoUids ? 'allow' : { errno: 1 }])
      }

      expect(rules.filter(({ call }) => ['setuid', 'setgid', 'setreuid', 'setfsuid', 'capset'].includes(call)).every(({ action }) => action !== 'allow')).toBe(true)
    }
  })

  it('gives huge pages to nobody by way of memfd', () => {
    const program = compiler.compile(allowList({ memfd: true, twoUids: false }))
    const create = (flags: bigint) => runFilter(program, { nr: compiler.callNumber('memfd_create') ?? -1, arch: ARCHITECTURES[compiler.native], args: [0n, flags] })

    expect([0n, 1n, 3n, 4n, 5n, 1n << 32n | 4n].map(create)).toEqual([ALLOW, ALLOW, ALLOW, ENOSYS, ENOSYS, ENOSYS])
  })

  it('names only calls that exist on one architecture at least', () => {
    const names = new Set([...allowList({ memfd: true, twoUids: true }).rules, ...guard(TIDS).rules].map(({ call }) => call))

    expect([...names].filter(call => MACHINES.every(architecture => compiler.callNumber(call, architecture) == null && libseccomp.syscall_resolve_name_arch(ARCHITECTURES[architecture], call) === -1))).toEqual([])
  })
})

describe('numbers of calls', () => {
  const names = [...new Set([...allowList({ memfd: true, twoUids: true }).rules, ...guard(TIDS).rules].map(({ call }) => call))]

  it('are libseccomp\'s for all that it knows', () => {
    for (const architecture of MACHINES) {
      for (const call of names) {
        const [ours, theirs] = [newerCallNumber(architecture, call), libseccomp.syscall_resolve_name_arch(ARCHITECTURES[architecture], call)]

        if (ours != null && theirs >= 0) {
          expect([call, ours]).toEqual([call, theirs])
        }
      }
    }
  })

  // linux-libc-dev: what arm64 uses of it is all of the list but renameat's successor and the 32-bit calls.
  it.runIf(existsSync('/usr/include/asm-generic/unistd.h'))('are the kernel headers\' for aarch64', () => {
    const header = readFileSync('/usr/include/asm-generic/unistd.h', 'utf8')
    const numbers = new Map([...header.matchAll(/^#define __NR(?:3264)?_(\w+) (\d+)$/gm)].map(([, name = '', number]) => [name, Number(number)]))
    const known = names.filter(call => numbers.has(call))

    expect(known.length).toBeGreaterThan(250)
    expect(known.map(call => [call, compiler.callNumber(call, 'arm64')])).toEqual(known.map(call => [call, numbers.get(call)]))
  })

  it.runIf(existsSync('/usr/include/asm-generic/unistd.h'))('are right where the runner calls by number', () => {
    for (const [call, number] of Object.entries(SYS)) {
      expect([call, number]).toEqual([call, compiler.callNumber(call)])
    }
  })
})

/** Instructions that some call can lead to; libseccomp leaves one behind that none can. */
function reachable (program: Buffer): number[] {
  const seen = new Set<number>()
  const next = [0]

  for (let pc = next.pop(); pc != null; pc = next.pop()) {
    const [code, k] = [program.readUInt16LE(pc * 8), program.readUInt32LE(pc * 8 + 4)]

    if (!seen.has(pc)) {
      seen.add(pc)
      next.push(...code === 0x06 ? [] : code === 0x05 ? [pc + 1 + k] : (code & 7) === 5 ? [pc + 1 + (program[pc * 8 + 2] ?? 0), pc + 1 + (program[pc * 8 + 3] ?? 0)] : [pc + 1])
    }
  }

  return [...seen]
}

function satisfying (rule: Rule): bigint[] {
  const args = [0n, 0n, 0n, 0n, 0n, 0n]

  args[rule.when?.arg ?? 0] = rule.when?.is === 'not-equal' ? BigInt(rule.when.value) + 1n : BigInt(rule.when?.value ?? 0)
  return args
}
