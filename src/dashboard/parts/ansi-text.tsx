import { useMemo } from 'preact/hooks'
import { ansiSpans, settled, type Span } from '../text/ansi.ts'

/** What a program has printed: text and colours, never HTML. */
export function AnsiText ({ text }: { text: string }) {
  // the very same elements for the same text: of a long output only what is new is read and drawn
  return useMemo(() => <>{ansiSpans(settled(text)).map((span, index) => <span key={index} class={classOf(span)}>{span.text}</span>)}</>, [text])
}

function classOf ({ fg, bg, bold, dim, italic, underline }: Span): string | undefined {
  const names = [
    ...(fg == null ? [] : [`fg-${fg}`]),
    ...(bg == null ? [] : [`bg-${bg}`]),
    ...(bold === true ? ['ansi-bold'] : []),
    ...(dim === true ? ['ansi-dim'] : []),
    ...(italic === true ? ['ansi-italic'] : []),
    ...(underline === true ? ['ansi-underline'] : [])
  ]

  return names.length === 0 ? undefined : names.join(' ')
}
