import { useId } from 'preact/hooks'
import type { ComponentChildren } from 'preact'

export interface FieldProps {
  label: string
  value: string
  onChange: (value: string) => void
  /** When the field is left. */
  onLeave?: () => void
  hint?: ComponentChildren
  error?: string
  placeholder?: string
  /** Several lines; they are kept as they are. */
  lines?: number
  /** What is typed is code. */
  isCode?: boolean
  /** Wide as a number. */
  isShort?: boolean
  isRequired?: boolean
}

/** A labelled text, with what is wrong with it next to it. */
export function Field ({ label, value, onChange, onLeave, hint, error, placeholder, lines, isCode, isShort, isRequired }: FieldProps) {
  const id = useId()
  const described = [...(hint == null ? [] : [`${id}-hint`]), ...(error == null ? [] : [`${id}-error`])].join(' ')
  const attributes = {
    id,
    value,
    placeholder,
    class: isCode === true ? 'mono' : undefined,
    autocomplete: 'off',
    spellcheck: false,
    autocapitalize: 'off' as const,
    'aria-invalid': error == null ? undefined : 'true' as const,
    'aria-required': isRequired === true ? 'true' as const : undefined,
    'aria-describedby': described === '' ? undefined : described,
    onInput: (event: { currentTarget: { value: string } }) => { onChange(event.currentTarget.value) },
    onBlur: onLeave
  }

  return (
    <div class={`field${isShort === true ? ' field-short' : ''}`}>
      <label for={id}>{label}</label>
      {lines == null ? <input type='text' {...attributes} /> : <textarea rows={Math.max(lines, Math.min(12, value.split('\n').length))} {...attributes} />}
      {error == null ? null : <p class='field-error' id={`${id}-error`}>{error}</p>}
      {hint == null ? null : <p class='field-hint' id={`${id}-hint`}>{hint}</p>}
    </div>
  )
}

/** One of a few, as buttons of which one is chosen. */
export function Choice<T extends string> ({ label, value, choices, onChange, error }: { label: string, value: T, choices: ReadonlyArray<readonly [T, string]>, onChange: (value: T) => void, error?: string }) {
  const id = useId()

  return (
    <fieldset class='choice' aria-describedby={error == null ? undefined : `${id}-error`}>
      <legend>{label}</legend>
      <div class='choice-all'>
        {choices.map(([choice, words]) => (
          <label key={choice}>
            <input type='radio' name={id} checked={choice === value} aria-invalid={error == null ? undefined : 'true'} onChange={() => { onChange(choice) }} /> {words}
          </label>
        ))}
      </div>
      {error == null ? null : <p class='field-error' id={`${id}-error`}>{error}</p>}
    </fieldset>
  )
}

export function Tick ({ label, value, onChange }: { label: string, value: boolean, onChange: (value: boolean) => void }) {
  return <label class='tick'><input type='checkbox' checked={value} onChange={event => { onChange(event.currentTarget.checked) }} /> {label}</label>
}
