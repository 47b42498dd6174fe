import { getSystemErrorName } from 'node:util'
import { formatProcessorList, MAX_PROCESSORS } from '../machine/processor-list.ts'
import { MeshmarkError } from '../model/errors.ts'
import { getAffinity, getMemoryPolicy, MPOL_BIND, setAffinity, setMemoryPolicy } from './native/affinity.ts'

/** Where everything of a box runs. */
export interface Affinity {
  /** Logical processors. */
  processors: readonly number[]
  /** NUMA nodes that its memory comes from; absent = any. */
  nodes?: readonly number[]
}

/** The most that the kernel can be built for. */
const MAX_NODES = 1_024

/**
 * Does something under an affinity, and returns to the one before. It must be
 * synchronous: the affinity is that of the calling thread, which processes
 * started by it inherit from their first instruction on, with everything that
 * they start. The programs of a box cannot leave it, since its filter refuses
 * the calls. Throws one line when it cannot be had as a whole.
 */
export function withAffinity<T> ({ processors, nodes }: Affinity, work: () => T): T {
  const before = maskOf([], MAX_PROCESSORS)
  const wanted = maskOf(processors, MAX_PROCESSORS)

  check(getAffinity(before), 'the affinity cannot be read')

  try {
    check(setAffinity(wanted), `nothing can be bound to the processors ${formatProcessorList(processors)}`)

    const got = maskOf([], MAX_PROCESSORS)

    check(getAffinity(got), 'the affinity cannot be read')

    // The kernel leaves out silently what is offline or not of the cpuset.
    if (!got.equals(wanted)) {
      throw new MeshmarkError('failed', `of the processors ${formatProcessorList(processors)} only ${formatProcessorList(idsOf(got))} can be used now: start the worker anew`)
    }

    return nodes == null ? work() : withMemoryOf(nodes, work)
  } finally {
    setAffinity(before)
  }
}

/** Why memory cannot be bound to these nodes, in words; undefined when it can. */
export function whyNoMemoryOf (nodes: readonly number[]): string | undefined {
  try {
    withMemoryOf(nodes, () => {})
    return undefined
  } catch (err) {
    return (err as Error).message
  }
}

function withMemoryOf<T> (nodes: readonly number[], work: () => T): T {
  const mode = Buffer.alloc(4)
  const before = maskOf([], MAX_NODES)

  check(getMemoryPolicy(mode, before), 'the policy of memory cannot be read')
  check(setMemoryPolicy(MPOL_BIND, maskOf(nodes, MAX_NODES)), `memory cannot be bound to the NUMA nodes ${formatProcessorList(nodes)}`)

  try {
    return work()
  } finally {
    setMemoryPolicy(mode.readUInt32LE(), before)
  }
}

/** Little-endian words of bits, as the kernel takes them; on the architectures that are supported, bytes in order are the same. */
function maskOf (ids: readonly number[], size: number): Buffer {
  const mask = Buffer.alloc(size / 8)

  for (const id of ids) {
    mask[id >> 3] = (mask[id >> 3] ?? 0) | 1 << (id & 7)
  }

  return mask
}

function idsOf (mask: Buffer): number[] {
  return [...mask].flatMap((byte, index) => [0, 1, 2, 3, 4, 5, 6, 7].filter(bit => (byte >> bit & 1) === 1).map(bit => index * 8 + bit))
}

function check (errno: number, what: string): void {
  if (errno !== 0) {
    throw new MeshmarkError('failed', `${what} (${getSystemErrorName(-errno)})`)
  }
}
