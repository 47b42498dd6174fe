import { useId, useRef, useState } from 'preact/hooks'
import { MAX_YAML_CHARS } from '../../model/map.ts'
import type { PartProps } from './submit.tsx'

/** In UTF-8 a character has at most so many bytes. */
const MAX_BYTES = 4 * (MAX_YAML_CHARS + 1)

const EXAMPLE = 'lists:\n  - on: all\n    commands:\n      - ./prepare\n      - { run: ./solve 20, restart: { when: on-failure, max: 3 } }'

/** A map file, typed or chosen; each complaint leads to its place. */
export function SubmitMap ({ form, change, errors, leave }: PartProps) {
  const id = useId()
  const input = useRef<HTMLInputElement>(null)
  const area = useRef<HTMLTextAreaElement>(null)
  const [isOver, setOver] = useState(false)
  const complaints = errors.get('map')?.split('\n') ?? []

  const take = async (files: FileList | null | undefined): Promise<void> => {
    const [file] = files ?? []

    if (file != null) {
      // what is longer is refused, and need not be read
      change({ map: await file.slice(0, MAX_BYTES).text() })
    }
  }

  const goTo = (line: number, column: number): void => {
    const lines = form.map.split('\n')
    const at = lines.slice(0, line - 1).reduce((sum, { length }) => sum + length + 1, 0) + column - 1

    area.current?.focus()
    area.current?.setSelectionRange(at, at)
    // the browser scrolls to where it is written, not to where it was set
    area.current?.scrollTo({ top: (line - 3) * area.current.scrollHeight / Math.max(1, lines.length) })
  }

  return (
    <div
      class={`field drop${isOver ? ' drop-over' : ''}`}
      onDragOver={event => { event.preventDefault(); setOver(true) }} onDragLeave={() => { setOver(false) }}
      onDrop={event => { event.preventDefault(); setOver(false); void take(event.dataTransfer?.files) }}
    >
      <label for={id}>Map</label>
      <p class='drop-line'><button type='button' onClick={() => { input.current?.click() }}>Choose a map file…</button> <span class='dim'>or drop it here, or write it: which worker does which commands, in YAML.</span></p>
      <input type='file' accept='.yaml,.yml,.json' hidden ref={input} onChange={event => { void take(event.currentTarget.files); event.currentTarget.value = '' }} />
      <textarea
        id={id} ref={area} class='mono map' rows={Math.max(8, Math.min(24, form.map.split('\n').length + 1))} value={form.map} placeholder={EXAMPLE} wrap='off' spellcheck={false} autocomplete='off' autocapitalize='off'
        aria-required='true' aria-invalid={complaints.length > 0 ? 'true' : undefined} aria-describedby={complaints.length > 0 ? `${id}-error` : undefined}
        onInput={event => { change({ map: event.currentTarget.value }) }} onBlur={() => { leave('map') }}
      />
      {complaints.length === 0
        ? null
        : (
          <ul class='complaints' id={`${id}-error`}>
            {complaints.map(complaint => {
              const [, line, column] = /^map:(\d+):(\d+): /.exec(complaint) ?? []

              return <li key={complaint} class='field-error'>{line == null ? complaint : <button type='button' class='quiet' onClick={() => { goTo(Number(line), Number(column)) }}>{complaint.replace(/^map:\d+:\d+/, `line ${line}, column ${column}`)}</button>}</li>
            })}
          </ul>
          )}
    </div>
  )
}
