import { useRef, useState } from 'preact/hooks'
import { formatBytes } from '../../model/units.ts'
import { Choice, Field, Tick } from '../parts/field.tsx'
import { isProgram, itemsOf, withKind, type Form, type FormFile, type Kind } from '../submit/form.ts'
import { insideOf } from '../submit/command-line.ts'
import { More } from './submit-how.tsx'
import { SubmitMap } from './submit-map.tsx'
import type { ComponentChildren } from 'preact'
import type { PartProps } from './submit.tsx'
import type { UploadLimits } from '../submit/check.ts'

const KINDS: ReadonlyArray<readonly [Kind, string]> = [['run', 'Measure'], ['compare', 'Compare'], ['exec', 'Hand out'], ['each', 'Hand out, once for each item'], ['map', 'A map']]

const ABOUT: Record<Kind, string> = {
  run: 'Run it many times on every worker, and tell how long it takes there.',
  compare: 'Run two or more commands in turns on every worker: by how much are the others slower or faster than the first?',
  exec: 'Run it once on a free worker, and keep what it prints.',
  each: 'Run it once for each item, on all workers that are free.',
  map: 'Each worker its own list of commands, one after the other, restarted when they fail.'
}

/** What runs: commands and files. */
export function SubmitWhat (props: PartProps & { limits?: UploadLimits }) {
  const { form, change, errors, leave, limits } = props
  const isOne = form.kind === 'exec' || form.kind === 'each'
  const isMap = form.kind === 'map'
  const commands = isMap ? [] : isOne ? form.commands.slice(0, 1) : form.commands

  return (
    <section aria-labelledby='what-title'>
      <h2 id='what-title'>What</h2>
      <Choice label='Kind' value={form.kind} choices={KINDS} onChange={kind => { change(withKind(form, kind)) }} />
      <p class='field-hint'>{ABOUT[form.kind]}</p>
      <Files form={form} change={change} error={errors.get('files')} limits={limits} />
      {commands.map((line, index) => (
        <div class='command-row' key={index}>
          <Field
            label={labelOf(form.kind, index, commands.length)} value={line} lines={1} isCode isRequired={index === 0} placeholder='./program ARG, or python3 -c …'
            error={index === 0 ? errors.get('commands') : undefined}
            hint={index > 0 ? undefined : form.shell ? 'A line for sh.' : <>With arguments, quoted as in a shell. <code>./NAME</code> is a file from above, a bare name the worker's own program.</>}
            onChange={text => { change({ commands: form.commands.map((other, at) => at === index ? text : other) }) }} onLeave={() => { leave('commands') }}
          />
          {commands.length < (form.kind === 'compare' ? 3 : 2)
            ? null
            : <button type='button' class='quiet' aria-label={`Remove command ${index + 1}`} onClick={() => { change({ commands: form.commands.filter((_, at) => at !== index), names: form.names.filter((_, at) => at !== index) }) }}>Remove</button>}
        </div>
      ))}
      {isMap ? <SubmitMap {...props} /> : null}
      {isOne || isMap ? null : <button type='button' onClick={() => { change({ commands: [...form.commands, ''] }) }}>Add a command</button>}
      {isOne || isMap ? null : <Parameters {...props} />}
      {form.kind === 'each'
        ? <Field label='Items' value={form.items} lines={4} isCode isRequired error={errors.get('items')} hint={<>One on each line{itemsOf(form).length === 0 ? '' : `: ${itemsOf(form).length}`}. Each {form.shell ? <code>$1</code> : <code>{'{}'}</code>} in the command is the item{form.shell ? '' : '; without one it is the last argument'}.</>} onChange={items => { change({ items }) }} onLeave={() => { leave('items') }} />
        : null}
      {isMap ? null : <Tick label='Hand the line to a shell (sh -c)' value={form.shell} onChange={shell => { change({ shell }) }} />}
      {isMap || (form.files.length === 0 && form.stdin === '')
        ? null
        : (
          <div class='field'>
            <label for='stdin'>Standard input</label>
            <select id='stdin' value={form.stdin} aria-invalid={errors.has('stdin') ? 'true' : undefined} aria-describedby={errors.has('stdin') ? 'stdin-error' : undefined} onChange={event => { change({ stdin: event.currentTarget.value }) }}>
              <option value=''>nothing</option>
              {form.files.map(({ name }) => <option key={name} value={name}>{name}</option>)}
            </select>
            {errors.has('stdin') ? <p class='field-error' id='stdin-error'>{errors.get('stdin')}</p> : null}
          </div>
          )}
    </section>
  )
}

function Parameters (props: PartProps) {
  const { form, change, errors, leave } = props
  const text = (field: 'parameterScan' | 'parameterStepSize' | 'parameterList', label: string, placeholder: string, hint: ComponentChildren, more: object = { isShort: true }): ComponentChildren =>
    <Field label={label} value={form[field]} error={errors.get(field)} isCode placeholder={placeholder} hint={hint} {...more} onChange={value => { change({ [field]: value }) }} onLeave={() => { leave(field) }} />

  return (
    <More title='Parameters' fields={['parameterList', 'parameterScan', 'parameterStepSize']} {...props}>
      {text('parameterList', 'Values of parameters', 'compiler gcc,clang', <>A name and its values on each line: <code>{'{compiler}'}</code> in commands and in lines for sh is each of them, in every combination.</>, { lines: 1 })}
      <div class='fields'>
        {text('parameterScan', 'A range of numbers', 'n 1 8', 'name, from, to')}
        {text('parameterStepSize', 'In steps of', '1', undefined)}
      </div>
    </More>
  )
}

function labelOf (kind: Kind, index: number, count: number): string {
  return kind === 'compare' ? index === 0 ? 'First command' : index === 1 && count === 2 ? 'Compared with' : `Command ${index + 1}` : count === 1 ? 'Command' : `Command ${index + 1}`
}

function Files ({ form, change, error, limits }: { form: Form, change: PartProps['change'], error?: string, limits?: UploadLimits }) {
  const input = useRef<HTMLInputElement>(null)
  const [isOver, setOver] = useState(false)

  const add = async (chosen: readonly File[]): Promise<void> => {
    const files = await Promise.all(chosen.map(async (file): Promise<FormFile> => ({
      name: file.name,
      size: file.size,
      blob: file,
      executable: isProgram(new Uint8Array(await file.slice(0, 4).arrayBuffer().catch(() => new ArrayBuffer(0))))
    })))
    const [first] = files

    if (first == null) {
      return
    }

    change(form => ({
      // the same name again is the newer one
      files: [...form.files.filter(({ name }) => !files.some(file => file.name === name)), ...files],
      ...(form.files.length === 0 && (form.commands[0] ?? '').trim() === '' ? { commands: [`./${/^[\w.+-]+$/.test(first.name) ? first.name : `'${first.name.replaceAll("'", "'\\''")}'`}`, ...form.commands.slice(1)] } : {})
    }))
  }

  return (
    <div
      class={`drop${isOver ? ' drop-over' : ''}`} role='group' aria-label='Files'
      onDragOver={event => { event.preventDefault(); setOver(true) }} onDragLeave={() => { setOver(false) }}
      onDrop={event => { event.preventDefault(); setOver(false); void add([...event.dataTransfer?.files ?? []]) }}
    >
      <p class='drop-line'>
        <button type='button' aria-invalid={error == null ? undefined : 'true'} aria-describedby={error == null ? undefined : 'files-error'} onClick={() => { input.current?.click() }}>Choose files…</button>
        <span class='dim'>or drop them here: the program, and what it needs. Leave it empty for a program of the workers.{limits == null ? '' : ` Up to ${formatBytes(limits.fileBytes)} each.`}</span>
      </p>
      <input type='file' multiple hidden ref={input} onChange={event => { void add([...event.currentTarget.files ?? []]); event.currentTarget.value = '' }} />
      {form.files.length === 0
        ? null
        : (
          <ul class='files'>
            {form.files.map(({ name, size, of }) => (
              <li key={name}>
                <code>{insideOf(name)}</code> <span class='dim'>{formatBytes(size)}{of == null ? '' : ', of the job before'}</span>
                <button type='button' class='quiet' aria-label={`Remove ${name}`} onClick={() => { change({ files: form.files.filter(file => file.name !== name), stdin: form.stdin === name ? '' : form.stdin }) }}>Remove</button>
              </li>
            ))}
          </ul>
          )}
      {error == null ? null : <p class='field-error' id='files-error'>{error}</p>}
    </div>
  )
}
