import koffi from 'koffi'

/** Of mallopt(3). */
const M_TRIM_THRESHOLD = -1
const M_MMAP_THRESHOLD = -3

const MiB = 1024 * 1024

/**
 * Tells the C library to keep the memory of buffers that were freed. By default
 * every buffer of a chunk's size is mapped anew and given back: the kernel
 * clears its pages each time, which takes three times as long as filling them.
 * At most 64 MiB more stay with the process. True where the C library has the
 * setting (glibc).
 */
export function keepFreedMemory (): boolean {
  try {
    const mallopt = koffi.load(null).func('int mallopt(int parameter, int value)')

    return [mallopt(M_MMAP_THRESHOLD, 16 * MiB), mallopt(M_TRIM_THRESHOLD, 64 * MiB)].every(done => done === 1)
  } catch {
    return false
  }
}
