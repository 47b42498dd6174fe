import { useEffect, useRef } from 'preact/hooks'
import { Store } from '../state/store.ts'
import { useStore } from './hooks.ts'

/** What is said aloud; `turn` tells the same words said twice from those said once. */
const said = new Store({ words: '', turn: 0 })

/** Says a sentence to those who listen to the page, when they are done with what they hear. */
export function announce (words: string): void {
  said.update(({ turn }) => ({ words, turn: turn + 1 }))
}

/** Where sentences are said: there from the beginning, or some readers do not notice it. */
export function Announcements () {
  const { words, turn } = useStore(said)

  return <div class='only-said' role='status'><p key={turn}>{words}</p></div>
}

/** Typing is not told letter by letter. */
const PAUSE_MS = 600

/** How many there are: seen at all times, said only when the reader has chosen others, and not with every job that comes. */
export function Count ({ words, choice }: { words: string, choice: unknown }) {
  const latest = useRef(words)
  const isFirst = useRef(true)

  latest.current = words

  useEffect(() => {
    if (isFirst.current) {
      isFirst.current = false

      return
    }

    const timer = setTimeout(() => { announce(latest.current) }, PAUSE_MS)

    return () => { clearTimeout(timer) }
  }, [choice])

  return <span class='tools-count'>{words}</span>
}
