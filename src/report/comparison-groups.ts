import { compareFleet } from '../measure/fleet-comparison.ts'
import { layOut } from './columns.ts'
import { ratioWithInterval, verdictWord } from './comparison-words.ts'
import { regressionsOf } from './regressions.ts'
import type { Comparison } from '../model/comparison.ts'
import type { Verdict } from '../measure/verdict.ts'
import type { Palette } from './colour.ts'
import type { Column, Line } from './columns.ts'
import type { ComparedRow, Contender } from './comparison.ts'

const COLUMNS: Column[] = [
  { key: 'cpu', title: 'cpu', align: 'left', shrinkTo: 14 },
  { key: 'command', title: 'command', align: 'left', shrinkTo: 16 },
  { key: 'workers', title: 'workers', align: 'right' },
  { key: 'ratio', title: 'ratio ± 95 %', align: 'left' },
  { key: 'verdict', title: 'verdicts', align: 'left' }
]

const VERDICTS: Verdict[] = ['slower', 'faster', 'equivalent', 'undecided']

/** One line for each kind of processor and contender, then the workers that need a look. */
export function renderComparedGroups (contenders: readonly Contender[], comparison: Comparison, width: number, palette: Palette, renderRows: (rows: ComparedRow[]) => string[]): string[] {
  const remarkable = new Set(contenders.flatMap(contender => remarkableOf(contender, contenders, comparison)))
  const lines = contenders.flatMap(contender => groupLines(contender, comparison))
  // All of a worker's contenders together.
  const shown = (contenders[0]?.rows ?? []).flatMap((_, index) => contenders.flatMap(({ rows }) => rows[index] ?? [])).filter(row => remarkable.has(row))

  return [
    ...(lines.length === 0 ? [] : layOut(COLUMNS.filter(({ key }) => key !== 'command' || contenders.length > 1), lines, width, palette.faint)),
    ...(shown.length === 0 ? [] : ['', 'failed, noisy or unlike the others:', ...renderRows(shown), '']),
    palette.faint('grouped by processor: --all-rows shows every worker')
  ]
}

/** A line for each kind of processor. */
export function groupLines ({ machines, title }: Contender, comparison: Comparison): Line[] {
  const processors = [...new Set(machines.map(cpuOf))]

  return processors.map(cpu => {
    const own = machines.filter(machine => cpuOf(machine) === cpu)
    const rows = own.flatMap(({ rows }) => rows)
    const { these } = compareFleet(own.map(({ id, result }) => ({ name: id, comparison: result })), comparison)

    return {
      cells: {
        cpu,
        command: title,
        workers: String(rows.length),
        ratio: these == null ? '-' : ratioWithInterval(these),
        verdict: VERDICTS.flatMap(verdict => {
          const count = rows.filter(({ result }) => result?.verdict === verdict).length

          return count === 0 ? [] : [`${count} ${verdictWord(verdict, comparison.metric)}`]
        }).join(', ')
      }
    }
  })
}

function cpuOf ({ rows }: Contender['machines'][number]): string {
  return rows[0]?.row.cpu ?? ''
}

/** Those that need a look: without a ratio, noisy, or unlike the others. */
export function remarkableOf (contender: Contender, all: readonly Contender[], comparison: Comparison): ComparedRow[] {
  const regressed = regressionsOf(all, comparison).filter(found => found.contender === contender).map(({ machine }) => machine)
  const named = [...contender.disagree, ...regressed].flatMap(({ rows }) => rows)

  return contender.rows.filter(compared => {
    const grade = compared.row.worker.result?.noise?.grade

    return compared.result == null || grade === 'C' || grade === 'D' || compared.outputsDiffer || named.includes(compared)
  })
}
