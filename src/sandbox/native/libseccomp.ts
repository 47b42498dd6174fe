import type { Koffi, Pointer } from './koffi.ts'

/** libseccomp 2.5's functions, as far as a filter needs them. Negative results are -errno. */
export interface Libseccomp {
  init: (defaultAction: number) => bigint
  release: (context: bigint) => void
  attr_set: (context: bigint, attribute: number, value: number) => number
  /** Token of the machine's own architecture: the AUDIT_ARCH_* of linux/audit.h. */
  arch_native: () => number
  arch_add: (context: bigint, architecture: number) => number
  arch_remove: (context: bigint, architecture: number) => number
  /** -1 for a name that it does not know; other negative numbers for calls that the architecture lacks. */
  syscall_resolve_name_arch: (architecture: number, name: string) => number
  /** `syscall` is the number on the native architecture; the library finds the one of each architecture of the filter. */
  rule_add_array: (context: bigint, action: number, syscall: number, count: number, comparisons: Pointer) => number
  export_bpf: (context: bigint, fd: number) => number
}

/** Throws when the library is not installed. */
export function loadLibseccomp (koffi: Koffi): Libseccomp {
  const lib = koffi.load('libseccomp.so.2')

  return {
    init: lib.func('uintptr_t seccomp_init(uint32_t action)'),
    release: lib.func('void seccomp_release(uintptr_t context)'),
    attr_set: lib.func('int seccomp_attr_set(uintptr_t context, int attribute, uint32_t value)'),
    arch_native: lib.func('uint32_t seccomp_arch_native()'),
    arch_add: lib.func('int seccomp_arch_add(uintptr_t context, uint32_t architecture)'),
    arch_remove: lib.func('int seccomp_arch_remove(uintptr_t context, uint32_t architecture)'),
    syscall_resolve_name_arch: lib.func('int seccomp_syscall_resolve_name_arch(uint32_t architecture, str name)'),
    rule_add_array: lib.func('int seccomp_rule_add_array(uintptr_t context, uint32_t action, int syscall, unsigned int count, void *comparisons)'),
    export_bpf: lib.func('int seccomp_export_bpf(uintptr_t context, int fd)')
  }
}

export const SCMP_ACT_ALLOW = 0x7fff0000
export const SCMP_ACT_KILL_PROCESS = 0x80000000
export const scmpActErrno = (errno: number): number => 0x00050000 | errno

export const SCMP_FLTATR_ACT_BADARCH = 2
export const SCMP_FLTATR_CTL_OPTIMIZE = 8

export const SCMP_CMP_NE = 1
export const SCMP_CMP_EQ = 4
export const SCMP_CMP_MASKED_EQ = 7

/** struct scmp_arg_cmp: unsigned arg, enum op, u64 a, u64 b. For MASKED_EQ, a is the mask. */
export function argCmp (arg: number, op: number, a: bigint, b: bigint): Buffer {
  const buffer = Buffer.alloc(24)

  buffer.writeUInt32LE(arg, 0)
  buffer.writeUInt32LE(op, 4)
  buffer.writeBigUInt64LE(a, 8)
  buffer.writeBigUInt64LE(b, 16)
  return buffer
}
