import { METRIC_WORDS } from '../comparison-words.ts'
import { cutTo, inCode, MAX_COMMENT, plain, type CommentOptions } from '../comment.ts'
import { DIFFERENT_SESSIONS, sideRatioText, sideText, type SideBySideRow } from '../side-by-side.ts'
import { timeAxis } from '../plot/scales.ts'
import { median } from '../../stats/quantile.ts'
import { printable } from '../../model/text.ts'
import { chips, MAX_TOGGLES, navigation, type Toggles } from './controls.ts'
import { heldMarkup, hold } from './data.ts'
import { html, type Html } from './markup.ts'
import { renderPage } from './page.ts'
import { COLOURS, scaleOf, stripChart, type Strip } from './strips.ts'
import { table } from './table.ts'
import { time } from './times.ts'
import type { Metric } from '../../model/comparison.ts'
import type { Assets } from '../page-assets.ts'
import type { ResultSet } from '../result-sets.ts'

/** Rows of one table, and of the chart. */
const MAX_ROWS = 600
const MAX_LINES = 30

const REMARK = 'These were measured in different sessions: a ratio describes them, and nothing follows from it. meshmark compare, or --baseline, runs both in turns and comes to a verdict.'

export interface SideBySideReport extends CommentOptions {
  assets: Assets
  /** What `--format json` writes. */
  json: string
}

/** Jobs and files of results beside each other, as one page. */
export function renderSideBySide (sets: readonly ResultSet[], rows: readonly SideBySideRow[], metric: Metric, { writtenAt, version, assets, json }: SideBySideReport): string {
  const toggles: Toggles[] = [{ legend: 'Results', boxes: sets.map(({ label }, at) => ({ id: `show-c${at}`, selector: `[data-c="${at}"]`, title: `${letter(at)} ${label}`, swatch: at % COLOURS })) }].filter(({ boxes }) => boxes.length <= MAX_TOGGLES)
  const title = sets.map(({ label }) => printable(label, 60)).join(' beside ')
  const sections = [sidesSection(sets, rows, metric), runsSection(sets, rows, metric), dataSection(json)]

  return renderPage({
    title: `${title} · Meshmark`,
    version,
    toggles: toggles.flatMap(({ boxes }) => boxes),
    body: html`<header class="top"><p class="brand"><b>Meshmark</b> results side by side</p>
<h1>${title}</h1>
<p class="verdict t-warn"><strong>no verdict</strong> <span>${DIFFERENT_SESSIONS}</span></p></header>
${navigation(sections)}
<main>
${chips(toggles)}
${sections}
</main>
<footer>Written by Meshmark ${version}, ${time(writtenAt)}. This file asks for nothing from any network.</footer>
<div id="tip" role="status" hidden></div>`
  }, assets)
}

function sidesSection (sets: readonly ResultSet[], rows: readonly SideBySideRow[], metric: Metric): Html {
  const columns = [{ title: 'Worker' }, { title: 'Command' }, ...sets.flatMap(({ label }, at) => [{ title: `${letter(at)} median`, align: 'right' as const, hint: label }, ...at === 0 ? [] : [{ title: `${letter(at)} / A`, align: 'right' as const }]])]

  return html`<section id="sides"><h2>Side by side</h2>
<p>${sets.map(({ label }, at) => html`<b>${letter(at)}</b> ${printable(label, 200)} `)}</p><p>${REMARK}</p>
${table('Side by side', columns, rows.slice(0, MAX_ROWS).map(({ worker, command, sides }) => ({
    cells: [
      printable(worker ?? 'here', 60),
      html`<code>${printable(command, 200)}</code>`,
      ...sides.flatMap((side, at) => [{ text: sideText(side, metric), value: side?.median }, ...at === 0 ? [] : [{ text: sideRatioText(side, sides[0]), value: side?.ratio }]])
    ]
  })))}${rows.length > MAX_ROWS ? html`<p class="dim">${rows.length - MAX_ROWS} more rows are in the data.</p>` : ''}</section>`
}

/** Values of memory are no times: they have no axis here. */
function runsSection (sets: readonly ResultSet[], rows: readonly SideBySideRow[], metric: Metric): Html | '' {
  const strips = rows.slice(0, MAX_LINES).flatMap(({ worker, command, sides }) => sides.flatMap((side, at): Strip[] => {
    const found = sets[at]?.commands.find(one => one.command === side?.command && one.worker?.name === side?.worker)
    const values = found?.values[metric] ?? []

    return side == null
      ? []
      : [{
          name: `${printable(worker ?? 'here', 60)} · ${printable(command, 60)}`,
          sub: printable(sets[at]?.label ?? '', 60),
          command: at,
          values,
          ...values.length === 0 ? {} : { median: median(values) },
          ...side.interval == null ? {} : { interval: side.interval },
          words: sideText(side, metric),
          small: `${side.runs} runs`
        }]
  }))
  const values = strips.flatMap(({ values }) => values)

  if (metric === 'memory' || values.length === 0) {
    return ''
  }

  const scale = scaleOf(timeAxis(values))

  return html`<section id="runs"><h2>Every run</h2><p>Each dot is one run, from top to bottom in the order in which they ran.${scale.isLog ? ' The scale is logarithmic.' : ''}</p>${stripChart(strips, scale, `${METRIC_WORDS[metric]} of a run, ${scale.unit}`)}</section>`
}

function dataSection (json: string): Html {
  return html`<section id="data"><h2>The data</h2><p class="buttons">${heldMarkup(hold('json', 'meshmark-side-by-side.json', json), 'Side by side, JSON')}</p></section>`
}

/** The same as a comment of a pull request. */
export function sideBySideComment (sets: readonly ResultSet[], rows: readonly SideBySideRow[], metric: Metric, { writtenAt, version }: CommentOptions): string {
  const head = ['### ℹ️ no verdict: different sessions', '', ...sets.map(({ label }, at) => `- **${letter(at)}** ${inCode(label)}`), '']
  const foot = ['', plain(REMARK), '', `<sub>Meshmark ${version} · ${new Date(writtenAt).toISOString().slice(0, 16).replace('T', ' ')} UTC</sub>`, '']

  const heads = ['Worker', 'Command', ...sets.flatMap((_, at) => [`${letter(at)} median`, ...at === 0 ? [] : [`${letter(at)} / A`]])]
  const table = [
    heads,
    heads.map((_, at) => at < 2 ? ':---' : '---:'),
    ...rows.map(({ worker, command, sides }) => [printable(worker ?? 'here', 60), printable(command, 200), ...sides.flatMap((side, at) => [sideText(side, metric), ...at === 0 ? [] : [sideRatioText(side, sides[0])]])].map(plain))
  ].map(cells => `| ${cells.join(' | ')} |`)

  return [...head, ...cutTo(table, MAX_COMMENT - [...head, ...foot].join('\n').length - 200), ...foot].join('\n')
}

function letter (index: number): string {
  return String.fromCharCode(65 + index)
}
