import { median } from '../../stats/quantile.ts'
import { medianIntervalOfSeries } from '../../stats/autocorrelation.ts'
import { valuesOf } from '../comparison.ts'
import { METRIC_WORDS } from '../comparison-words.ts'
import { groupsOf } from '../groups.ts'
import { timeAxis } from '../plot/scales.ts'
import { commonUnit, medianText, plainTime, unitFor } from '../quantities.ts'
import { problemText, type Row } from '../rows.ts'
import { scaleOf, stripChart, type Strip } from './strips.ts'
import { html, type Html } from './markup.ts'
import type { FinishedJob } from '../../model/finished.ts'
import type { NumberOf } from './results-table.ts'

/** Rows that are looked at one by one; of more, each kind of processor is one, and each of its workers a dot. */
const MAX_STRIPS = 60

/** How the runs of each worker lie. */
export function distributionSection (rows: readonly Row[], finished: FinishedJob, numberOf: NumberOf): Html | '' {
  const { job } = finished
  const metric = job.comparison?.metric === 'cpu' ? 'cpu' : 'wall'
  const grouped = rows.length > MAX_STRIPS && job.each == null
  const strips = job.each != null || job.map != null ? byWorker(rows, numberOf) : grouped ? byProcessor(rows) : bySingle(rows, metric, job.commands.length > 1, numberOf)
  const values = strips.flatMap(({ values }) => values)

  if (values.length === 0) {
    return ''
  }

  const axis = timeAxis(values)
  const scale = scaleOf(axis)
  const what = job.each != null ? 'item' : job.map != null ? 'command' : 'run'
  const boxes = strips.some(({ values }) => values.length > 400)

  return html`<section id="runs"><h2>${grouped ? 'Workers of each kind' : job.kind === 'exec' ? `Times of the ${what}s` : 'Every run'}</h2>
<p>${grouped
    ? 'Each dot is the median of one worker; the bar is the median of its kind of processor.'
    : `${boxes ? 'A dot is one run; where there are very many, a box holds the middle half and its line goes from the 5th to the 95th percentile.' : `Each dot is one ${what}, from top to bottom in ${job.kind === 'exec' ? 'the order of the job' : 'the order in which they ran'}.`} The upright bar is the median${strips.some(({ interval }) => interval != null) ? ', the band around it its 95 % interval' : ''}.`}${scale.isLog ? ' The scale is logarithmic.' : ''}<span class="needs-script"> Point at a row, or move through it with the arrow keys, to see single ${grouped ? 'workers' : `${what}s`}.</span></p>
${stripChart(strips, scale, `${METRIC_WORDS[metric]} of ${grouped ? 'the median run' : what === 'item' ? 'an item' : `a ${what}`}, ${scale.unit}`)}</section>`
}

function bySingle (rows: readonly Row[], metric: 'wall' | 'cpu', several: boolean, numberOf: NumberOf): Strip[] {
  const unit = unitOf(rows)

  return rows.map(row => {
    const values = row.figures == null ? [] : valuesOf(row, { metric }) ?? []

    return {
      name: row.name,
      ...several ? { sub: row.title } : {},
      worker: numberOf(row.worker),
      command: row.command,
      ...figuresOf(values, unit, row.problem == null ? 'no runs' : problemText(row.problem).slice(0, 120), 'run')
    }
  })
}

/** All tasks of a worker in one row: of items and maps. */
function byWorker (rows: readonly Row[], numberOf: NumberOf): Strip[] {
  const groups = new Map<number, Row[]>()

  for (const row of rows.filter(({ worker }) => worker.result != null)) {
    const key = numberOf(row.worker)

    groups.set(key, [...groups.get(key) ?? [], row])
  }

  const shown = [...groups].slice(0, MAX_STRIPS)
  const unit = unitOf(rows)

  return shown.map(([worker, own]) => {
    const timed = own.flatMap(row => row.samples.map(sample => ({ ns: sample.wallNs, label: `${row.worker.task.length > 12 ? row.title : `item ${row.worker.task}`}${row.problem == null ? '' : `, ${row.problem.state}`}` })))
    const { interval, ...rest } = figuresOf(timed.map(({ ns }) => ns), unit, 'no runs', 'task')

    return { name: own[0]?.name ?? '', worker, command: 0, ...rest, labels: timed.map(({ label }) => label) }
  })
}

function byProcessor (rows: readonly Row[]): Strip[] {
  const groups = groupsOf(rows).slice(0, MAX_STRIPS)
  const unit = commonUnit(groups.map(({ median }) => median))

  return groups.map(({ cpu, title, command, rows: own, median: middle }) => ({
    name: cpu,
    ...new Set(groups.map(group => group.command)).size > 1 ? { sub: title } : {},
    command,
    values: own.map(({ figures }) => figures?.median ?? NaN),
    labels: own.map(({ name }) => name),
    median: middle,
    words: unit == null ? plainTime(middle) : medianText({ median: middle, min: middle, cpu: middle }, unit),
    small: `${own.length.toLocaleString('en')} ${own.length === 1 ? 'worker' : 'workers'}`
  }))
}

function unitOf (rows: readonly Row[]): ReturnType<typeof commonUnit> {
  const medians = rows.flatMap(({ figures }) => figures == null ? [] : [figures.median])

  return medians.length === 0 ? undefined : commonUnit(medians)
}

function figuresOf (values: readonly number[], unit: ReturnType<typeof commonUnit>, without: string, what: string): Pick<Strip, 'values' | 'median' | 'interval' | 'words' | 'small'> {
  if (values.length === 0) {
    return { values, words: without }
  }

  const middle = median(values)
  const interval = medianIntervalOfSeries(values)

  return {
    values,
    median: middle,
    ...interval == null ? {} : { interval },
    words: medianText({ median: middle, ...interval == null ? {} : { interval }, min: middle, cpu: middle }, unit ?? unitFor(middle)),
    small: `${values.length.toLocaleString('en')} ${what}${values.length === 1 ? '' : 's'}`
  }
}
