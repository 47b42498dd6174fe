import { ratioOfMedians } from '../stats/ratio.ts'
import { ratioText } from './quantities.ts'
import type { Figures, Row } from './rows.ts'

/**
 * What a row is compared with: the fastest worker when there is one command,
 * the fastest command on the same worker when there are several. Undefined
 * when there is nothing else to compare with.
 */
export function referenceOf (row: Row, rows: readonly Row[], commands: number): Figures | undefined {
  const rivals = rows.filter(other => other.figures != null && (commands === 1 || other.worker === row.worker))

  return rivals.length < 2 ? undefined : rivals.map(rival => rival.figures as Figures).reduce((best, figures) => figures.median < best.median ? figures : best)
}

/** `1.00` for the reference itself, which has no uncertainty against itself. */
export function relativeText (figures: Figures, reference: Figures): string {
  if (figures === reference || !(reference.median > 0)) {
    return figures === reference ? '1.00' : '-'
  }

  const interval = figures.interval == null || reference.interval == null
    ? undefined
    : ratioOfMedians(figures.interval, reference.interval)

  return ratioText(figures.median / reference.median, interval)
}
