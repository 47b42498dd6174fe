import { PR_CAPBSET_DROP, SYS } from '../native/libc.ts'
import { check } from './boot.ts'
import type { Libc } from '../native/libc.ts'

/** capability.h */
export const CAP = { KILL: 5, SETGID: 6, SETUID: 7, SETPCAP: 8, SYS_CHROOT: 18, SYS_PTRACE: 19, SYS_ADMIN: 21, SYS_RESOURCE: 24 } as const

/** _LINUX_CAPABILITY_VERSION_3 */
const VERSION = 0x20080522

/** The highest that any kernel knows has a lower number. */
const CAPABILITIES = 64

/** Whatever the calling thread executes will never have a capability but these, whoever it is then. Needs SETPCAP itself. */
export function forbidCapabilities (libc: Libc, allowed: readonly number[] = []): void {
  for (let capability = 0; capability < CAPABILITIES; capability++) {
    if (!allowed.includes(capability)) {
      // EINVAL: unknown to this kernel.
      libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)
    }
  }
}

/**
 * Leaves the calling thread with these capabilities and no others: permitted
 * and effective, none inheritable. Other threads keep what they have.
 */
export function keepCapabilities (libc: Libc, kept: readonly number[]): void {
  setCapabilities(libc, kept, [])
}

/** The same, with all of them inheritable, so that they can become ambient. */
export function passCapabilities (libc: Libc, kept: readonly number[]): void {
  setCapabilities(libc, kept, kept)
}

function setCapabilities (libc: Libc, kept: readonly number[], inheritable: readonly number[]): void {
  const bitsOf = (list: readonly number[]) => list.reduce((all, bit) => all | 1 << bit, 0)
  const bits = bitsOf(kept)
  const header = Buffer.alloc(8)
  // Two of (effective, permitted, inheritable), 32 capabilities each.
  const data = Buffer.alloc(24)

  header.writeUInt32LE(VERSION, 0)
  data.writeInt32LE(bits, 0)
  data.writeInt32LE(bits, 4)
  data.writeInt32LE(bitsOf(inheritable), 8)
  check(libc, 'capset', libc.syscallPointers(SYS.capset, header, data))
}
