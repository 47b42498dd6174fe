import { useLayoutEffect, useRef } from 'preact/hooks'
import type { ComponentChildren } from 'preact'

let shown: HTMLHeadingElement | undefined
let isWanted = false

/** The heading of a view, where the keyboard is after one has gone there. */
export function Title ({ children }: { children: ComponentChildren }) {
  const heading = useRef<HTMLHeadingElement>(null)

  useLayoutEffect(() => {
    const own = heading.current!

    shown = own

    if (isWanted) {
      isWanted = false
      own.focus()
    }

    return () => {
      // of a view that comes in parts, such as while it is loaded, the next heading goes on
      isWanted ||= document.activeElement === own

      if (shown === own) {
        shown = undefined
      }
    }
  }, [])

  return <h1 tabIndex={-1} ref={heading}>{children}</h1>
}

/** Brings the keyboard to the heading of the view, now or as soon as there is one. */
export function focusTitle (): void {
  window.scrollTo(0, 0)

  if (shown == null) {
    isWanted = true
  } else {
    shown.focus()
  }
}
