import koffi from 'koffi'

/** set_mempolicy(2): memory of the nodes named and no other. */
export const MPOL_BIND = 2

const SYS = process.arch === 'arm64'
  ? { get_mempolicy: 236, set_mempolicy: 237 }
  : { get_mempolicy: 239, set_mempolicy: 238 }

interface Calls {
  getaffinity: (pid: number, size: number, mask: Uint8Array) => number
  setaffinity: (pid: number, size: number, mask: Uint8Array) => number
  syscall: (number: number, a: number, b: Uint8Array, bits: number) => number
  getpolicy: (number: number, mode: Uint8Array, mask: Uint8Array, bits: number, address: number, flags: number) => number
}

let loaded: Calls | undefined

/** Other systems than Linux have no such functions, and may still load this file. */
function calls (): Calls {
  if (loaded == null) {
    const lib = koffi.load(null)

    loaded = {
      getaffinity: lib.func('int sched_getaffinity(int pid, ulong size, void *mask)'),
      setaffinity: lib.func('int sched_setaffinity(int pid, ulong size, void *mask)'),
      syscall: lib.func('syscall', 'long', ['long', 'long', 'void *', 'ulong']),
      getpolicy: lib.func('syscall', 'long', ['long', 'void *', 'void *', 'ulong', 'ulong', 'ulong'])
    }
  }

  return loaded
}

/** sched_getaffinity(2) of the calling thread, a bit for each processor. Returns 0 or the errno. */
export function getAffinity (mask: Uint8Array): number {
  return errnoOf(calls().getaffinity(0, mask.length, mask))
}

/** sched_setaffinity(2) of the calling thread; what is started by it inherits it. Returns 0 or the errno. */
export function setAffinity (mask: Uint8Array): number {
  return errnoOf(calls().setaffinity(0, mask.length, mask))
}

/** get_mempolicy(2) of the calling thread: a 32-bit mode, a bit for each node. Returns 0 or the errno. */
export function getMemoryPolicy (mode: Uint8Array, nodes: Uint8Array): number {
  return errnoOf(calls().getpolicy(SYS.get_mempolicy, mode, nodes, nodes.length * 8, 0, 0))
}

/** set_mempolicy(2) of the calling thread; what is started by it inherits it. Returns 0 or the errno. */
export function setMemoryPolicy (mode: number, nodes: Uint8Array): number {
  // The kernel takes one bit less than it is told of.
  return errnoOf(calls().syscall(SYS.set_mempolicy, mode, nodes, nodes.length * 8 + 1))
}

function errnoOf (result: number): number {
  return result < 0 ? koffi.errno() : 0
}
