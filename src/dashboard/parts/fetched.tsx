import { useEffect, useState } from 'preact/hooks'
import { useApp } from './hooks.ts'
import { Failure, Loading } from './notice.tsx'
import type { ComponentChildren } from 'preact'

interface Answers<T> {
  /** In the order of what was asked; undefined until all are there. */
  answers?: T[]
  error?: string
  /** Asks once more. */
  again: () => void
}

/** What a master answers to all of these, or why it does not. Of another question there is no answer yet. */
export function useAnswers<T> (paths: readonly string[]): Answers<T> {
  const { link } = useApp()
  const question = paths.join('\n')
  const [known, setKnown] = useState<{ question: string, answers?: T[], error?: string }>()
  const [attempt, setAttempt] = useState(0)

  useEffect(() => {
    const stop = new AbortController()

    setKnown(undefined)
    Promise.all(paths.map(async path => link.get<T>(path, stop.signal))).then(answers => ({ question, answers }), (err: Error) => ({ question, error: err.message })).then(known => {
      if (!stop.signal.aborted) {
        setKnown(known)
      }
    })

    return () => { stop.abort() }
  }, [link, question, attempt])

  return { ...(known?.question === question ? known : {}), again: () => { setAttempt(attempt => attempt + 1) } }
}

interface FetchedProps<T> {
  /** Asked of a master; another one, another answer. */
  paths: readonly string[]
  /** For `Loading …` and `… did not come`. */
  what: string
  children: (...answers: T[]) => ComponentChildren
}

/** What a master answers, all of it or why there is none. */
export function Fetched<T> ({ paths, what, children }: FetchedProps<T>) {
  const { answers, error, again } = useAnswers<T>(paths)

  return error != null
    ? <Failure title={`${what[0]?.toUpperCase()}${what.slice(1)} did not come`} detail={error} onRetry={again} />
    : answers == null ? <Loading what={what} /> : <>{children(...answers)}</>
}
