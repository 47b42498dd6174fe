import { useState } from 'preact/hooks'
import { readToken } from '../api/token.ts'
import { CommandLine } from '../parts/notice.tsx'

interface SignInProps {
  /** Why the token that was used last does not do. */
  problem?: string
  onToken: (token: string) => Promise<void>
}

export function SignIn ({ problem, onToken }: SignInProps) {
  const [error, setError] = useState(problem)
  const [isBusy, setBusy] = useState(false)

  const submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault()

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
    <main id='main' class='sign-in'>
      <h1>Meshmark</h1>
      <form onSubmit={event => { void submit(event) }}>
        <label for='token'>Token</label>
        <input id='token' name='token' type='password' autocomplete='off' spellcheck={false} required aria-describedby={error == null ? 'token-help' : 'token-error token-help'} aria-invalid={error != null} />
        {error == null ? null : <p id='token-error' class='field-error' role='alert'>{error}</p>}
        <button type='submit' class='primary' disabled={isBusy}>{isBusy ? 'Signing in…' : 'Sign in'}</button>
      </form>
      <div id='token-help' class='sign-in-help'>
        <p>Make one in a terminal. It is kept in this tab only.</p>
        <dl>
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
