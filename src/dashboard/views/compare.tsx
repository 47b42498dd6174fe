import { useMemo, useState } from 'preact/hooks'
import { METRICS, type Metric } from '../../model/comparison.ts'
import { shortJobId } from '../../model/ids.ts'
import { METRIC_NAMES } from '../charts/measured.tsx'
import { useJobs } from '../parts/all-jobs.tsx'
import { Fetched } from '../parts/fetched.tsx'
import { useApp, useStore } from '../parts/hooks.ts'
import { CommandLine, Empty, Loading } from '../parts/notice.tsx'
import { Title } from '../parts/title.tsx'
import { measuredPath } from '../state/jobs.ts'
import { joinPlace, splitPlace } from '../state/place.ts'
import { hrefOf } from '../state/route.ts'
import { Comparison } from './comparison.tsx'
import type { JobInfo } from '../../library/events.ts'
import type { JobRow } from '../../node/protocol/submit/messages.ts'

/** Two jobs, or two commands of them, side by side. */
export function Compare ({ base, other }: { base?: string, other?: string }) {
  const mesh = useStore(useApp().mesh)
  const [metric, setMetric] = useState<Metric>()
  const { jobs: all, failure } = useJobs(measuredPath(mesh.jobs.size))
  const jobs = useMemo(() => [...all.values()].filter(({ kind, state }) => kind === 'run' && state === 'finished').sort((a, b) => b.acceptedAt - a.acceptedAt), [all])

  if (!mesh.hasJobs) {
    return <><Title>Compare</Title><Loading what='the jobs' /></>
  }

  const go = (next: { base?: string, other?: string }): void => {
    const to = { base, other, ...next }

    location.hash = hrefOf({ view: 'compare', ...(to.base == null ? {} : { base: to.base, ...(to.other == null ? {} : { other: to.other }) }) })
  }

  return (
    <>
      <Title>Compare</Title>
      {failure}
      {jobs.length === 0
        ? <Empty title='No measured job has ended yet'><p>A comparison in pairs of runs comes to a verdict:</p><CommandLine>meshmark compare './old 7' './new 7'</CommandLine></Empty>
        : (
          <div class='tools compare-tools'>
            <Place label='This' place={base} jobs={jobs} onChoose={place => { go({ base: place }) }} />
            {base == null ? null : <Place label='with' place={other} jobs={jobs} onChoose={place => { go({ other: place }) }} />}
            <label>
              by{' '}
              <select value={metric ?? ''} onChange={event => { setMetric(event.currentTarget.value === '' ? undefined : event.currentTarget.value as Metric) }}>
                <option value=''>what the job compares by</option>
                {METRICS.map(one => <option key={one} value={one}>{METRIC_NAMES[one]}</option>)}
              </select>
            </label>
          </div>
          )}
      {base == null || other == null
        ? jobs.length === 0 ? null : <Empty title={base == null ? 'Choose two' : 'With which one?'}><p>Commands of a job of <code>meshmark compare</code> come to a verdict. Everything else is laid side by side, which is none: machines differ from one session to the next.</p></Empty>
        : <Comparison key={`${base} ${other} ${metric}`} base={base} other={other} metric={metric} />}
    </>
  )
}

interface PlaceProps {
  label: string
  place: string | undefined
  jobs: readonly JobRow[]
  onChoose: (place: string) => void
}

function Place ({ label, place, jobs, onChoose }: PlaceProps) {
  const { job, command } = place == null ? {} : splitPlace(place)

  return (
    <span class='compare-place'>
      <label>
        {label}{' '}
        <select value={job ?? ''} onChange={event => { onChoose(event.currentTarget.value) }}>
          {job == null ? <option value=''>choose a job</option> : jobs.some(({ id }) => id === job) ? null : <option value={job}>{shortJobId(job)}</option>}
          {jobs.map(({ id, name, title }) => <option key={id} value={id}>{`${shortJobId(id)} ${name ?? title}`.slice(0, 60)}</option>)}
        </select>
      </label>
      {job == null
        ? null
        : (
          <Fetched<{ view: JobInfo }> paths={[`/v1/jobs/${encodeURIComponent(job)}`]} what='its commands'>
            {answer => answer!.view.job.commands.length < 2
              ? null
              : (
                <label>
                  command{' '}
                  <select value={command ?? ''} onChange={event => { onChoose(joinPlace(job, event.currentTarget.value === '' ? undefined : Number(event.currentTarget.value))) }}>
                    <option value=''>any</option>
                    {answer!.view.job.commands.map(({ title }, at) => <option key={at} value={at}>{title.slice(0, 60)}</option>)}
                  </select>
                </label>
                )}
          </Fetched>
          )}
    </span>
  )
}
