import type { Koffi, Pointer } from './koffi.ts'

/** libseccomp 2.5's functions, as far as a filter needs them. Negative results are -errno. */
export interface Libseccomp {
  init: (defaultAction: number) => bigint
  release: (context: bigint) => void
  attr_set: (context: bigint, attribute: number, value: number) => number
  /** -1 for a name that it does not know; other negative numbers for calls that this architecture lacks. */
  syscall_resolve_name: (name: string) => number
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
    syscall_resolve_name: lib.func('int seccomp_syscall_resolve_name(str name)'),
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
