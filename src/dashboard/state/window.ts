/** Which rows of a long list are drawn. */
export interface Window {
  first: number
  /** Behind the last one. */
  end: number
}

/** Rows beyond both edges, so that scrolling by a row shows no gap. */
const MARGIN = 8

/** @param scrolled - pixels above the upper edge; @param height - pixels that are seen */
export function windowOf (rows: number, rowHeight: number, scrolled: number, height: number): Window {
  const first = Math.max(0, Math.min(rows, Math.floor(scrolled / rowHeight)) - MARGIN)

  return { first, end: Math.min(rows, Math.ceil((Math.max(0, scrolled) + height) / rowHeight) + MARGIN) }
}
