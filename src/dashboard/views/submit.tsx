import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import { formatBytes, formatDuration } from '../../model/units.ts'
import { deskOf, type Sending, type Submission } from '../live/submission.ts'
import { announce } from '../parts/announce.tsx'
import { useApp, useStore } from '../parts/hooks.ts'
import { Empty, Failure, Loading } from '../parts/notice.tsx'
import { Title } from '../parts/title.tsx'
import { hrefOf } from '../state/route.ts'
import { fieldOf, problemsOf } from '../submit/check.ts'
import { EMPTY_FORM, type Field, type Form } from '../submit/form.ts'
import { formOfJob } from '../submit/of-job.ts'
import { SameLine } from './same-line.tsx'
import { SubmitData } from './submit-data.tsx'
import { SubmitHow } from './submit-how.tsx'
import { SubmitPlan } from './submit-plan.tsx'
import { SubmitWhat } from './submit-what.tsx'
import { SubmitWhere } from './submit-where.tsx'
import type { JobInfo } from '../../library/events.ts'
import type { Store } from '../state/store.ts'

/** A complaint moves what is below it: a click that leaves a field must still meet what it was meant for. */
const CLICK_MS = 250

/** What every part of the form is given. */
export interface PartProps {
  form: Form
  /** A function is given the form as it is by then: for what took a while, such as reading a file. */
  change: (some: Partial<Form> | ((form: Form) => Partial<Form>)) => void
  /** Of fields that were left, or all once it was tried. */
  errors: ReadonlyMap<Field, string>
  leave: (field: Field) => void
}

/** A job that is filled in and submitted; `from`: id of the job that it begins with. */
export function SubmitPage ({ from }: { from?: string }) {
  const { mayChange } = useApp()

  return mayChange
    ? <Filled key={from ?? ''} from={from} />
    : <><Title>Submit</Title><Empty title='This token is to read only'><p>Jobs are submitted with a token of <code>meshmark token create client --http</code>: sign out, and sign in with one.</p></Empty></>
}

function Filled ({ from }: { from?: string }) {
  const { link } = useApp()
  const desk = deskOf(link)
  const [filled, setFilled] = useState<{ form: Store<Form>, left: string[] } | undefined>(() => {
    const known = desk.form(from ?? '') ?? (from == null ? desk.keep('', EMPTY_FORM) : undefined)

    return known == null ? undefined : { form: known, left: [] }
  })
  const [error, setError] = useState<string>()
  const [attempt, setAttempt] = useState(0)

  useEffect(() => {
    if (from == null || filled != null) {
      return
    }

    const stop = new AbortController()

    setError(undefined)
    link.get<{ view: JobInfo }>(`/v1/jobs/${encodeURIComponent(from)}`, stop.signal).then(({ view: { job } }) => {
      const { form, left } = formOfJob(job)

      setFilled({ form: desk.keep(from, form), left })
    }).catch(err => { if (!stop.signal.aborted) { setError(err.message) } })

    return () => { stop.abort() }
  }, [from, attempt])

  return error != null
    ? <><Title>Run again</Title><Failure title='This job cannot be run again here' detail={error} onRetry={() => { setAttempt(attempt + 1) }} /><p><a href={hrefOf({ view: 'submit' })}>Submit another job</a></p></>
    : filled == null ? <><Title>Run again</Title><Loading what='the job' /></> : <FormView from={from} store={filled.form} left={filled.left} />
}

function FormView ({ from, store, left }: { from?: string, store: Store<Form>, left: string[] }) {
  const { link, who } = useApp()
  const desk = deskOf(link)
  const { submission } = desk
  const form = useStore(store)
  const sending = useStore(submission.state)
  const [touched, setTouched] = useState<ReadonlySet<Field>>(new Set())
  const [isTried, setTried] = useState(false)
  const [refusal, setRefusal] = useState<string>()
  const [focus, setFocus] = useState(0)
  const body = useRef<HTMLFormElement>(null)
  const problems = useMemo(() => problemsOf(form, who.uploads), [form, who])
  const refused = refusal == null ? undefined : fieldOf(refusal)
  const errors = new Map<Field, string>([
    ...[...problems].filter(([field]) => isTried || touched.has(field)),
    ...(refusal == null || refused == null ? [] : [[refused, refusal] as const])
  ])
  const isBusy = sending.step !== 'idle'

  // once what is wrong has been drawn
  useEffect(() => {
    if (focus > 0) {
      body.current?.querySelector<HTMLElement>('[aria-invalid=true]')?.focus()
    }
  }, [focus])

  const change: PartProps['change'] = some => {
    setRefusal(undefined)
    store.update(form => ({ ...form, ...typeof some === 'function' ? some(form) : some }))
  }

  const submit = async (): Promise<void> => {
    setTried(true)
    setRefusal(undefined)

    if (problems.size > 0) {
      setFocus(focus + 1)
      return
    }

    try {
      const id = await submission.submit(form)

      if (id != null) {
        desk.forget(from ?? '')

        // whoever has gone elsewhere in the meantime stays there
        if (location.hash.startsWith('#/submit')) {
          location.hash = hrefOf({ view: 'job', id })
        }
      }
    } catch (err) {
      setRefusal((err as Error).message)
      setFocus(focus => focus + 1)
    }
  }

  const part: PartProps = { form, change, errors, leave: field => { setTimeout(() => { setTouched(touched => new Set(touched).add(field)) }, CLICK_MS) } }

  return (
    <>
      <Title>{from == null ? 'Submit a job' : 'Run again'}</Title>
      {from == null ? null : <p class='dim'>Filled from <a href={hrefOf({ view: 'job', id: from })}>that job</a>; its files and data sets are not sent again.</p>}
      {left.length === 0 ? null : <div class='notice' role='status'><p class='notice-title'>Not everything of that job has a place here</p><p>Without: {left.join('; ')}.</p></div>}
      <form class='submit' ref={body} noValidate onSubmit={event => { event.preventDefault(); if (!isBusy) { void submit() } }}>
        <div class='submit-fields'>
          <SubmitWhat {...part} limits={who.uploads} />
          <SubmitData {...part} />
          {form.kind === 'map' ? null : <SubmitWhere {...part} />}
          <SubmitHow {...part} />
        </div>
        <div class='submit-end'>
          <section aria-labelledby='same-title'>
            <h2 id='same-title'>The same from a terminal</h2>
            <SameLine form={form} />
          </section>
          <SubmitPlan form={form} isWhole={problems.size === 0} />
          <div class='submit-go'>
            <button type='submit' class='primary' aria-disabled={isBusy}>{isBusy ? 'Submitting…' : 'Submit'}</button>
            <Progress sending={sending} submission={submission} />
          </div>
          <div role='alert'>
            {isTried && problems.size > 0 ? <p class='field-error'>{problems.size === 1 ? 'One field needs' : `${problems.size} fields need`} a correction.</p> : null}
            {refusal == null ? null : <p class='field-error'>Not submitted: {refusal}</p>}
          </div>
        </div>
      </form>
    </>
  )
}

function Progress ({ sending, submission }: { sending: Sending, submission: Submission }) {
  const quarters = sending.step === 'uploading' ? Math.floor(4 * sending.sent / Math.max(1, sending.total)) : 0

  // the bar alone says nothing by itself to those who do not look at it
  useEffect(() => {
    if (quarters > 0 && quarters < 4) {
      announce(`${quarters * 25} % is sent`)
    }
  }, [quarters])

  if (sending.step === 'idle') {
    return null
  }

  const { waiting, lost } = sending

  return (
    <div class='submit-progress'>
      {sending.step === 'submitting'
        ? <><span role='status'>until it is safe on the masters…</span>{waiting == null ? null : <button type='button' onClick={() => { submission.cancel() }}>Stop</button>}</>
        : (
          <>
            <progress aria-label={`Sending ${sending.file ?? 'files'}`} max={Math.max(1, sending.total)} value={sending.sent} />
            <span class='submit-amount'>{formatBytes(sending.sent)} of {formatBytes(sending.total)}{waiting == null ? <Speed {...sending} /> : null}</span>
            <button type='button' onClick={() => { submission.cancel() }}>Stop</button>
            {sending.file == null ? null : <p class='field-hint'>{sending.file}</p>}
          </>
          )}
      <div role='status' class='submit-news'>
        {waiting == null ? null : <p class='field-hint'>{waiting.kind === 'token' ? 'Goes on as soon as you have signed in again.' : `${new URL(waiting.base).host} does not answer: it goes on there when it is back, from where it broke off${waiting.next ? ', or else at another master' : ''}.`}</p>}
        {lost.length === 0 ? null : <p class='field-hint'>{lost.map(base => new URL(base).host).join(', ')} {lost.length === 1 ? 'does' : 'do'} not answer any more: everything is sent to another master.</p>}
      </div>
    </div>
  )
}

function Speed ({ rate, leftMs }: { rate?: number, leftMs?: number }) {
  return rate == null ? null : <>{`, ${formatBytes(rate)}/s`}{leftMs == null ? null : `, ${formatDuration(Math.ceil(leftMs / 1_000) * 1_000)} left`}</>
}
