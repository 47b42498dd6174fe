import { createContext } from 'preact'
import { useContext, useEffect, useRef, useState } from 'preact/hooks'
import { waitToDraw } from '../state/pace.ts'
import { Store } from '../state/store.ts'
import type { App } from '../live/app.ts'

export const AppContext = createContext<App | undefined>(undefined)

/** Only below what is shown to those who are signed in. */
export function useApp (): App {
  const app = useContext(AppContext)

  if (app == null) {
    throw new Error('not signed in')
  }

  return app
}

const kept = new WeakMap<App, Map<string, unknown>>()

/** A choice that is still made when its view has been left and is come back to. */
export function useKept<T> (key: string, initial: T): [T, (value: T) => void] {
  const app = useApp()
  const own = kept.get(app) ?? new Map<string, unknown>()
  const [value, setValue] = useState(own.has(key) ? own.get(key) as T : initial)

  kept.set(app, own)

  return [value, value => {
    own.set(key, value)
    setValue(value)
  }]
}

/** Draws again when the value changes. */
export function useStore<T> (store: Store<T>): T {
  const [, draw] = useState({})
  const drawn = store.value

  useEffect(() => {
    // it may have changed between the drawing and now
    if (!Object.is(store.value, drawn)) {
      draw({})
    }

    return store.subscribe(() => { draw({}) })
  }, [store])

  return drawn
}

/** The value of a moment ago: of one that changes all the time, the latest after each pause. */
export function usePaced<T> (value: T, pauseMs: number): T {
  const [shown, show] = useState({ value })
  const shownMs = useRef<number>(undefined)

  useEffect(() => {
    if (Object.is(value, shown.value)) {
      return
    }

    const timer = setTimeout(() => {
      shownMs.current = performance.now()
      show({ value })
    }, waitToDraw(performance.now(), shownMs.current, pauseMs))

    return () => { clearTimeout(timer) }
  }, [value, shown])

  return shown.value
}

const now = new Store(Date.now(), tell => { tell() })
let ticking: ReturnType<typeof setInterval> | undefined
let lookers = 0

/** This machine's clock, a second at a time, while anyone looks at it. */
export function useNow (): number {
  useEffect(() => {
    lookers++

    // while nobody looked it stood still
    if (ticking == null) {
      now.set(Date.now())
    }

    ticking ??= setInterval(() => { if (!document.hidden) { now.set(Date.now()) } }, 1_000)

    return () => {
      lookers--

      if (lookers === 0) {
        clearInterval(ticking)
        ticking = undefined
      }
    }
  }, [])

  return useStore(now)
}

/** The fragment of the address, which says what is shown. */
export function useFragment (): string {
  const [fragment, setFragment] = useState(location.hash)

  useEffect(() => {
    const onChange = (): void => { setFragment(location.hash) }

    window.addEventListener('hashchange', onChange)

    return () => { window.removeEventListener('hashchange', onChange) }
  }, [])

  return fragment
}
