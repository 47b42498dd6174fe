import { useMemo, useRef, useState } from 'preact/hooks'
import { METRICS, type Metric } from '../../model/comparison.ts'
import { shortJobId } from '../../model/ids.ts'
import { counted } from '../../model/text.ts'
import { formatBytes } from '../../model/units.ts'
import { medianText, plainTime, unitFor } from '../../report/quantities.ts'
import { shellWord } from '../../report/shell-words.ts'
import { Chart, type ChartTable } from '../charts/chart.tsx'
import { MetricChoice, METRIC_NAMES } from '../charts/measured.tsx'
import { useJobs } from '../parts/all-jobs.tsx'
import { Fetched } from '../parts/fetched.tsx'
import { useApp, useStore } from '../parts/hooks.ts'
import { InstantCell } from '../parts/instant.tsx'
import { CommandLine, Empty, Loading } from '../parts/notice.tsx'
import { Title } from '../parts/title.tsx'
import { measuredPath } from '../state/jobs.ts'
import { namesOf } from '../state/names.ts'
import { hrefOf } from '../state/route.ts'
import { exactInstant, shortInstant } from '../text/times.ts'
import type { HistoryLine, HistoryPoint } from '../../report/history.ts'
import type { HistoryTrack } from '../../report/plot/history.ts'
import type * as Engine from '../charts/engine.ts'

interface HistoryAnswer {
  name: string
  jobs: Array<{ id: string, title: string, acceptedAt: number }>
  lines: HistoryLine[]
}

/** Colours that are told apart. */
const MAX_TRACKS = 8

/** The measured jobs of one name over time. */
export function History ({ name }: { name?: string }) {
  const mesh = useStore(useApp().mesh)
  const { jobs, failure } = useJobs(measuredPath(mesh.jobs.size))
  const names = useMemo(() => namesOf(jobs.values()), [jobs])
  const [metric, setMetric] = useState<Metric>('wall')

  if (!mesh.hasJobs) {
    return <><Title>History</Title><Loading what='the jobs' /></>
  }

  return (
    <>
      <Title>History</Title>
      {failure}
      {names.length === 0 && name == null
        ? <Empty title='No measured job has a name yet'><p>Jobs of one name are a history: the same program, measured again and again.</p><CommandLine>meshmark run --name nightly --runs 20 ./program</CommandLine></Empty>
        : (
          <div class='tools' role='search' aria-label='History'>
            <label>
              Jobs named{' '}
              <select value={name ?? ''} onChange={event => { location.hash = hrefOf({ view: 'history', ...(event.currentTarget.value === '' ? {} : { name: event.currentTarget.value }) }) }}>
                {name == null ? <option value=''>choose</option> : null}
                {[...new Set([...names.map(({ name }) => name), ...(name == null ? [] : [name])])].map(one => <option key={one} value={one}>{one}</option>)}
              </select>
            </label>
            <MetricChoice metrics={METRICS} metric={metric} onChoose={setMetric} />
          </div>
          )}
      {name == null
        ? names.length === 0 ? null : <Empty title='Which of them?'><ul>{names.slice(0, 20).map(({ name, jobs }) => <li key={name}><a href={hrefOf({ view: 'history', name })}>{name}</a> <span class='dim'>{counted(jobs, 'job')}</span></li>)}</ul></Empty>
        : <Fetched<HistoryAnswer> key={`${name} ${metric}`} paths={[`/v1/history?${new URLSearchParams({ name, metric }).toString()}`]} what='the history'>{answer => <Lines answer={answer!} metric={metric} />}</Fetched>}
    </>
  )
}

function Lines ({ answer, metric }: { answer: HistoryAnswer, metric: Metric }) {
  const commands = useMemo(() => [...new Set(answer.lines.map(({ command }) => command))], [answer])
  const [command, setCommand] = useState<string>()
  const [first, setFirst] = useState(0)
  const { aheadMs } = useStore(useApp().mesh)
  const newest = answer.jobs.at(-1)?.id
  const chosen = command ?? answer.lines.findLast(({ points }) => points.some(({ job }) => job === newest))?.command ?? commands.at(-1)
  const own = answer.lines.filter(line => line.command === chosen)
  const count = new Set(own.flatMap(({ points }) => points.map(({ job }) => job))).size
  const shown = own.slice(first, first + MAX_TRACKS)
  const tracks = useRef<HistoryTrack[]>([])

  if (answer.jobs.length === 0) {
    return <Empty title={`No measured job named ${answer.name} has ended`}><CommandLine>{`meshmark run --name ${shellWord(answer.name)} --runs 20 ./program`}</CommandLine></Empty>
  }

  const key = `${chosen} ${first} ${metric} ${answer.jobs.at(-1)?.id}`

  return (
    <section aria-label='Over time'>
      <div class='tools'>
        {commands.length < 2
          ? null
          : (
            <label>
              Command{' '}
              <select value={chosen} onChange={event => { setCommand(event.currentTarget.value); setFirst(0) }}>
                {commands.map(one => <option key={one} value={one}>{one}</option>)}
              </select>
            </label>
            )}
        {own.length <= MAX_TRACKS
          ? null
          : (
            <label>
              Workers{' '}
              <select value={first} onChange={event => { setFirst(Number(event.currentTarget.value)) }}>
                {Array.from({ length: Math.ceil(own.length / MAX_TRACKS) }, (_, page) => page * MAX_TRACKS).map(at => <option key={at} value={at}>{own[at]!.worker} to {own[Math.min(own.length, at + MAX_TRACKS) - 1]!.worker}</option>)}
              </select>
            </label>
            )}
        <span class='tools-count'>{count === answer.jobs.length ? '' : `${count} of `}{counted(answer.jobs.length, 'job')}</span>
      </div>
      <Chart
        label={`${METRIC_NAMES[metric]} of ${chosen ?? answer.name}, job after job`} fileName={`history-${answer.name.replaceAll(/[^\w.-]/g, '_')}`} data={key}
        build={(engine, look) => {
          tracks.current = tracksOf(engine, shown)

          return engine.historyChart(tracks.current, `${answer.name}: ${chosen ?? ''}`, look, engine.QUANTITIES[metric], at => shortInstant(at - aheadMs, Date.now()))
        }}
        tip={({ track, job }) => tipOf(tracks.current[Number(track)], String(job), metric, aheadMs)}
        table={engine => tableOf(tracksOf(engine, shown), metric, aheadMs)}
      />
      <p class='dim'>{wordsOf(own)}</p>
    </section>
  )
}

function tracksOf (engine: typeof Engine, lines: readonly HistoryLine[]): HistoryTrack[] {
  return lines.map(({ worker, points }) => ({
    label: worker,
    points,
    changes: engine.changePoints(points.flatMap(({ median }) => median ?? []))
  }))
}

/** What can be seen, and what cannot. */
function wordsOf (lines: readonly HistoryLine[]): string {
  const most = Math.max(0, ...lines.map(({ points }) => points.filter(({ median }) => median != null).length))

  return most < MIN_FOR_CHANGES
    ? `A change is looked for from ${MIN_FOR_CHANGES} jobs on: ${most === 0 ? 'there is none with figures' : `so far there ${most === 1 ? 'is 1' : `are ${most}`}`}.`
    : 'A change is a level that at least three jobs keep on each side, and that less than one order in a hundred of the same jobs would show by chance. Jobs are different sessions: what changed may be the machine.'
}

/** As in src/stats, which is loaded with the charts. */
const MIN_FOR_CHANGES = 10

function tipOf (track: HistoryTrack | undefined, job: string, metric: Metric, aheadMs: number): string | undefined {
  const point = track?.points.find(one => one.job === job)

  return track == null || point == null ? undefined : [`${track.label}: ${valueText(point, metric)}`, `job ${shortJobId(job)}, ${counted(point.runs, 'run')}`, exactInstant(point.at - aheadMs)].join('\n')
}

function tableOf (tracks: readonly HistoryTrack[], metric: Metric, aheadMs: number): ChartTable {
  return {
    columns: [{ title: 'Worker' }, { title: 'Job' }, { title: 'Accepted', align: 'right' }, { title: 'Runs', align: 'right' }, { title: 'Median ± 95 %', align: 'right' }, { title: 'Change' }],
    rows: tracks.flatMap(({ label, points, changes }) => {
      const measured = points.filter(({ median }) => median != null)

      return points.map(point => [
        label,
        <a key='job' class='mono' href={hrefOf({ view: 'job', id: point.job })}>{shortJobId(point.job)}</a>,
        <InstantCell key='at' at={point.at} aheadMs={aheadMs} />,
        point.runs,
        valueText(point, metric),
        changes.some(({ at }) => measured[at] === point) ? 'begins another level' : ''
      ])
    })
  }
}

function valueText ({ median, interval, problem }: HistoryPoint, metric: Metric): string {
  if (median == null) {
    return problem ?? ''
  }

  return metric === 'memory'
    ? formatBytes(median)
    : interval == null ? plainTime(median) : medianText({ median, interval: { median, ...interval, coverage: 0.95 }, min: median, cpu: 0 }, unitFor(median))
}
