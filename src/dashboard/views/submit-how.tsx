import { useRef } from 'preact/hooks'
import { DEFAULT_BUILD_LIMITS } from '../../model/build.ts'
import { METRICS } from '../../model/comparison.ts'
import { DEFAULT_LIMITS, formatLimit, LIMIT_KEYS, LIMIT_RULES } from '../../model/limits.ts'
import { formatBytes, formatDuration } from '../../model/units.ts'
import { LIMIT_OPTIONS } from '../../roles/client/draft/limit-options.ts'
import { Choice, Field, Tick } from '../parts/field.tsx'
import { TEXTS, type Field as FormField, type FormTexts } from '../submit/form.ts'
import type { ComponentChildren } from 'preact'
import type { PartProps } from './submit.tsx'

const LIMIT_FIELDS = LIMIT_KEYS.map(key => {
  const { job, about } = LIMIT_OPTIONS[key]
  const field = (Object.keys(TEXTS) as Array<keyof FormTexts>).find(field => TEXTS[field].option === job)!
  const standard = DEFAULT_LIMITS[key]

  return { field, label: field === 'memory' ? 'Memory, all processes' : `${about[0]!.toUpperCase()}${about.slice(1)}`, placeholder: standard == null ? 'none' : formatLimit(key, standard), isCount: LIMIT_RULES[key].unit === 'count' }
})

const FIRST_LIMITS = LIMIT_FIELDS.filter(({ field }) => field === 'timeout' || field === 'memory')
const OTHER_LIMITS = LIMIT_FIELDS.filter(({ field }) => field !== 'timeout' && field !== 'memory')

/** How often, how far, and everything else that can be said of a job. */
export function SubmitHow (props: PartProps) {
  const { form, change, errors, leave } = props
  const isMeasured = form.kind === 'run' || form.kind === 'compare'
  const isMap = form.kind === 'map'

  const text = (field: keyof FormTexts, label: string, more: { placeholder?: string, hint?: ComponentChildren, lines?: number, isCode?: boolean, isShort?: boolean } = {}): ComponentChildren =>
    <Field key={field} label={label} value={form[field]} error={errors.get(field)} isShort {...more} onChange={value => { change({ [field]: value }) }} onLeave={() => { leave(field) }} />

  return (
    <>
      {isMeasured
        ? (
          <section aria-labelledby='often-title'>
            <h2 id='often-title'>How often</h2>
            <Choice label={form.kind === 'compare' ? 'Pairs of runs' : 'Runs'} value={form.often} choices={[['precision', 'until it is known well'], ['runs', 'so many']]} onChange={often => { change({ often }) }} />
            <div class='fields'>
              {form.often === 'runs'
                ? text('runs', 'Measured runs', { placeholder: '20' })
                : <>{text('precision', 'Precision', { placeholder: form.kind === 'compare' ? 'half of the margin' : '1%' })}{text('budget', 'At most', { placeholder: '5s', hint: 'for each command and worker' })}</>}
              {text('warmup', 'Runs before, not measured', { placeholder: '0' })}
              {form.kind === 'compare'
                ? (
                  <>
                    <div class='field field-short'>
                      <label for='metric'>Compared by</label>
                      <select id='metric' value={form.metric} onChange={event => { change({ metric: event.currentTarget.value }) }}>
                        {METRICS.map(metric => <option key={metric} value={metric === 'wall' ? '' : metric}>{{ wall: 'time by the clock', cpu: 'CPU time', memory: 'peak memory' }[metric]}</option>)}
                      </select>
                    </div>
                    {text('margin', 'Differences that do not matter', { placeholder: '1%' })}
                  </>
                  )
                : null}
            </div>
          </section>
          )
        : null}
      {isMap
        ? null
        : (
          <section aria-labelledby='limits-title'>
            <h2 id='limits-title'>Limits of one run</h2>
            <div class='fields'>{FIRST_LIMITS.map(({ field, label, placeholder }) => text(field, label, { placeholder }))}</div>
            <More title='Other limits' fields={OTHER_LIMITS.map(({ field }) => field)} {...props}>
              <div class='fields'>{OTHER_LIMITS.map(({ field, label, placeholder }) => text(field, label, { placeholder }))}</div>
            </More>
          </section>
          )}
      <section aria-labelledby='job-title'>
        <h2 id='job-title'>The job</h2>
        <div class='fields'>
          {text('name', 'Name', { hint: 'to find it by' })}
          {text('priority', 'Priority', { placeholder: '0', hint: '-100 to 100, among your own jobs' })}
          {text('deadline', 'Deadline', { placeholder: 'none', hint: 'then the rest is cancelled' })}
          {isMeasured || isMap ? null : text('retry', 'Again after a failure', { placeholder: 'never', hint: 'so many times: 3, or 3:10s with a pause' })}
          {!isMap && (form.on === 'any' || form.on === 'some') ? text('retryLost', 'Elsewhere when its worker is lost for', { placeholder: 'never' }) : null}
        </div>
        <More title='More' fields={['env', 'setup', 'prepare', 'conclude', 'cleanup', 'ignoreFailure', 'quietWait', 'minRuns', 'maxRuns', 'build', 'buildTimeout', 'buildMemory', 'replicas', 'failIfSlower', 'variant', 'require']} {...props}>
          <Field label='Environment' value={form.env} lines={2} isCode error={errors.get('env')} placeholder='KEY=VALUE' hint={isMap ? 'One on each line, of every command; the map can say it too.' : form.from == null ? 'One on each line.' : 'One on each line; KEY alone is as in the job before, whose values are not shown.'} onChange={env => { change({ env }) }} onLeave={() => { leave('env') }} />
          {isMeasured
            ? (
              <>
                {text('setup', 'Before all runs', { lines: 1, isCode: true, isShort: false, hint: 'A line for sh, not timed, as the three below.' })}
                {text('prepare', 'Before each run', { lines: 1, isCode: true, isShort: false, hint: 'One line for all commands, or one for each.' })}
                {text('conclude', 'After each run', { lines: 1, isCode: true, isShort: false })}
                {text('cleanup', 'After all runs', { lines: 1, isCode: true, isShort: false })}
                <div class='fields'>
                  {text('ignoreFailure', 'Exit codes that are no failure', { placeholder: 'none', hint: '1,2 or all' })}
                  {text('quietWait', 'Wait for a quiet machine', { placeholder: '2s' })}
                  {form.often === 'precision' ? <>{text('minRuns', 'At least so many runs', { placeholder: '1' })}{text('maxRuns', 'At most so many runs', { placeholder: '10000' })}</> : null}
                  {form.kind === 'compare' ? text('failIfSlower', 'A regression when slower by', { placeholder: 'never' }) : null}
                </div>
                <Tick label='Empty the file cache before each run, where the worker allows it' value={form.coldCache} onChange={coldCache => { change({ coldCache }) }} />
                <Tick label='Hardware counters, where there are any' value={form.counters} onChange={counters => { change({ counters }) }} />
                {form.kind === 'compare' ? <Tick label='No verdict is a regression too' value={form.failIfUndecided} onChange={failIfUndecided => { change({ failIfUndecided }) }} /> : null}
              </>
              )
            : null}
          {isMap ? null : text('build', 'Built on each worker first', { lines: 1, isCode: true, isShort: false, placeholder: 'cc -O2 -o app app.c' })}
          <div class='fields'>
            {isMap || form.build.trim() === '' ? null : <>{text('buildTimeout', 'Time of the build', { placeholder: formatDuration(DEFAULT_BUILD_LIMITS.wallMs) })}{text('buildMemory', 'Memory of the build', { placeholder: formatBytes(DEFAULT_BUILD_LIMITS.memoryBytes) })}</>}
            {text('replicas', 'Accept it only when on so many masters', { placeholder: 'those that are live' })}
          </div>
        </More>
      </section>
    </>
  )
}

/** Opened by itself when something in it is wrong, or said already; it does not close on what is typed in it. */
export function More ({ title, fields, form, errors, children }: PartProps & { title: string, fields: readonly FormField[], children: ComponentChildren }) {
  const wasSaid = useRef(false)

  wasSaid.current ||= fields.some(field => form[field].length > 0 || errors.has(field))

  return <details open={wasSaid.current || undefined}><summary>{title}</summary>{children}</details>
}
