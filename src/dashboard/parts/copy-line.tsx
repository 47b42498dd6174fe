import { useState } from 'preact/hooks'
import { CommandLine } from './notice.tsx'

/** A line for a terminal, with a button that copies it. */
export function CopyLine ({ children }: { children: string }) {
  const [said, setSaid] = useState<string>()

  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(children)
      setSaid('Copied')
    } catch {
      // without TLS a browser has no clipboard for a page that is not this machine's
      setSaid('This browser does not let the page copy: select the line')
    }

    setTimeout(() => { setSaid(undefined) }, 4_000)
  }

  return (
    <div class='copy-line'>
      <CommandLine>{children}</CommandLine>
      <button type='button' onClick={() => { void copy() }}>Copy</button>
      <span role='status'>{said}</span>
    </div>
  )
}
