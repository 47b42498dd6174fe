import { SECCOMP_FILTER_FLAG_SPEC_ALLOW, SECCOMP_SET_MODE_FILTER, SYS } from '../native/libc.ts'
import { check } from './boot.ts'
import type { Libc } from '../native/libc.ts'

/**
 * Loads filters for the calling thread and whatever it starts; the runner's
 * other threads stay without. In this order: the last one forbids to load more.
 */
export function loadFilters (libc: Libc, programs: readonly Buffer[]): void {
  for (const program of programs) {
    // struct sock_fprog: unsigned short len, padding, pointer.
    const descriptor = Buffer.alloc(16)

    descriptor.writeUInt16LE(program.length / 8, 0)
    descriptor.writeBigUInt64LE(libc.address(program), 8)
    check(libc, 'seccomp', libc.syscallPointer(SYS.seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW, descriptor))
  }
}
