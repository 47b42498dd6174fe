import { MeasuredChart } from '../charts/measured.tsx'
import { Chart } from '../charts/chart.tsx'
import { finishedOf } from '../charts/finished.ts'
import { Fetched } from '../parts/fetched.tsx'
import { Mark } from '../parts/mark.tsx'
import { Scroll } from '../parts/scroll.tsx'
import { splitPlace } from '../state/place.ts'
import type { Verdict } from '../../measure/verdict.ts'
import type { Metric } from '../../model/comparison.ts'
import type { Compared, ComparedLine } from '../../report/compared.ts'
import type { FullResults } from '../../report/full.ts'
import type { Tone } from '../text/states.ts'

const TONES: Record<Verdict, Tone> = { faster: 'good', slower: 'bad', equivalent: 'good', undecided: 'wait' }

interface ComparisonProps {
  /** `JOB` or `JOB.COMMAND`. */
  base: string
  other: string
  /** Absent = what the job compares by, else wall time. */
  metric?: Metric
}

/** One beside the other, with the verdict where there is one. */
export function Comparison ({ base, other, metric }: ComparisonProps) {
  const [first, second] = [splitPlace(base), splitPlace(other)]
  const query = new URLSearchParams({
    base: first.job,
    with: second.job,
    ...(first.command == null ? {} : { base_command: String(first.command) }),
    ...(second.command == null ? {} : { with_command: String(second.command) }),
    ...(metric == null ? {} : { metric })
  })

  return <Fetched<Compared> paths={[`/v1/compare?${query.toString()}`]} what='the comparison'>{compared => <Shown compared={compared!} places={[first, second]} />}</Fetched>
}

function Shown ({ compared, places }: { compared: Compared, places: ReadonlyArray<{ job: string, command?: number }> }) {
  return (
    <>
      <ComparedTable compared={compared} />
      <ul class='remarks'>{compared.remarks.map(remark => <li key={remark}>{remark}</li>)}</ul>
      {compared.kind === 'pairs' ? <RatioChart compared={compared} /> : <RunsOfBoth compared={compared} places={places} />}
    </>
  )
}

function ComparedTable ({ compared }: { compared: Compared }) {
  const { base, other, lines, kind } = compared
  const isPairs = kind === 'pairs'

  return (
    <Scroll label={`${other.label} against ${base.label}`}>
      <table class='plain'>
        <thead>
          <tr>
            <th scope='col'>Worker</th>
            <th scope='col' class='right'>{base.label}</th>
            <th scope='col' class='right'>{other.label}</th>
            <th scope='col' class='right'>{isPairs ? 'Ratio ± 95 %' : 'Ratio'}</th>
            <th scope='col' class='right'>Runs</th>
            {isPairs ? <th scope='col'>Verdict</th> : null}
          </tr>
        </thead>
        <tbody>
          {lines.map((line, at) => (
            <tr key={at}>
              <th scope='row'>{line.worker}</th>
              <td class='right'><SideText line={line} side='base' /></td>
              <td class='right'><SideText line={line} side='other' /></td>
              <td class='right strong'>{line.ratioText}</td>
              <td class='right'>{runsOf(line)}</td>
              {isPairs ? <td>{line.verdict == null || line.verdictText == null ? null : <Mark tone={TONES[line.verdict]}>{line.verdictText}</Mark>}{line.reason == null ? null : <span class='dim'> {line.reason}</span>}</td> : null}
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  )
}

/** Of both sides, where they differ. */
function runsOf ({ base, other }: ComparedLine): string {
  return [...new Set([base, other].flatMap(side => side?.runs ?? []))].join(' and ')
}

function SideText ({ line, side }: { line: ComparedLine, side: 'base' | 'other' }) {
  const found = line[side]

  return found == null ? null : <span title={found.command}>{found.text}</span>
}

function RatioChart ({ compared }: { compared: Compared }) {
  const { base, other, lines, metric, margin = 0 } = compared
  const drawn = lines.map(line => ({
    name: line.worker,
    contender: other.label,
    ...(line.ratio == null || line.interval == null ? {} : { ratio: line.ratio, ...line.interval }),
    ...(line.verdict == null ? {} : { verdict: line.verdict }),
    words: line.ratio == null ? line.reason ?? 'no ratio' : `${line.ratioText}, ${line.verdictText ?? ''}`,
    isSum: line.isSum
  }))

  return (
    <Chart
      label={`Ratio of ${other.label} to ${base.label} on each worker`} fileName='comparison' data={compared}
      build={(engine, look) => engine.comparisonPictureChart({ metric, margin, reference: base.label, contenders: [other.label], workers: lines.filter(({ isSum }) => !isSum).length, lines: drawn }, `${other.label} against ${base.label}`, look)}
      tip={({ row }) => typeof row === 'number' && drawn[row] != null ? `${drawn[row].name}\n${drawn[row].words}` : undefined}
      table={() => ({
        columns: [{ title: 'Worker' }, { title: 'Ratio', align: 'right' }, { title: 'From', align: 'right' }, { title: 'To', align: 'right' }, { title: 'Verdict' }],
        rows: lines.map(({ worker, ratioText, interval, verdictText, reason }) => [worker, ratioText, interval?.low.toPrecision(4) ?? '', interval?.high.toPrecision(4) ?? '', verdictText ?? reason ?? ''])
      })}
    />
  )
}

/** Where there is no verdict, the runs themselves. */
function RunsOfBoth ({ compared, places }: { compared: Compared, places: ReadonlyArray<{ job: string, command?: number }> }) {
  const { base, other, metric, kind } = compared
  const jobs = [...new Set([base.job, other.job])]
  const labels = [base.label, other.label]

  return (
    <Fetched<FullResults> paths={jobs.map(job => `/v1/jobs/${encodeURIComponent(job)}/results?format=full`)} what='the runs'>
      {(...results) => (
        <MeasuredChart
          title={`${other.label} beside ${base.label}`} fileName='side-by-side' data={compared} metric={metric}
          measured={engine => [base, other].flatMap(({ job }, at) => {
            const full = results[jobs.indexOf(job)]!
            const command = places[at]?.command ?? (kind === 'commands' ? at : undefined)
            const finished = finishedOf(full)

            return engine.measuredOf(finished, labels[at], metric, command)
          })}
        />
      )}
    </Fetched>
  )
}
