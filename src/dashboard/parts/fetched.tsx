import { useEffect, useState } from 'preact/hooks'
import { useApp } from './hooks.ts'
import { Failure, Loading } from './notice.tsx'
import type { ComponentChildren } from 'preact'

interface FetchedProps<T> {
  /** Asked of a master; another one, another answer. */
  paths: readonly string[]
  /** For `Loading …` and `… did not come`. */
  what: string
  children: (...answers: T[]) => ComponentChildren
}

/** What a master answers, all of it or why there is none. */
export function Fetched<T> ({ paths, what, children }: FetchedProps<T>) {
  const { link } = useApp()
  const [answers, setAnswers] = useState<T[]>()
  const [error, setError] = useState<string>()
  const [attempt, setAttempt] = useState(0)

  useEffect(() => {
    const stop = new AbortController()

    setError(undefined)
    setAnswers(undefined)
    Promise.all(paths.map(async path => link.get<T>(path, stop.signal))).then(setAnswers, err => {
      if (!stop.signal.aborted) {
        setError(err.message)
      }
    })

    return () => { stop.abort() }
  }, [link, paths.join('\n'), attempt])

  return error != null
    ? <Failure title={`${what[0]?.toUpperCase()}${what.slice(1)} did not come`} detail={error} onRetry={() => { setAttempt(attempt + 1) }} />
    : answers == null ? <Loading what={what} /> : <>{children(...answers)}</>
}
