import { useState } from 'preact/hooks'
import { useApp, useStore } from '../parts/hooks.ts'
import { Choice, Field } from '../parts/field.tsx'
import { ALL_WORKERS, stateOf, workerLines } from '../state/workers.ts'
import type { Place } from '../submit/form.ts'
import type { PartProps } from './submit.tsx'

const PLACES: ReadonlyArray<readonly [Place, string]> = [['all', 'all workers'], ['any', 'any free one'], ['some', 'so many'], ['names', 'these']]

/** More are found by words. */
const MAX_SHOWN = 100

/** On which workers. */
export function SubmitWhere (props: PartProps) {
  const { form, change, errors, leave } = props

  return (
    <section aria-labelledby='where-title'>
      <h2 id='where-title'>Where</h2>
      {form.kind === 'each'
        ? <p class='field-hint'>Each item goes to whichever worker is free.</p>
        : <Choice label='Workers' value={form.on} choices={PLACES} error={form.on === 'names' ? errors.get('on') : undefined} onChange={on => { change({ on }) }} />}
      {form.on === 'some' ? <Field label='How many different workers' value={form.count} isShort error={errors.get('on')} onChange={count => { change({ count }) }} onLeave={() => { leave('on') }} /> : null}
      {form.on === 'names' ? <Names {...props} /> : null}
      <Field label='Only workers like this' value={form.where} isCode placeholder='arch=arm64,cores=8..,label.zone=lab' error={errors.get('where')} hint={<>Conditions of <code>--where</code>, with commas between them.</>} onChange={where => { change({ where }) }} onLeave={() => { leave('where') }} />
    </section>
  )
}

function Names ({ form, change }: PartProps) {
  const mesh = useStore(useApp().mesh)
  const [words, setWords] = useState('')
  const lines = workerLines(mesh.nodes.values(), { ...ALL_WORKERS, words }).flatMap(line => line.kind === 'worker' ? [line.node] : [])
  const names = new Set([...mesh.nodes.values()].map(({ name }) => name))
  const away = form.workers.filter(name => !names.has(name))
  const set = (name: string, isChosen: boolean): void => { change({ workers: isChosen ? [...form.workers, name] : form.workers.filter(other => other !== name) }) }

  return (
    <div class='names' role='group' aria-label='Workers to choose from'>
      {names.size > 12 ? <label>Find <input type='search' value={words} placeholder='name, label, processor' onInput={event => { setWords(event.currentTarget.value) }} /></label> : null}
      <div class='names-all'>
        {away.map(name => <label key={`away ${name}`}><input type='checkbox' checked onChange={() => { set(name, false) }} /> {name} <span class='dim'>not there</span></label>)}
        {lines.slice(0, MAX_SHOWN).map(node => (
          <label key={node.peerId}>
            <input type='checkbox' checked={form.workers.includes(node.name)} onChange={event => { set(node.name, event.currentTarget.checked) }} /> {node.name} <span class='dim'>{stateOf(node)}</span>
          </label>
        ))}
      </div>
      {lines.length > MAX_SHOWN ? <p class='field-hint'>and {lines.length - MAX_SHOWN} more: find them by a word</p> : lines.length === 0 && away.length === 0 ? <p class='field-hint'>No worker is there.</p> : null}
    </div>
  )
}
