import type { Held } from '../../node/protocol/register/messages.ts'

/**
 * Whatever this worker has ever begun, and what waits to. Never changed in
 * place: a new one shares all but one of its parts with the old one, so that a
 * worker that has run a hundred thousand items pays for a new one no more than
 * for its first.
 */
export type KnownExecutions = ReadonlyArray<ReadonlyMap<string, Held['state']>>

const PARTS = 256

export function knownFrom (entries: Iterable<[string, Held['state']]> = []): KnownExecutions {
  const parts = Array.from({ length: PARTS }, () => new Map<string, Held['state']>())

  for (const [execution, state] of entries) {
    parts[partOf(execution)]!.set(execution, state)
  }

  return parts
}

export function stateOf (known: KnownExecutions, execution: string): Held['state'] | undefined {
  return known[partOf(execution)]?.get(execution)
}

/** @param state - absent: it is not known any more */
export function withKnown (known: KnownExecutions, executions: readonly string[], state: Held['state'] | undefined): KnownExecutions {
  const parts = [...known]
  const own = new Set<number>()

  for (const execution of executions) {
    const at = partOf(execution)
    const part = own.has(at) ? parts[at] as Map<string, Held['state']> : new Map(parts[at])

    own.add(at)
    parts[at] = part

    if (state == null) {
      part.delete(execution)
    } else {
      part.set(execution, state)
    }
  }

  return parts
}

/** FNV-1a, http://www.isthe.com/chongo/tech/comp/fnv/ */
function partOf (execution: string): number {
  let hash = 0x811c9dc5

  for (let at = 0; at < execution.length; at++) {
    hash = Math.imul(hash ^ execution.charCodeAt(at), 0x01000193)
  }

  return (hash >>> 0) % PARTS
}
