import type { Tone } from '../text/states.ts'

/** A state: its word, with a shape and a colour that say the same. */
export function Mark ({ tone, children }: { tone: Tone, children: string }) {
  return <span class={`mark mark-${tone}`}><span class='mark-shape' aria-hidden='true' /><span class='mark-word'>{children}</span></span>
}
