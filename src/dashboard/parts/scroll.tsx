import { useLayoutEffect, useRef, useState } from 'preact/hooks'
import type { ComponentChildren } from 'preact'

interface ScrollProps {
  label: string
  class?: string
  children: ComponentChildren
}

/** What may be wider or longer than its room; the keyboard stops at it only when it is. */
export function Scroll ({ label, class: name = 'scroll', children }: ScrollProps) {
  const box = useRef<HTMLDivElement>(null)
  const [isCut, setCut] = useState(false)

  useLayoutEffect(() => {
    const element = box.current!
    const look = (): void => { setCut(element.scrollWidth > element.clientWidth || element.scrollHeight > element.clientHeight) }
    const observer = new ResizeObserver(look)

    // its own size says nothing of what is in it
    observer.observe(element)
    Array.from(element.children).forEach(child => { observer.observe(child) })

    return () => { observer.disconnect() }
  }, [])

  return <div class={name} ref={box} role='group' aria-label={label} tabIndex={isCut ? 0 : undefined}>{children}</div>
}
