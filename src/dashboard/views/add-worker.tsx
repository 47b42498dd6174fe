import { useState } from 'preact/hooks'
import { Action } from '../parts/action.tsx'
import { useApp } from '../parts/hooks.ts'
import { CommandLine } from '../parts/notice.tsx'
import { joinLine } from '../text/join-line.ts'

/** A token for a worker, as the line to paste on its machine. */
export function AddWorker () {
  const { link } = useApp()
  const [line, setLine] = useState<string>()

  return (
    <div class='add-worker'>
      {line == null
        ? (
          <Action
            label='Add a worker' busyLabel='Making a token…' act={async () => {
              const { text, addresses } = await link.send<{ text: string, addresses: string[] }>('POST', '/v1/tokens', { role: 'worker' })

              setLine(joinLine(text, addresses))
            }}
          />
          )
        : (
          <div class='notice notice-narrow' role='status'>
            <p>Paste this on the new machine. Good for 24 hours, for any number of workers; it is shown this once.</p>
            <CommandLine>{line}</CommandLine>
            <button type='button' onClick={() => { setLine(undefined) }}>Done</button>
          </div>
          )}
    </div>
  )
}
