import { useState } from 'preact/hooks'
import { METRICS, type Metric } from '../../model/comparison.ts'
import { shortJobId } from '../../model/ids.ts'
import { formatBytes } from '../../model/units.ts'
import { finishedOf } from '../charts/finished.ts'
import { MeasuredChart, MetricChoice } from '../charts/measured.tsx'
import { commonUnit, cpuText, medianText, timeDecimals, timeText, unitFor } from '../../report/quantities.ts'
import { Fetched } from '../parts/fetched.tsx'
import { Scroll } from '../parts/scroll.tsx'
import type { FullCommand, FullResults, FullWorker } from '../../report/full.ts'

/** What was measured: a row for each command on each worker, in the figures and the words of the command line. */
export function JobResults ({ id }: { id: string }) {
  return (
    <section aria-labelledby='results-title'>
      <h2 id='results-title'>Results</h2>
      <Fetched<FullResults> paths={[`/v1/jobs/${encodeURIComponent(id)}/results?format=full`]} what='the results'>{results => <><ResultsTable results={results!} /><RunsChart results={results!} /></>}</Fetched>
    </section>
  )
}

function RunsChart ({ results }: { results: FullResults }) {
  const [metric, setMetric] = useState<Metric>('wall')
  const { job, workers } = results
  const samples = workers.flatMap(({ result }) => result?.commands.flatMap(({ samples }) => samples) ?? [])
  const metrics = METRICS.filter(one => one !== 'memory' || samples.some(({ memoryBytes }) => memoryBytes != null))

  return samples.length === 0
    ? null
    : (
      <section class='inner' aria-labelledby='runs-title'>
        <div class='section-head'>
          <h3 id='runs-title'>Runs</h3>
          <MetricChoice metrics={metrics} metric={metric} onChoose={setMetric} />
        </div>
        <MeasuredChart
          title={job.name ?? job.commands.map(({ title }) => title).join(', ')} fileName={`${shortJobId(job.id)}-runs`} data={metric} metric={metric}
          measured={engine => engine.measuredOf(finishedOf(results), undefined, metric)}
        />
      </section>
      )
}

interface Line { worker: FullWorker, command: FullCommand }

function ResultsTable ({ results }: { results: FullResults }) {
  const lines = results.workers.flatMap((worker): Line[] => worker.result?.commands.map(command => ({ worker, command })) ?? [])
  const measured = lines.flatMap(({ command }) => command.statistics ?? [])
  const unit = measured.length === 0 ? undefined : commonUnit(measured.map(({ median }) => median))
  const several = results.job.commands.length > 1

  if (measured.length === 0) {
    return <p class='dim'>No run was measured: the tasks above say why.</p>
  }

  return (
    <Scroll label='Results'>
      <table class='plain'>
        <thead>
          <tr>
            <th scope='col'>Worker</th>
            {several ? <th scope='col'>Command</th> : null}
            <th scope='col' class='right'>Runs</th>
            <th scope='col' class='right'>Median ± 95 %</th>
            <th scope='col' class='right'>Min</th>
            <th scope='col' class='right'>CPU time</th>
            <th scope='col' class='right'>Memory</th>
            <th scope='col'>Noise</th>
          </tr>
        </thead>
        <tbody>
          {lines.map(({ worker, command }) => {
            const { statistics } = command

            if (statistics == null) {
              return null
            }

            const own = unit ?? unitFor(statistics.median)
            const noise = worker.result?.noise

            return (
              <tr key={`${worker.task} ${command.command}`}>
                <th scope='row'>{worker.info.name}</th>
                {several ? <td><code>{command.title}</code></td> : null}
                <td class='right'>{statistics.runs}</td>
                <td class='right strong'>{medianText(statistics, own)}</td>
                <td class='right'>{timeText(statistics.min, own, timeDecimals(statistics, own))}</td>
                <td class='right'>{cpuText(statistics, own)}</td>
                <td class='right'>{statistics.memoryBytes == null ? '' : formatBytes(statistics.memoryBytes)}</td>
                <td class='reasons'>{noise == null ? null : <><span class='grade'>{noise.grade}</span>{noise.reasons.length === 0 ? null : ` ${noise.reasons.join('; ')}`}</>}</td>
              </tr>
            )
          })}
        </tbody>
      </table>
    </Scroll>
  )
}
