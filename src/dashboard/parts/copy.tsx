import { useEffect, useState } from 'preact/hooks'

/** How long it stands there that a text was copied. */
const SHOWN_MS = 4_000

/** A button that puts a text on the clipboard, and says whether it did. `name`: of the button, where there are several. */
export function Copy ({ text, label = 'Copy', name }: { text: string, label?: string, name?: string }) {
  const [said, setSaid] = useState({ words: '', turn: 0 })
  const say = (words: string): void => { setSaid(({ turn }) => ({ words, turn: turn + 1 })) }

  useEffect(() => {
    if (said.words === '') {
      return
    }

    const timer = setTimeout(() => { say('') }, SHOWN_MS)

    return () => { clearTimeout(timer) }
  }, [said])

  return (
    <span class='action copy'>
      <span class='dim' role='status'><span key={said.turn}>{said.words}</span></span>
      <button type='button' aria-label={name} onClick={() => { void copy(text).then(() => { say('Copied') }, () => { say('Not copied: select it, and copy it by hand') }) }}>{label}</button>
    </span>
  )
}

/** Where a page came without TLS from another machine, browsers keep the clipboard's newer interface from it. */
async function copy (text: string): Promise<void> {
  if (navigator.clipboard != null) {
    return navigator.clipboard.writeText(text)
  }

  const before = document.activeElement
  const field = document.createElement('textarea')

  field.value = text
  field.readOnly = true
  field.className = 'off-screen'
  document.body.append(field)
  field.select()

  try {
    if (!document.execCommand('copy')) {
      throw new Error('refused')
    }
  } finally {
    field.remove()

    if (before instanceof HTMLElement) {
      before.focus()
    }
  }
}
