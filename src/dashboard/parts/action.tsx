import { useLayoutEffect, useRef, useState } from 'preact/hooks'
import type { ComponentChildren } from 'preact'

interface ActionProps {
  label: string
  /** While it is under way. */
  busyLabel: string
  act: () => Promise<void>
  /** Asked first, with this on the button that goes on; absent = nothing is asked. */
  question?: { text: string, yes: string, no: string }
  kind?: 'danger' | 'quiet'
  children?: ComponentChildren
}

/** A button that does something at a master, and says what came of it when that is nothing good. */
export function Action ({ label, busyLabel, act, question, kind }: ActionProps) {
  const [step, setStep] = useState<'idle' | 'asking' | 'busy'>('idle')
  const [error, setError] = useState<string>()
  const button = useRef<HTMLButtonElement>(null)
  const careful = useRef<HTMLButtonElement>(null)
  const wasAsked = useRef(false)

  // what is asked is answered with the keyboard as well: the careful answer is at hand, and after it the button is
  useLayoutEffect(() => {
    if (step === 'asking') {
      wasAsked.current = true
      careful.current?.focus()
    } else if (step === 'idle' && wasAsked.current) {
      wasAsked.current = false
      button.current?.focus()
    }
  }, [step])

  const go = async (): Promise<void> => {
    setStep('busy')
    setError(undefined)

    try {
      await act()
    } catch (err) {
      setError(err instanceof Error ? err.message : String(err))
    } finally {
      setStep('idle')
    }
  }

  return (
    <span class='action'>
      {step === 'asking' && question != null
        ? (
          <span class='action-question' role='group' aria-label={question.text} onKeyDown={({ key }) => { if (key === 'Escape') { setStep('idle') } }}>
            <span>{question.text}</span>
            <button type='button' class='danger' onClick={() => { void go() }}>{question.yes}</button>
            <button type='button' ref={careful} onClick={() => { setStep('idle') }}>{question.no}</button>
          </span>
          )
        : (
          <button type='button' class={kind} ref={button} aria-disabled={step === 'busy'} onClick={() => { if (step === 'idle') { if (question == null) { void go() } else { setStep('asking') } } }}>
            {step === 'busy' ? busyLabel : label}
          </button>
          )}
      {error == null ? null : <span class='action-error' role='alert'>{error}</span>}
    </span>
  )
}
