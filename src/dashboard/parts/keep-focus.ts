import { focusTitle } from './title.tsx'

const HEADINGS = 'h1, h2, h3'

/**
 * Where a part of the page goes away that has the keyboard, since its job has
 * ended, say, or the button has done its work, a browser puts the keyboard at
 * the beginning of the document. This brings it to the heading of what the part
 * was in. Parts that know better move it before. Returns what ends it.
 */
export function keepFocus (root: HTMLElement): () => void {
  let focused: Element | undefined
  let around: Element[] = []

  const onFocusIn = ({ target }: FocusEvent): void => {
    focused = target as Element
    around = [...ancestors(focused, root)]
  }
  // who has pressed elsewhere reads there, and is not to be moved; a part that goes away tells the same before it is gone
  const onFocusOut = ({ target }: FocusEvent): void => {
    queueMicrotask(() => {
      if (focused === target && focused.isConnected && document.activeElement !== focused) {
        focused = undefined
      }
    })
  }
  const observer = new MutationObserver(() => {
    if (focused == null || focused.isConnected) {
      return
    }

    focused = undefined

    if (document.activeElement == null || document.activeElement === document.body) {
      headingOf(around.filter(element => element.isConnected))
    }
  })

  root.addEventListener('focusin', onFocusIn)
  root.addEventListener('focusout', onFocusOut)
  observer.observe(root, { childList: true, subtree: true })

  return () => {
    root.removeEventListener('focusin', onFocusIn)
    root.removeEventListener('focusout', onFocusOut)
    observer.disconnect()
  }
}

function * ancestors (element: Element, root: Element): Generator<Element> {
  for (let at = element.parentElement; at != null && at !== root; at = at.parentElement) {
    yield at
  }
}

/** @param around - what is left around the part that went, the nearest first */
function headingOf (around: readonly Element[]): void {
  const heading = around.map(element => element.querySelector<HTMLElement>(HEADINGS)).find(found => found != null)

  if (heading == null) {
    focusTitle()
  } else {
    heading.tabIndex = -1
    heading.focus()
  }
}
