import { useRef } from 'preact/hooks'
import { counted } from '../../model/text.ts'
import { formatBytes } from '../../model/units.ts'
import { medianText, plainTime, unitFor } from '../../report/quantities.ts'
import { Chart, type ChartTable } from './chart.tsx'
import type { Metric } from '../../model/comparison.ts'
import type { Measured } from '../../report/plot/measured.ts'
import type { Datum } from './engine.ts'
import type * as Engine from './engine.ts'

export const METRIC_NAMES: Record<Metric, string> = { wall: 'Wall time', cpu: 'CPU time', memory: 'Peak memory' }

interface MeasuredChartProps {
  title: string
  fileName: string
  /** Another value, other runs. */
  data: unknown
  measured: (engine: typeof Engine) => Measured[]
  metric: Metric
}

/** Rows of one picture: more are read in the table. */
const MAX_ROWS = 200

/** Every run of each command on each worker, or a box where they are many, with the median and its interval. */
export function MeasuredChart ({ title, fileName, data, measured, metric }: MeasuredChartProps) {
  // as they were drawn: what the pointer is on is one of them
  const rows = useRef<readonly Measured[]>([])

  return (
    <Chart
      label={`${METRIC_NAMES[metric]} of each run: ${title}`} fileName={fileName} data={data}
      build={(engine, look) => {
        rows.current = engine.byWorker(measured(engine)).slice(0, MAX_ROWS)

        return engine.distributionChart(rows.current, title, look, engine.QUANTITIES[metric])
      }}
      table={engine => tableOf(engine.byWorker(measured(engine)), metric)}
      tip={datum => tipOf(datum, rows.current, metric)}
    />
  )
}

/** Which of the quantities is shown. */
export function MetricChoice ({ metrics, metric, onChoose }: { metrics: readonly Metric[], metric: Metric, onChoose: (metric: Metric) => void }) {
  return metrics.length < 2
    ? null
    : (
      <label>
        of{' '}
        <select aria-label='of which quantity' value={metric} onChange={event => { onChoose(event.currentTarget.value as Metric) }}>
          {metrics.map(one => <option key={one} value={one}>{METRIC_NAMES[one].toLowerCase().replace('cpu', 'CPU')}</option>)}
        </select>
      </label>
      )
}

function tableOf (measured: readonly Measured[], metric: Metric): ChartTable {
  return {
    columns: [{ title: 'Worker' }, { title: 'Command' }, { title: 'Runs', align: 'right' }, { title: 'Median ± 95 %', align: 'right' }, { title: 'Least', align: 'right' }, { title: 'Most', align: 'right' }],
    rows: measured.map(one => [
      one.worker,
      <code key='command'>{one.command}</code>,
      one.values.length,
      medianOf(one, metric) ?? one.problem ?? '',
      one.values.length === 0 ? '' : valueText(one.values.reduce((a, b) => Math.min(a, b)), metric),
      one.values.length === 0 ? '' : valueText(one.values.reduce((a, b) => Math.max(a, b)), metric)
    ])
  }
}

function medianOf ({ median, interval }: Measured, metric: Metric): string | undefined {
  return median == null
    ? undefined
    : metric === 'memory' ? formatBytes(median) : medianText({ median, ...(interval == null ? {} : { interval }), min: median, cpu: 0 }, unitFor(median))
}

function tipOf (datum: Datum, measured: readonly Measured[], metric: Metric): string | undefined {
  const one = typeof datum.row === 'number' ? measured[datum.row] : undefined

  if (one == null) {
    return undefined
  }

  const run = typeof datum.run === 'number' ? one.values[datum.run] : undefined
  const middle = medianOf(one, metric)

  return [
    `${one.worker}: ${one.command}`,
    ...(run == null ? [] : [`run ${Number(datum.run) + 1}: ${valueText(run, metric)}`]),
    ...(middle == null ? [] : [`median ${middle} of ${counted(one.values.length, 'run')}`]),
    ...(one.problem == null ? [] : [one.problem])
  ].join('\n')
}

function valueText (value: number, metric: Metric): string {
  return metric === 'memory' ? formatBytes(value) : plainTime(value)
}
