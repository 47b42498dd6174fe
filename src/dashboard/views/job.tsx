import { useEffect, useRef, useState } from 'preact/hooks'
import { shortJobId } from '../../model/ids.ts'
import { entryOf } from '../../model/task-commands.ts'
import { formatDuration } from '../../model/units.ts'
import { Action } from '../parts/action.tsx'
import { announce } from '../parts/announce.tsx'
import { useApp, useNow, useStore } from '../parts/hooks.ts'
import { Instant } from '../parts/instant.tsx'
import { Later } from '../parts/later.tsx'
import { Mark } from '../parts/mark.tsx'
import { CommandLine, Failure, Loading } from '../parts/notice.tsx'
import { Scroll } from '../parts/scroll.tsx'
import { Title } from '../parts/title.tsx'
import { hrefOf } from '../state/route.ts'
import { NO_JOB, type JobState } from '../state/job.ts'
import { Store } from '../state/store.ts'
import { jobTone, jobWords } from '../text/states.ts'
import { JobComparison } from './job-comparison.tsx'
import { JobItems } from './job-items.tsx'
import { JobOutput } from './job-output.tsx'
import { JobResults } from './job-results.tsx'
import { JobSamples } from './job-samples.tsx'
import { JobTasks } from './job-tasks.tsx'
import type { JobInfo } from '../../library/events.ts'

/** One job, live until it ends. */
export function JobPage ({ id }: { id: string }) {
  const app = useApp()
  const [following, setFollowing] = useState<{ job: Store<JobState> }>()
  const [error, setError] = useState<string>()
  const [attempt, setAttempt] = useState(0)

  useEffect(() => {
    const { job, stop } = app.followJob(id, err => { setError(err.message) })

    setFollowing({ job })
    setError(undefined)

    return stop
  }, [app, id, attempt])

  return error != null
    ? <><Title>Job</Title><Failure title='This job cannot be shown' detail={error} onRetry={() => { setAttempt(attempt + 1) }} /><p><a href={hrefOf({ view: 'jobs' })}>All jobs</a></p></>
    : following == null ? <Waiting id={id} /> : <Live id={id} store={following.job} />
}

function Waiting ({ id }: { id: string }) {
  return <><Title>Job {shortJobId(id)}</Title><Loading what='the job' /></>
}

function Live ({ id, store }: { id: string, store: Store<JobState> }) {
  const job = useStore(store)
  const [task, setTask] = useState<string>()
  const { view = undefined } = job === NO_JOB ? {} : job

  useEnd(job)

  if (view == null) {
    return <Waiting id={id} />
  }

  const { job: definition } = view
  const titleOf = (task: string): string | undefined => definition.map == null ? undefined : definition.commands[entryOf(definition, task).command]?.title
  const chosen = task ?? job.tasks.keys().next().value

  return (
    <>
      <JobHead view={view} failed={failedOf(job)} />
      {view.job.each == null
        ? (
          <>
            <JobTasks job={job} commands={view.job.commands.length} chosen={chosen} onChoose={setTask} titleOf={titleOf} />
            {view.job.kind !== 'run' ? null : job.isOver ? <><JobComparison job={view.job} /><JobResults id={view.job.id} /></> : <JobSamples job={job} view={view} />}
            <JobOutput job={job} id={view.job.id} task={chosen} onChoose={setTask} titleOf={titleOf} />
          </>
          )
        : <JobItems job={job} />}
      <section aria-labelledby='terminal-title'>
        <h2 id='terminal-title'>From a terminal</h2>
        <CommandLine>{`meshmark ${job.isOver ? 'show' : 'attach'} ${shortJobId(view.job.id)}`}</CommandLine>
        <p class='dim'>The same job once more:</p>
        <Later what='the command line' load={async () => import('./same-line.tsx')}>{({ SameJobLine }) => <SameJobLine job={view.job} />}</Later>
      </section>
    </>
  )
}

/** Says once that a job has come to its end while it was looked at. */
function useEnd (job: JobState): void {
  const wasOpen = useRef(false)
  const { view, isOver } = job

  useEffect(() => {
    if (isOver && wasOpen.current && view != null) {
      announce(`${view.job.name ?? `Job ${shortJobId(view.job.id)}`}: ${jobWords({ state: view.state, failed: failedOf(job) })}`)
    }

    // of one that has ended before, the stream tells the beginning too
    wasOpen.current ||= view?.state === 'queued' || view?.state === 'running'
  }, [isOver, view == null])
}

const BAD = ['failed', 'limit', 'not-run', 'interrupted', 'lost']

/** Of a job with items only how many are in which state is known. */
function failedOf ({ tasks, counts }: JobState): number {
  return tasks.size > 0
    ? [...tasks.values()].filter(({ view }) => BAD.includes(view.state)).length
    : counts.reduce((sum, { state, count }) => BAD.includes(state) ? sum + count : sum, 0)
}

function pendingWords (pending: readonly string[]): string {
  return `${pending.join(', ')} will hear of the cancellation when ${pending.length === 1 ? 'it is' : 'they are'} back.`
}

function JobHead ({ view, failed }: { view: JobInfo, failed: number }) {
  const { link, mayChange, mesh } = useApp()
  const { aheadMs } = useStore(mesh)
  const now = useNow()
  const { job, state } = view
  const isOver = state === 'finished' || state === 'cancelled'
  const [pending, setPending] = useState<string[]>([])

  return (
    <header class='job-head'>
      <div class='section-head'>
        <Title>{job.name ?? <>Job <span class='mono'>{shortJobId(job.id)}</span></>}</Title>
        <Mark tone={jobTone({ state, failed })}>{jobWords({ state, failed })}</Mark>
        {mayChange ? <a class='button' href={hrefOf({ view: 'submit', from: job.id })}>Run again</a> : null}
        {isOver || !mayChange
          ? null
          : (
            <Action
              label='Cancel' busyLabel='Cancelling…' question={{ text: 'What runs is ended, what has not begun never will.', yes: 'Cancel the job', no: 'Let it go on' }}
              act={async () => {
                const { pending } = await link.send<{ pending: string[] }>('DELETE', `/v1/jobs/${encodeURIComponent(job.id)}`)

                setPending(pending)

                if (pending.length > 0) {
                  announce(pendingWords(pending))
                }
              }}
            />
            )}
      </div>
      <Scroll class='job-commands' label={job.commands.length === 1 ? 'Command' : 'Commands'}>
        {job.commands.map((command, index) => <code key={index} class='job-command'>{command.title}</code>)}
      </Scroll>
      <p class='job-facts'>
        <span>{job.kind === 'run' ? 'measured' : 'handed out'}</span>
        <span>id <span class='mono'>{shortJobId(job.id)}</span></span>
        <span>accepted <Instant at={view.acceptedAt} aheadMs={aheadMs} /></span>
        <span>{view.finishedAt == null ? `for ${formatDuration(Math.max(0, Math.floor((now + aheadMs - view.acceptedAt) / 1_000) * 1_000))}` : `took ${formatDuration(view.finishedAt - view.acceptedAt)}`}</span>
        {view.startSkewNs == null ? null : <span>start skew {(view.startSkewNs / 1e6).toFixed(1)} ms</span>}
      </p>
      {pending.length === 0 ? null : <p class='field-error'>{pendingWords(pending)}</p>}
    </header>
  )
}
