import { age, exactInstant, shortInstant } from '../text/times.ts'
import { useNow } from './hooks.ts'

/** An instant in the reader's zone; on hover to the millisecond. */
export function Instant ({ at, aheadMs = 0 }: { at: number, aheadMs?: number }) {
  const here = at - aheadMs

  return <time dateTime={new Date(at).toISOString()} title={exactInstant(here)}>{shortInstant(here, Date.now())}</time>
}

/** How long ago; on hover when that was. `aheadMs`: what the clock that told it is ahead of this one. */
export function Age ({ at, aheadMs = 0 }: { at: number, aheadMs?: number }) {
  const now = useNow()
  const here = at - aheadMs

  return <time dateTime={new Date(at).toISOString()} title={exactInstant(here)}>{age(now - here)}</time>
}
