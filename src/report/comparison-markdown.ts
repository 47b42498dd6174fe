import { findings, legend } from './comparison-findings.ts'
import { contendersOf } from './comparison.ts'
import { byWorker, figureCells, missingText, titles, unitOf } from './comparison-table.ts'
import { paletteFor } from './colour.ts'
import { code, escape } from './markup.ts'
import type { FinishedJob } from '../model/finished.ts'
import type { Notes } from './notes.ts'
import type { Row } from './rows.ts'

/** The table of a comparison, and the lines below it. */
export function comparisonMarkdown (rows: readonly Row[], finished: FinishedJob, notes: Notes): { table: string[], below: string[] } {
  const { comparison } = finished.job
  const contenders = contendersOf(rows, finished)

  if (comparison == null) {
    return { table: [], below: [] }
  }

  const all = byWorker(contenders)
  const unit = unitOf(all, comparison)
  const heads = titles(all[0], contenders.length > 1).map(title => contenders.length > 1 ? title : `\`${code(title)}\``)
  const lines = all.map(compared => {
    const { row, result } = compared
    const who = [`\`${code(row.title)}\``, escape(row.name) + notes.mark('worker', row), escape(row.cpu)]
    const { noise } = row.worker.result ?? {}

    return result == null
      ? [...who, escape(missingText(compared)), '', '', '', '', '', '']
      : [...who, ...Object.values(figureCells(compared, unit, comparison, notes)), noise == null ? '-' : noise.grade + notes.mark('noise', row)]
  })

  return {
    table: [
      `| Command | Worker | CPU | ${heads.join(' | ')} | Pairs | ${comparison.metric === 'memory' ? 'Smaller' : 'Faster'} in | Ratio ± 95 % | Verdict | Noise |`,
      '|:---|:---|:---|---:|---:|---:|---:|:---|:---|:---|',
      ...lines.map(cells => `| ${cells.join(' | ')} |`)
    ],
    below: [...findings(contenders, finished, paletteFor(false)), ...(all.some(({ result }) => result?.ratio != null) ? [legend(comparison)] : [])]
  }
}
