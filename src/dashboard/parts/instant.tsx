import { useState } from 'preact/hooks'
import { age, exactInstant, shortInstant } from '../text/times.ts'
import { useNow } from './hooks.ts'

interface InstantProps {
  /** Milliseconds since 1970. */
  at: number
  /** What the clock that told it is ahead of this one. */
  aheadMs?: number
}

/** An instant in the reader's zone; exact when it is pressed, and on hover. */
export function Instant ({ at, aheadMs = 0 }: InstantProps) {
  return <Pressed at={at} aheadMs={aheadMs} words={shortInstant(at - aheadMs, Date.now())} />
}

/** How long ago; when that was when it is pressed, and on hover. */
export function Age ({ at, aheadMs = 0, after = '' }: InstantProps & { after?: string }) {
  return <Pressed at={at} aheadMs={aheadMs} words={`${age(useNow() - at + aheadMs)}${after}`} />
}

/** In a row that leads to where the instant is told exactly: a stop of the keyboard for each would be too many. */
export function InstantCell ({ at, aheadMs = 0 }: InstantProps) {
  return <Time at={at} exact={exactInstant(at - aheadMs)}>{shortInstant(at - aheadMs, Date.now())}</Time>
}

export function AgeCell ({ at, aheadMs = 0 }: InstantProps) {
  return <Time at={at} exact={exactInstant(at - aheadMs)}>{age(useNow() - at + aheadMs)}</Time>
}

function Pressed ({ at, aheadMs, words }: Required<InstantProps> & { words: string }) {
  const [isExact, setExact] = useState(false)
  const exact = exactInstant(at - aheadMs)

  return <button type='button' class='told' aria-pressed={isExact} onClick={() => { setExact(!isExact) }}><Time at={at} exact={exact}>{isExact ? exact : words}</Time></button>
}

function Time ({ at, exact, children }: { at: number, exact: string, children: string }) {
  return <time dateTime={new Date(at).toISOString()} title={exact}>{children}</time>
}
