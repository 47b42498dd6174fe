import { useEffect, useState } from 'preact/hooks'
import { counted } from '../../model/text.ts'
import { useApp } from '../parts/hooks.ts'
import { planBodyOf } from '../submit/body.ts'
import type { Form } from '../submit/form.ts'
import type { PlanInfo } from '../../library/plan.ts'
import type { PlanPart } from '../../model/job-plan.ts'

/** Typing is not asked about letter by letter. */
const PAUSE_MS = 800

const PARTS: ReadonlyArray<readonly [PlanPart, string]> = [['at-once', 'at once'], ['later', 'later'], ['refused', 'must refuse it']]
const MAX_NAMES = 5

/** What would become of it, as the master says; nothing is submitted for it. */
export function SubmitPlan ({ form, isWhole }: { form: Form, isWhole: boolean }) {
  const { link } = useApp()
  const [answer, setAnswer] = useState<{ plan?: PlanInfo, refusal?: string }>({})

  useEffect(() => {
    if (!isWhole) {
      setAnswer({})
      return
    }

    const stop = new AbortController()
    const timer = setTimeout(() => {
      link.send<PlanInfo>('POST', '/v1/plan', planBodyOf(form)).then(plan => ({ plan }), err => ({ refusal: err.message })).then(answer => {
        if (!stop.signal.aborted) {
          setAnswer(answer)
        }
      })
    }, PAUSE_MS)

    return () => {
      stop.abort()
      clearTimeout(timer)
    }
  }, [link, form, isWhole])

  return (
    <section aria-labelledby='plan-title'>
      <h2 id='plan-title'>What would happen</h2>
      <div role='status'>
        {answer.refusal != null
          ? <p class='field-error'>{answer.refusal}</p>
          : answer.plan == null ? <p class='dim'>{isWhole ? 'Asking the master…' : 'The master is asked when nothing is missing or wrong.'}</p> : <Planned plan={answer.plan} />}
      </div>
    </section>
  )
}

function Planned ({ plan }: { plan: PlanInfo }) {
  return (
    <>
      <p>{counted(plan.tasks, 'task')}{plan.ahead === 0 ? '' : `, behind ${plan.ahead} of yours that wait`}.</p>
      <ul class='plan'>
        {PARTS.map(([part, words]) => {
          const workers = plan.workers.filter(worker => worker.part === part)
          const [first] = workers

          return first == null
            ? null
            : <li key={part}><b>{workers.length} {words}:</b> {workers.slice(0, MAX_NAMES).map(({ name }) => name).join(', ')}{workers.length > MAX_NAMES ? ` and ${workers.length - MAX_NAMES} more` : ''}{first.reason == null ? '' : ` (${first.reason})`}</li>
        })}
      </ul>
      {plan.hints.map(hint => <p key={hint} class='field-hint'>{hint}</p>)}
    </>
  )
}
