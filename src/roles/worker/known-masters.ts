import { MAX_LISTED } from '../../node/protocol/register/index.ts'
import type { ListedMaster } from '../../node/protocol/register/messages.ts'

/** Masters by peer id, removed ones with their mark: a master that has not heard of a removal must not undo it. */
export type KnownMasters = ReadonlyMap<string, ListedMaster>

/**
 * What is known after hearing a master's list. The latest word about each master
 * counts, and one that this list lacks stays: its teller may not know it yet.
 * Commutative, associative and idempotent below the bound. Returns `known` itself
 * when nothing is new.
 */
export function mergeListed (known: KnownMasters, heard: readonly ListedMaster[]): KnownMasters {
  const merged = new Map(known)
  let changed = false

  for (const master of heard) {
    const before = merged.get(master.peerId)

    if (before == null ? merged.size < MAX_LISTED : isLater(master, before)) {
      merged.set(master.peerId, master)
      changed = true
    }
  }

  return changed ? merged : known
}

/** Those that are masters still. */
export function presentMasters (known: KnownMasters): ListedMaster[] {
  return [...known.values()].filter(({ removed }) => removed !== true)
}

function isLater (a: ListedMaster, b: ListedMaster): boolean {
  if (a.atMs !== b.atMs) {
    return a.atMs > b.atMs
  }

  // any order will do, as long as everybody has the same
  return textOf(a) > textOf(b)
}

function textOf ({ removed, name, addresses }: ListedMaster): string {
  return JSON.stringify([removed === true, name, addresses])
}
