import { useEffect, useState } from 'preact/hooks'
import type { ComponentChildren } from 'preact'
import { Failure, Loading } from './notice.tsx'

interface LaterProps<T> {
  what: string
  load: () => Promise<T>
  children: (loaded: T) => ComponentChildren
}

/** A part of the page that is not among what is loaded at first. */
export function Later<T> ({ what, load, children }: LaterProps<T>) {
  const [loaded, setLoaded] = useState<{ value: T }>()
  const [error, setError] = useState<string>()
  const [attempt, setAttempt] = useState(0)

  useEffect(() => {
    let isWanted = true

    setError(undefined)
    load().then(value => { if (isWanted) { setLoaded({ value }) } }, err => { if (isWanted) { setError(err.message) } })

    return () => { isWanted = false }
  }, [attempt])

  return error != null
    ? <Failure title='This part of the page did not come' detail={error} onRetry={() => { setAttempt(attempt + 1) }} />
    : loaded == null ? <Loading what={what} /> : <>{children(loaded.value)}</>
}
