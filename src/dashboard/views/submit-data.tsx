import { useRef } from 'preact/hooks'
import { isDataName } from '../../model/data.ts'
import { counted } from '../../model/text.ts'
import { formatBytes } from '../../model/units.ts'
import { Field } from '../parts/field.tsx'
import { BRINGING, isProgram, type FormDataSet, type FormFile } from '../submit/form.ts'
import { More } from './submit-how.tsx'
import type { PartProps } from './submit.tsx'

/** Files that many jobs use, and files that come back. */
export function SubmitData (props: PartProps) {
  const { form, change, errors, leave } = props
  const file = useRef<HTMLInputElement>(null)
  const folder = useRef<HTMLInputElement>(null)

  const add = async (chosen: readonly File[], isFile: boolean): Promise<void> => {
    if (chosen.length > 0) {
      const set = isFile ? await fileSet(chosen[0]!) : await folderSet(chosen)

      change(({ data }) => ({ data: [...data, { ...set, name: freeName(set.name, data) }] }))
    }
  }

  return (
    <section aria-labelledby='data-title'>
      <h2 id='data-title'>Data, and what comes back</h2>
      <More title='Data sets and files to bring back' fields={['data', 'collect', 'collectMax']} {...props}>
        <div class='field' role='group' aria-label='Data sets'>
          <p class='drop-line'>
            <button type='button' aria-invalid={errors.has('data') ? 'true' : undefined} aria-describedby={errors.has('data') ? 'data-error' : undefined} onClick={() => { file.current?.click() }}>Add a data file…</button>
            <button type='button' onClick={() => { folder.current?.click() }}>Add a data folder…</button>
            <span class='dim'>Sent once, kept by the workers for other jobs, and read-only: <code>data/NAME</code> beside the program.</span>
          </p>
          <input type='file' hidden ref={file} onChange={event => { void add([...event.currentTarget.files ?? []], true); event.currentTarget.value = '' }} />
          <input type='file' hidden multiple ref={input => { folder.current = input; input?.setAttribute('webkitdirectory', '') }} onChange={event => { void add([...event.currentTarget.files ?? []], false); event.currentTarget.value = '' }} />
          {form.data.length === 0
            ? null
            : (
              <ul class='files'>
                {form.data.map((set, index) => (
                  <li key={index}>
                    <label>data/ <input type='text' class='mono data-name' value={set.name} aria-label={`Name of data set ${index + 1}`} spellcheck={false} autocomplete='off' onInput={event => { change({ data: form.data.map((other, at) => at === index ? { ...set, name: event.currentTarget.value } : other) }) }} onBlur={() => { leave('data') }} /></label>
                    <span class='dim'>{describe(set)}</span>
                    <button type='button' class='quiet' aria-label={`Remove data set ${set.name}`} onClick={() => { change({ data: form.data.filter((_, at) => at !== index) }) }}>Remove</button>
                  </li>
                ))}
              </ul>
              )}
          {errors.has('data') ? <p class='field-error' id='data-error'>{errors.get('data')}</p> : null}
        </div>
        {BRINGING.includes(form.kind) ? <Bring {...props} /> : null}
      </More>
    </section>
  )
}

function Bring ({ form, change, errors, leave }: PartProps) {
  return (
    <>
      <Field label='Files to bring back' value={form.collect} lines={2} isCode placeholder='out/*' error={errors.get('collect')} hint={<>A pattern on each line, as <code>out/*</code> or <code>**/*.log</code>: of the last run of each worker.</>} onChange={collect => { change({ collect }) }} onLeave={() => { leave('collect') }} />
      {form.collect.trim() === '' && form.collectMax.trim() === '' ? null : <Field label='At most, of one task' value={form.collectMax} isShort placeholder='256M' error={errors.get('collectMax')} onChange={collectMax => { change({ collectMax }) }} onLeave={() => { leave('collectMax') }} />}
    </>
  )
}

function describe ({ path, isFile, files, size, of }: FormDataSet): string {
  return of != null ? `${formatBytes(size)}, of the job before` : `${path}, ${isFile ? '' : `${counted(files.length, 'file')}, `}${formatBytes(size)}`
}

async function fileSet (file: File): Promise<FormDataSet> {
  return { name: nameOf(file.name), path: file.name, isFile: true, files: [{ name: file.name, size: file.size, blob: file }], size: file.size }
}

async function folderSet (chosen: readonly File[]): Promise<FormDataSet> {
  const [path = 'data'] = (chosen[0]!.webkitRelativePath || chosen[0]!.name).split('/')
  const files = await Promise.all(chosen.map(async (file): Promise<FormFile> => ({
    name: file.webkitRelativePath.split('/').slice(1).join('/') || file.name,
    size: file.size,
    blob: file,
    executable: isProgram(new Uint8Array(await file.slice(0, 4).arrayBuffer().catch(() => new ArrayBuffer(0))))
  })))

  return { name: nameOf(path), path, isFile: false, files, size: files.reduce((sum, { size }) => sum + size, 0) }
}

function nameOf (path: string): string {
  const name = path.replace(/[^A-Za-z0-9._-]/g, '_').replace(/^[.-]+/, '').slice(0, 64)

  return isDataName(name) ? name : 'set'
}

function freeName (name: string, data: readonly FormDataSet[]): string {
  const names = new Set(data.map(({ name }) => name))

  for (let number = 2; ; number++) {
    if (!names.has(name)) {
      return name
    }

    name = `${name.replace(/-\d+$/, '').slice(0, 60)}-${number}`
  }
}
