import { commandTitle } from '../../model/job.ts'
import { shortJobId } from '../../model/ids.ts'
import { printable } from '../../model/text.ts'
import { formatDuration } from '../../model/units.ts'
import { paletteFor } from '../colour.ts'
import { commandLineOf } from '../command-line.ts'
import { findings } from '../comparison-findings.ts'
import { groupLines, remarkableOf } from '../comparison-groups.ts'
import { byWorker } from '../comparison-table.ts'
import { contendersOf } from '../comparison.ts'
import { detailsOf } from '../details.ts'
import { GROUPED_ABOVE, groupsOf, isRemarkable } from '../groups.ts'
import { distinctWorkers } from '../distinct-workers.ts'
import { headlineOf, titleOf } from '../headline.ts'
import { Notes } from '../notes.ts'
import { outputLines } from '../output-facts.ts'
import { commonUnit, plainTime, ratioText, timeText, unitFor } from '../quantities.ts'
import { rowsOf, type Row } from '../rows.ts'
import { sorted } from '../table.ts'
import { decimalsOfDigits } from '../../stats/digits.ts'
import { dataOf, heldMarkup, type Data } from './data.ts'
import { distributionSection } from './distribution.ts'
import { failuresSection, type Printed } from './failures.ts'
import { guideSection } from './guide.ts'
import { machinesSection } from './machines.ts'
import { html, type Html, type Value } from './markup.ts'
import { chips, MAX_TOGGLES, navigation, type Toggles } from './controls.ts'
import { fold, picture, renderPage } from './page.ts'
import { ratioCaption, ratioChart } from './ratios.ts'
import { comparisonTable, MAX_NOTES, MAX_ROWS, resultsTable, type NumberOf } from './results-table.ts'
import { COLOURS } from './strips.ts'
import { table } from './table.ts'
import { cutNote, tasksTable } from './tasks-table.ts'
import { time } from './times.ts'
import type { Assets } from '../page-assets.ts'
import type { Comparison } from '../../model/comparison.ts'
import type { FinishedJob } from '../../model/finished.ts'
import type { Plan } from '../../model/plan.ts'
import type { Samples } from './samples.ts'
import type { ComparedRow, Contender } from '../comparison.ts'

/** Rows whose every figure is told. */
const MAX_DETAILS = 60

export interface ReportOptions {
  /** Milliseconds since 1970. */
  writtenAt: number
  /** Of this program. */
  version: string
  samples: Samples
  assets: Assets
  /** What tasks printed, of those that failed. */
  printed?: ReadonlyMap<string, Printed>
  /** Drawn by the plot room, in its light colours. */
  pictures?: ReadonlyArray<{ title: string, svg: string }>
}

/** A finished job as one page that needs nothing else. The same of the same, byte by byte. */
export function renderReport (finished: FinishedJob, options: ReportOptions): string {
  const { job } = finished
  // of what is handed out the order of the job says more than speed
  const rows = job.kind === 'exec' ? rowsOf(finished) : sorted(rowsOf(finished), job.commands.length)
  const people = distinctWorkers(finished.workers)
  const numbers = new Map(people.map(({ info, task }, at) => [info.peerId === '' ? task : info.peerId, at]))
  const numberOf: NumberOf = ({ info, task }) => numbers.get(info.peerId === '' ? task : info.peerId) ?? 0
  const contenders = contendersOf(rows, finished)
  const notes = new Notes(rows, finished)
  const isMeasured = job.kind === 'run'
  const data = dataOf(finished, options.samples, `meshmark-${shortJobId(job.id)}`)
  const headline = headlineOf(finished)
  const toggles = togglesOf(finished, people.map(({ info }) => info.name))
  // its marks number the notes
  const results = resultsSection(rows, contenders, finished, notes, numberOf)
  const sections: Value[] = [
    job.comparison == null ? '' : ratiosSection(contenders, job.comparison, rows, numberOf),
    failuresSection(rows, finished, options.printed ?? new Map(), numberOf),
    results,
    distributionSection(rows, finished, numberOf),
    ...(options.pictures ?? []).map(({ title, svg }, at) => html`<section id="picture-${at}"><h2>${title}</h2><div class="scroll wide" role="region" aria-label="${title}" tabindex="0">${picture(svg, title, at)}</div></section>`),
    isMeasured ? detailsSection(rows, numberOf) : '',
    machinesSection(finished, numberOf),
    guideSection(job.comparison, isMeasured),
    againSection(finished, data, options)
  ]

  return renderPage({
    title: `${headline.word}: ${titleOf(finished)} · Meshmark`,
    version: options.version,
    toggles: toggles.flatMap(({ boxes }) => boxes),
    body: html`<header class="top"><p class="brand"><b>Meshmark</b> ${job.comparison != null ? 'comparison' : isMeasured ? 'measurement' : 'report'}${job.name == null ? '' : html` · ${printable(job.name, 100)}`}</p>
<h1>${titleOf(finished)}</h1>
<p class="verdict t-${headline.tone}"><strong>${headline.word}</strong> <span>${headline.text}</span></p>
${factsOf(rows, finished)}</header>
${navigation(sections)}
<main>
${chips(toggles)}
${sections}
</main>
<footer>Written by Meshmark ${options.version}, ${time(options.writtenAt)}. This file asks for nothing from any network.</footer>
<div id="tip" role="status" hidden></div>`
  }, options.assets)
}

function togglesOf ({ job }: FinishedJob, workers: readonly string[]): Toggles[] {
  const commands = job.map == null ? job.commands : []

  return [
    { legend: 'Commands', boxes: commands.map((command, at) => ({ id: `show-c${at}`, selector: `[data-c="${at}"]`, title: commandTitle(command), swatch: at % COLOURS })) },
    { legend: 'Workers', boxes: workers.map((name, at) => ({ id: `show-w${at}`, selector: `[data-w="${at}"]`, title: name })) }
  ].filter(({ boxes }) => boxes.length > 1 && boxes.length <= MAX_TOGGLES)
}

function factsOf (rows: readonly Row[], { job, workers, startSkewNs }: FinishedJob): Html {
  const people = distinctWorkers(workers)
  const done = workers.filter(({ state }) => state === 'done').length
  const runs = rows.reduce((sum, { samples }) => sum + samples.length, 0)
  const started = workers.flatMap(({ result }) => result == null || result.startedAt < 1e9 ? [] : [result.startedAt])
  const ended = workers.flatMap(({ result }) => result == null || result.finishedAt < 1e9 ? [] : [result.finishedAt])
  const from = started.reduce((a, b) => Math.min(a, b), Infinity)
  const until = ended.reduce((a, b) => Math.max(a, b), 0)
  const grades = people.flatMap(({ result }) => result?.noise?.grade ?? [])
  const facts: Array<[string, Value]> = [
    job.each != null || job.map != null
      ? [job.each == null ? 'commands' : 'items', `${done.toLocaleString('en')} of ${workers.length.toLocaleString('en')} done`]
      : ['workers', `${done} of ${workers.length} done`],
    ...job.each != null || job.map != null ? [['workers', people.length.toLocaleString('en')] as [string, Value]] : [],
    ...job.kind === 'run' ? [['runs', runs.toLocaleString('en')] as [string, Value]] : [],
    ...grades.length === 0 ? [] : [['noise', html`${(['A', 'B', 'C', 'D'] as const).filter(letter => grades.includes(letter)).map(letter => html`<span class="grade g-${letter}">${letter}</span>${grades.length === 1 ? '' : html` ${grades.filter(grade => grade === letter).length} `}`)}`] as [string, Value]],
    ...startSkewNs == null || workers.length < 2 ? [] : [['start skew', plainTime(startSkewNs)] as [string, Value]],
    ['submitted', time(job.submittedAt)],
    ...until > from ? [['took', formatDuration(until - from)] as [string, Value]] : [],
    ['job', html`<code>${shortJobId(job.id)}</code>`]
  ]

  return html`<dl class="facts">${facts.map(([name, text]) => html`<div><dt>${name}</dt><dd>${text}</dd></div>`)}</dl>`
}

function ratiosSection (contenders: readonly Contender[], comparison: Comparison, rows: readonly Row[], numberOf: NumberOf): Html {
  const reference = rows.find(({ command }) => command === 0)?.title ?? 'the first command'
  const measured = contenders.some(({ rows }) => rows.some(({ result }) => result != null))

  return measured
    ? html`<section id="ratios"><h2>Verdict</h2><p>${ratioCaption(contenders, comparison, reference)}</p>${ratioChart(contenders, comparison, numberOf)}</section>`
    : html``
}

function resultsSection (rows: readonly Row[], contenders: readonly Contender[], finished: FinishedJob, notes: Notes, numberOf: NumberOf): Html {
  const { job, workers } = finished
  const below = job.kind === 'exec' ? [] : [...findings(contenders, finished, paletteFor(false)), ...outputLines(rows, job.commands.length)]
  const tables = job.kind === 'exec'
    ? tasksTable(rows, finished, numberOf)
    : job.comparison != null ? comparedTables(contenders, finished, job.comparison, notes, numberOf) : measuredTables(rows, finished, notes, numberOf)
  // to be asked for after the last mark
  const lines = job.kind === 'exec' ? [] : notes.lines()
  const numbered = lines.flatMap(line => {
    const [, number, text] = /^\((\d+)\) (.*)$/s.exec(line) ?? []

    return number == null || text == null ? [] : [{ number: Number(number), text }]
  })
  const common = lines.filter(line => !/^\(\d+\) /.test(line))

  return html`<section id="results"><h2>${job.kind === 'exec' ? (job.each != null ? 'Items' : job.map != null ? 'Commands' : 'Tasks') : 'Results'}</h2>
${[...below, ...common].length === 0 ? '' : html`<ul class="findings">${[...below, ...common].map(line => html`<li>${line}</li>`)}</ul>`}
${tables}
${numbered.length === 0 ? '' : notesList(numbered, workers.length > GROUPED_ABOVE)}</section>`
}

function notesList (notes: ReadonlyArray<{ number: number, text: string }>, isFolded: boolean): Html {
  const list = html`<ol class="notes">${notes.slice(0, MAX_NOTES).map(({ number, text }) => html`<li id="note-${number}" value="${number}">${text}</li>`)}</ol>${notes.length > MAX_NOTES ? html`<p class="dim">${notes.length - MAX_NOTES} more notes are in the data.</p>` : ''}`

  return isFolded && notes.length > 12 ? fold(`${notes.length} notes`, list) : list
}

function measuredTables (rows: readonly Row[], finished: FinishedJob, notes: Notes, numberOf: NumberOf): Html {
  const commands = finished.job.commands.length

  if (finished.workers.length <= GROUPED_ABOVE) {
    return resultsTable(rows, commands, notes, numberOf)
  }

  const groups = groupsOf(rows)
  const remarkable = rows.filter(row => isRemarkable(row, rows, groups))
  const unit = groups.length === 0 ? undefined : commonUnit(groups.map(({ median }) => median))

  return html`<h3>By processor</h3>
${table('By processor', [{ title: 'Processor' }, ...commands > 1 ? [{ title: 'Command' }] : [], { title: 'Workers', align: 'right' }, { title: 'Median', align: 'right' }, { title: 'From', align: 'right' }, { title: 'To', align: 'right' }, { title: 'Relative', align: 'right' }], groups.map(group => {
    const own = unit ?? unitFor(group.median)
    const decimals = decimalsOfDigits(group.median / own.ns, 3)
    const medians = group.rows.flatMap(({ figures }) => figures?.median ?? [])
    const [least, most] = [Math.min(...medians), Math.max(...medians)]
    const best = Math.min(...groups.filter(other => commands === 1 || other.cpu === group.cpu).map(other => other.median))
    const cell = (ns: number): { text: string, value: number } => ({ text: timeText(ns, own, decimals), value: ns })

    return { command: group.command, cells: [group.cpu, ...commands > 1 ? [html`<code>${group.title}</code>`] : [], { text: group.rows.length, value: group.rows.length }, cell(group.median), cell(least), cell(most), { text: ratioText(group.median / best), value: group.median / best }] }
  }))}
${remarkable.length === 0 ? '' : html`<h3>Failed, noisy or unlike the others <span class="count">${remarkable.length}</span></h3>${resultsTable(remarkable, commands, notes, numberOf)}${cutNote(remarkable.length)}`}
${allRows(rows, remarkable.length, some => resultsTable(some, commands, notes, numberOf))}`
}

/** Of all rows, however many need a look. */
const LEAST_ROWS = 100

function comparedTables (contenders: readonly Contender[], { workers }: FinishedJob, comparison: Comparison, notes: Notes, numberOf: NumberOf): Html {
  const several = contenders.length > 1
  const all = byWorker(contenders)
  const shown = (rows: readonly ComparedRow[]): Html => comparisonTable(rows, comparison, several, notes, numberOf)

  if (workers.length <= GROUPED_ABOVE) {
    return shown(all)
  }

  const remarkable = new Set(contenders.flatMap(contender => remarkableOf(contender, contenders, comparison)))
  const lines = contenders.flatMap(contender => groupLines(contender, comparison))
  const some = all.filter(row => remarkable.has(row))

  return html`<h3>By processor</h3>
${table('By processor', [{ title: 'Processor' }, ...several ? [{ title: 'Command' }] : [], { title: 'Workers', align: 'right' }, { title: 'Ratio ± 95 %', align: 'right' }, { title: 'Verdicts' }], lines.map(({ cells }) => ({ cells: [cells.cpu, ...several ? [html`<code>${cells.command}</code>`] : [], cells.workers, cells.ratio, cells.verdict] })))}
${some.length === 0 ? '' : html`<h3>Failed, noisy or unlike the others <span class="count">${some.length}</span></h3>${shown(some)}${cutNote(some.length)}`}
${allRows(all, some.length, shown)}`
}

/** As many as there is room for beside those that stand above. */
function allRows<T> (rows: readonly T[], above: number, tableOf: (rows: readonly T[]) => Html): Html {
  const room = Math.max(LEAST_ROWS, MAX_ROWS - above)

  return fold(rows.length <= room ? `All ${rows.length} rows` : `The first ${room} rows`, html`${tableOf(rows.slice(0, room))}${cutNote(rows.length, room)}`)
}

/** Everything that was computed of each worker and command. */
function detailsSection (rows: readonly Row[], numberOf: NumberOf): Html | '' {
  const measured = rows.filter(({ samples }) => samples.length > 0)

  return measured.length === 0
    ? ''
    : html`<section id="details"><h2>Every figure</h2>
${measured.slice(0, MAX_DETAILS).map(row => html`<div data-w="${numberOf(row.worker)}" data-c="${row.command}">${fold(html`<b>${row.name}</b> <code>${row.title}</code>`, html`<dl class="figures">${detailsOf(row).map(([label, text]) => html`${label === '' ? '' : html`<dt>${label}</dt>`}<dd>${text}</dd>`)}</dl>`)}</div>`)}
${measured.length > MAX_DETAILS ? html`<p class="dim">Those of ${(measured.length - MAX_DETAILS).toLocaleString('en')} more rows are in the data.</p>` : ''}</section>`
}

function againSection ({ job, workers }: FinishedJob, { held, hasSamples }: Data, { version }: ReportOptions): Html {
  const { line, remarks } = commandLineOf(job)
  const runs = workers.reduce((sum, { result }) => sum + (result?.commands.reduce((all, { samples }) => all + samples.length, 0) ?? 0), 0)
  const facts: Array<[string, Value]> = [
    ...job.map == null ? job.commands.slice(0, MAX_TOGGLES).map((command, at): [string, Value] => [job.commands.length === 1 ? 'command' : `command ${at + 1}`, html`<code>${command.argv.join(' ')}</code>`]) : [],
    ['plan', planText(job.plan, job.comparison != null)],
    ['files', job.payload == null ? '' : job.payload.files.slice(0, MAX_TOGGLES).map(({ path }) => path).join(', ')],
    ['build', job.build == null ? '' : html`<code>${job.build.line}</code>`],
    ['environment', Object.keys(job.env).slice(0, MAX_TOGGLES).join(', ')]
  ]

  return html`<section id="data"><h2>Again, and the data</h2>
<pre class="command" tabindex="0">${line.length > 4_000 ? `${line.slice(0, 3_999)}…` : line}</pre>
${remarks.map(remark => html`<p class="dim">${remark}</p>`)}
<dl class="figures">${facts.filter(([, text]) => text !== '').map(([name, text]) => html`<dt>${name}</dt><dd>${text}</dd>`)}<dt>version</dt><dd>Meshmark ${version}</dd><dt>job</dt><dd><code>${job.id}</code></dd></dl>
<p>${hasSamples
    ? `This file holds the complete results, all ${runs.toLocaleString('en')} runs included. meshmark plot and meshmark compare --results read the JSON again.`
    : `This file holds the complete results without the ${runs.toLocaleString('en')} single runs: --report-samples all writes them too, meshmark show --export-full writes them beside it.`}</p>
<p class="buttons">${held.map(one => heldMarkup(one, one.id === 'json' ? 'Complete results, JSON' : 'Table, CSV'))}${hasSamples ? html`<button type="button" class="button needs-script" id="data-runs">Every run, CSV</button>` : ''}</p></section>`
}

function planText (plan: Plan, isPairs: boolean): string {
  const what = isPairs ? 'pairs' : 'runs'

  switch (plan.kind) {
    case 'once': return 'once'
    case 'fixed': return `${plan.runs} ${what}${plan.warmup === 0 ? '' : `, after ${plan.warmup} to warm up`}`
    case 'precision': return `${what} until ${isPairs ? 'every ratio' : 'the median'} is known to ± ${Number((plan.precision * 100).toPrecision(3))} %, or ${formatDuration(plan.budgetMs)} for each command are over${plan.warmup === 0 ? '' : `, after ${plan.warmup} to warm up`}`
  }
}
