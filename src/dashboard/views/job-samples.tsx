import { useMemo, useState } from 'preact/hooks'
import { METRICS, type Metric } from '../../model/comparison.ts'
import { shortJobId } from '../../model/ids.ts'
import { counted } from '../../model/text.ts'
import { MeasuredChart, MetricChoice } from '../charts/measured.tsx'
import { Empty } from '../parts/notice.tsx'
import { measuredOf } from '../state/samples.ts'
import type { JobInfo } from '../../library/events.ts'
import type { JobState } from '../state/job.ts'

/** Runs of a job that goes on, as they come: a row for each command on each worker. */
export function JobSamples ({ job, view }: { job: JobState, view: JobInfo }) {
  const [metric, setMetric] = useState<Metric>('wall')
  const { samples, tasks } = job
  const { commands } = view.job
  const all = useMemo(() => [...samples.values()].flatMap(byCommand => [...byCommand.values()]), [samples])
  const metrics = METRICS.filter(one => one !== 'memory' || all.some(({ told }) => told.some(({ memoryBytes }) => memoryBytes != null)))
  const missed = all.reduce((sum, { runs, toldRuns }) => sum + runs - toldRuns, 0)
  const forgotten = all.reduce((sum, { toldRuns, told }) => sum + toldRuns - told.length, 0)

  return (
    <section aria-labelledby='samples-title'>
      <div class='section-head'>
        <h2 id='samples-title'>Runs so far</h2>
        <MetricChoice metrics={metrics} metric={metric} onChoose={setMetric} />
      </div>
      {all.length === 0
        ? <Empty title='No run has been measured yet'><p>They appear here as they come.</p></Empty>
        : (
          <>
            <MeasuredChart
              title={view.job.name ?? commands.map(({ title }) => title).join(', ')} fileName={`${shortJobId(view.job.id)}-runs`} data={`${metric} ${all.reduce((sum, { runs }) => sum + runs, 0)}`} metric={metric}
              measured={() => [...samples].flatMap(([task, byCommand]) => [...byCommand].map(([command, runs]) => measuredOf(tasks.get(task)?.view.workerName ?? task, commands[command]?.title ?? '', runs, metric)))}
            />
            {missed + forgotten === 0 ? null : <p class='dim'>{[missed === 0 ? '' : `${counted(missed, 'run')} came before this page looked, or faster than they are told.`, forgotten === 0 ? '' : `The latest of each row are shown; ${forgotten} before them are not.`, 'The results have all.'].filter(part => part !== '').join(' ')}</p>}
          </>
          )}
    </section>
  )
}
