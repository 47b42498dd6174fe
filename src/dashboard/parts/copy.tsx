import { useState } from 'preact/hooks'

/** A button that puts a text on the clipboard, and says whether it did. */
export function Copy ({ text, label = 'Copy' }: { text: string, label?: string }) {
  const [words, setWords] = useState('')

  return (
    <span class='action'>
      <button type='button' onClick={() => { void copy(text).then(() => { setWords('Copied') }, () => { setWords('Not copied: select it, and copy it by hand') }) }}>{label}</button>
      <span class='dim' role='status'>{words}</span>
    </span>
  )
}

/** Where a page came without TLS from another machine, browsers keep the clipboard's newer interface from it. */
async function copy (text: string): Promise<void> {
  if (navigator.clipboard != null) {
    return navigator.clipboard.writeText(text)
  }

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
  }
}
