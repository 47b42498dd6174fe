import { useEffect, useRef, useState } from 'preact/hooks'
import { readToken } from '../api/token.ts'
import { Brand } from '../parts/brand.tsx'
import { CommandLine } from '../parts/notice.tsx'

interface SignInProps {
  /** Why the token that was used last does not do. */
  problem?: string
  onToken: (token: string) => Promise<void>
}

export function SignIn ({ problem, onToken }: SignInProps) {
  return (
    <main id='main' class='sign-in'>
      <h1><Brand /></h1>
      <TokenForm problem={problem} onToken={onToken} />
      <div id='token-help' class='sign-in-help'>
        <p>Make one in a terminal. It is kept in this tab only.</p>
        <dl>
          <dt>To be signed in by a link, with what you may there</dt>
          <dd><CommandLine>meshmark dashboard --open</CommandLine></dd>
          <dt>To submit jobs and see your own</dt>
          <dd><CommandLine>meshmark token create client --http</CommandLine></dd>
          <dt>To drain and add workers as well</dt>
          <dd><CommandLine>meshmark token create admin --http</CommandLine></dd>
          <dt>To look at everything and change nothing</dt>
          <dd><CommandLine>meshmark token create reader --http</CommandLine></dd>
        </dl>
      </div>
    </main>
  )
}

/** Above the page, which keeps what was typed: its token counts no more. */
export function SignInAgain ({ problem, onToken, onLeave }: SignInProps & { onLeave: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null)

  useEffect(() => {
    const element = dialog.current!
    const before = document.activeElement

    element.showModal()

    // the keyboard goes back to where it was, which cannot have it before this is closed
    return () => {
      element.close()

      if (before instanceof HTMLElement) {
        before.focus()
      }
    }
  }, [])

  // a browser lets itself be kept from closing it once only
  const stay = (): void => {
    if (dialog.current?.isConnected === true) {
      dialog.current.showModal()
    }
  }

  return (
    <dialog class='sign-in-again' ref={dialog} aria-labelledby='again-title' onCancel={event => { event.preventDefault() }} onClose={stay}>
      <h2 id='again-title'>Sign in again</h2>
      <p id='token-help'>What you have typed is kept. A new token is made by <code>meshmark dashboard</code>, or <code>meshmark token create</code>; the link of the first may also be opened in this tab.</p>
      <TokenForm problem={problem} onToken={onToken} />
      <button type='button' class='quiet' onClick={onLeave}>Leave the page</button>
    </dialog>
  )
}

function TokenForm ({ problem, onToken }: SignInProps) {
  const [error, setError] = useState(problem)
  const [isBusy, setBusy] = useState(false)

  const field = useRef<HTMLInputElement>(null)

  // there is nothing else to do here
  useEffect(() => { field.current?.focus() }, [])

  const submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault()

    if (isBusy) {
      return
    }

    const token = readToken(String(new FormData(event.currentTarget as HTMLFormElement).get('token') ?? ''))

    if (token == null) {
      setError('This is not a token of the HTTP interface: it begins with mmh1- and comes in one line.')

      return
    }

    setBusy(true)
    setError(undefined)

    try {
      await onToken(token)
    } catch (err) {
      setError(err instanceof Error ? err.message : String(err))
      setBusy(false)
    }
  }

  return (
    <form onSubmit={event => { void submit(event) }}>
      <label for='token'>Token</label>
      <input ref={field} id='token' name='token' type='password' autocomplete='off' spellcheck={false} required aria-describedby={error == null ? 'token-help' : 'token-error token-help'} aria-invalid={error != null} />
      {error == null ? null : <p id='token-error' class='field-error' role='alert'>{error}</p>}
      <button type='submit' class='primary' aria-disabled={isBusy}>{isBusy ? 'Signing in…' : 'Sign in'}</button>
    </form>
  )
}
