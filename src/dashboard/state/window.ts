/** Rows of a long list: those that are seen, or those that are drawn. */
export interface Window {
  first: number
  /** Behind the last one. */
  end: number
}

/** Rows beyond both edges, so that scrolling by a row shows no gap, and most of it draws nothing. */
const MARGIN = 8

/** With fewer left on a side, the next ones are drawn. */
const LEAST = 2

/** Between two drawings of what is passed by too fast to be read, milliseconds. */
const PAUSE_MS = 100

/** @param scrolled - pixels above the upper edge; @param height - pixels that are seen */
export function windowOf (rowHeight: number, scrolled: number, height: number): Window {
  return { first: Math.floor(Math.max(0, scrolled) / rowHeight), end: Math.ceil((Math.max(0, scrolled) + height) / rowHeight) }
}

/**
 * What to draw, and in how many milliseconds; undefined when what is drawn does.
 * Who scrolls by less than half of what is seen gets it at once, with rows
 * beyond the edges. Who flies over the list, as with its scroll bar, gets what
 * is seen some times a second, and the edges when it rests. Pure.
 */
export function toDraw (drawn: Window & { atMs: number }, seen: Window, nowMs: number): { window: Window, waitMs: number } | undefined {
  const needed = widened(seen, LEAST)

  if (drawn.first <= needed.first && drawn.end >= needed.end) {
    return undefined
  }

  const size = seen.end - seen.first
  const covered = Math.min(seen.end, drawn.end) - Math.max(seen.first, drawn.first)
  const isNear = covered * 2 >= size

  return {
    window: isNear ? widened(seen, MARGIN) : seen,
    waitMs: isNear && covered < size ? 0 : Math.max(0, drawn.atMs + PAUSE_MS - nowMs)
  }
}

/** Beyond the end of the list there is nothing to be drawn. */
function widened ({ first, end }: Window, by: number): Window {
  return { first: Math.max(0, first - by), end: end + by }
}

/**
 * Numbers of places for what is drawn, by key: what was drawn before keeps its
 * own, what is new takes that of something that is gone. So elements are used
 * again instead of made anew, and the focus stays with what has it. Pure.
 */
export function placesOf (before: ReadonlyMap<string, number>, keys: readonly string[]): Map<string, number> {
  const kept = new Set(keys.flatMap(key => before.get(key) ?? []))
  const free = Array.from({ length: keys.length + kept.size }, (_, place) => place).filter(place => !kept.has(place))
  let next = 0

  return new Map(keys.map(key => [key, before.get(key) ?? free[next++]!]))
}
