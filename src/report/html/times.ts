import { clockText } from '../plot/scales.ts'
import { html, type Html } from './markup.ts'

/** An instant: in UTC as it is written, in the reader's own zone when a script runs. */
export function time (ms: number): Html {
  // a worker's clock is what it says
  const instant = new Date(ms)

  return Number.isNaN(instant.getTime()) ? html`–` : html`<time datetime="${instant.toISOString()}">${clockText(ms)}</time>`
}
