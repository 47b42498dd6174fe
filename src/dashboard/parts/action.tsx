import { useLayoutEffect, useRef, useState } from 'preact/hooks'
import { announce } from './announce.tsx'

interface ActionProps {
  label: string
  /** While it is under way. */
  busyLabel: string
  act: () => Promise<void>
  /** Said when it has worked; absent = what follows is seen and heard anyway. */
  done?: string
  /** Asked first, with this on the button that goes on; absent = nothing is asked. */
  question?: { text: string, yes: string, no: string }
  kind?: 'danger' | 'quiet'
}

/** A button that does something at a master, and says what came of it when that is nothing good. */
export function Action ({ label, busyLabel, act, done, question, kind }: ActionProps) {
  const [step, setStep] = useState<'idle' | 'asking' | 'busy'>('idle')
  const [error, setError] = useState<string>()
  const button = useRef<HTMLButtonElement>(null)
  const careful = useRef<HTMLButtonElement>(null)
  const wasAsked = useRef(false)
  // what is asked about may be so already, by somebody else
  const asked = step === 'asking' ? question : undefined

  // what is asked is answered with the keyboard as well: the careful answer is at hand, and after it the button is
  useLayoutEffect(() => {
    if (asked != null) {
      wasAsked.current = true
      careful.current?.focus()
    } else if (wasAsked.current) {
      wasAsked.current = false

      // whoever has gone on meanwhile stays there
      if (document.activeElement === document.body) {
        button.current?.focus()
      }

      // what went by itself does not come back by itself
      setStep(step => step === 'asking' ? 'idle' : step)
    }
  }, [asked == null])

  const go = async (): Promise<void> => {
    setStep('busy')
    setError(undefined)

    try {
      await act()

      if (done != null) {
        announce(done)
      }
    } catch (err) {
      setError(err instanceof Error ? err.message : String(err))
    } finally {
      setStep('idle')
    }
  }

  const begin = (): void => {
    if (step !== 'busy') {
      if (question == null) {
        void go()
      } else {
        setStep('asking')
      }
    }
  }

  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key === 'Escape') {
      // it answers this, and closes nothing around it
      event.stopPropagation()
      setStep('idle')
    }
  }

  return (
    <span class='action'>
      {asked != null
        ? (
          <span class='action-question' role='group' aria-label={asked.text} onKeyDown={onKeyDown}>
            <span>{asked.text}</span>
            <button type='button' class='danger' onClick={() => { void go() }}>{asked.yes}</button>
            <button type='button' ref={careful} onClick={() => { setStep('idle') }}>{asked.no}</button>
          </span>
          )
        : <button type='button' class={kind} ref={button} aria-disabled={step === 'busy'} onClick={begin}>{step === 'busy' ? busyLabel : label}</button>}
      {error == null ? null : <span class='action-error' role='alert'>{error}</span>}
    </span>
  )
}
