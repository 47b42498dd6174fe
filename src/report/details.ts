import { COUNTERS } from '../model/counters.ts'
import { counted, printable } from '../model/text.ts'
import { formatBytes, formatDuration } from '../model/units.ts'
import { BY_CHANCE } from './notes.ts'
import { cpuText, plainTime, timeDecimals, timeText, unitFor } from './quantities.ts'
import { problemText } from './rows.ts'
import { statisticsOf } from './statistics.ts'
import type { Counter } from '../model/counters.ts'
import type { Palette } from './colour.ts'
import type { Row } from './rows.ts'
import type { Drift, Statistics } from './statistics.ts'

/** Of the text before each line's figures. */
const LABEL_WIDTH = 17

/** A block for each row, each after an empty line: everything that was measured, with as many digits as the interval of the median deserves. */
export function detailLines (rows: readonly Row[], palette: Palette): string[] {
  return rows.flatMap(row => {
    const runs = row.samples.length
    const title = [row.name, row.title, ...(runs === 0 ? [] : [counted(runs, 'run')])].join(' · ')

    return ['', palette.title(title), ...detailsOf(row).map(([label, text]) => `  ${palette.faint(label.padEnd(LABEL_WIDTH))}${text}`)]
  })
}

/** How many sentences of a worker are shown. */
const MAX_TEXTS = 12

export type Labelled = [label: string, text: string]

/** What stands in such a block, as labels and texts. */
export function detailsOf (row: Row): Labelled[] {
  const statistics = row.figures ?? statisticsOf(row.samples, row.result?.memoryBytes)
  const exits: Labelled[] = statistics == null ? [] : [['exit codes', exitText(statistics)]]

  if (row.problem != null || statistics == null) {
    return [['result', row.problem == null ? 'no runs' : problemText(row.problem)], ...exits]
  }

  return [...timeLines(statistics), ...usageLines(statistics), ...orderLines(statistics), ...exits, ...counterLines(row, statistics), ...machineLines(row)]
}

function timeLines (statistics: Statistics): Labelled[] {
  const { median, interval, mean, deviation, mad, min, max, p5, p95, split } = statistics
  const unit = unitFor(median)
  const decimals = timeDecimals(statistics, unit)
  const time = (ns: number): string => timeText(ns, unit, decimals)
  const range = (low: number, high: number): string => `${(low / unit.ns).toFixed(decimals)} to ${time(high)}`

  return [
    ['median', `${time(median)}${interval == null ? ', no interval below 6 runs' : `, 95 % ${range(interval.low, interval.high)}`}`],
    ['mean', `${time(mean)}${deviation == null ? '' : `, standard deviation ${time(deviation)}`}, MAD ${time(mad)}`],
    ['range', `${range(min, max)}${p5 == null || p95 == null ? '' : `, 5th to 95th percentile ${range(p5, p95)}`}`],
    ['cpu time', `${cpuText(statistics, unit)}${split == null ? '' : `, user ${time(split.user)} and system ${time(split.system)} on average`}`]
  ]
}

function usageLines ({ memoryBytes, memoryMost, minorFaults, majorFaults, voluntarySwitches, involuntarySwitches }: Statistics): Labelled[] {
  return [
    ['memory', memoryBytes == null ? 'not billed' : `${formatBytes(memoryBytes)}${memoryMost == null ? '' : `, ${formatBytes(memoryMost)} at most`}`],
    ['page faults', `${countText(minorFaults)} minor, ${countText(majorFaults)} major`],
    ['context switches', `${countText(voluntarySwitches)} voluntary, ${countText(involuntarySwitches)} involuntary`]
  ]
}

function orderLines ({ runs, outliers, slowFirst, drift, autocorrelation }: Statistics): Labelled[] {
  return [
    ['outliers', outliers === 0 ? 'none' : `${outliers} of ${runs}, kept${slowFirst ? ', the first run among them' : ''}`],
    ...(drift == null ? [] : [['drift', driftText(drift)] as Labelled]),
    ...(autocorrelation == null ? [] : [['autocorrelation', `${signed(autocorrelation, 2)} between neighbouring runs`] as Labelled])
  ]
}

/** By how much is said only of a drift that is none by chance: the slope through a few wild runs is any number. */
function driftText ({ change, rho, p }: Drift): string {
  const evidence = `rank correlation ${signed(rho, 2)}, p ${p < 0.001 ? '< 0.001' : `= ${p.toFixed(3)}`}`

  return p < BY_CHANCE ? `${signed(change * 100, 1)} % from the first run to the last, ${evidence}` : `none beyond chance, ${evidence}`
}

/** With its sign, and none for what is rounded to nothing. */
function signed (value: number, decimals: number): string {
  const text = Math.abs(value).toFixed(decimals)

  return `${Number(text) === 0 ? '' : value < 0 ? '-' : '+'}${text}`
}

function exitText ({ exits }: Statistics): string {
  return exits.slice(0, 8).map(({ how, runs }) => exits.length === 1 ? printable(how, 60) : `${printable(how, 60)} in ${counted(runs, 'run')}`).join(', ')
}

const COUNTER_NAMES: Record<Counter, string> = { instructions: 'instructions', cycles: 'cycles', branchMisses: 'branch misses', cacheMisses: 'cache misses' }

function counterLines ({ worker: { result } }: Row, { counters }: Statistics): Labelled[] {
  const shown = COUNTERS.flatMap(counter => counters[counter] == null ? [] : [`${countText(counters[counter])} ${COUNTER_NAMES[counter]}`])

  if (shown.length > 0) {
    return [['counters', shown.join(', ')]]
  }

  return result?.noCounters == null ? [] : [['counters', `not available: ${printable(result.noCounters)}`]]
}

function machineLines ({ worker: { result, info } }: Row): Labelled[] {
  const { noise, build, environment = [], cores, quietWaitMs = 0, waitedMs = 0 } = result ?? {}
  const waits = [
    ...(waitedMs > 0 ? [`${formatDuration(waitedMs)} for another worker of its machine`] : []),
    ...(quietWaitMs > 0 ? [`${formatDuration(quietWaitMs)} for a quiet machine`] : [])
  ]

  return [
    ...(noise == null ? [] : listed('noise', [noise.grade, ...noise.reasons])),
    ...(build == null ? [] : [['build', `${build.compiler == null ? '' : `${printable(build.compiler)}, `}${formatDuration(build.wallMs)}${build.cached ? ', built before' : ''}`] as Labelled]),
    ...listed('environment', environment),
    ...(cores == null ? [] : [['bound to', `processors ${cores.join(', ')}`] as Labelled]),
    ...(waits.length === 0 ? [] : [['waited', waits.join(', ')] as Labelled]),
    ...(info.floor == null ? [] : [['floor', `${plainTime(info.floor.medianNs)} to start a program that does nothing`] as Labelled])
  ]
}

/** One below the other: they are sentences, and their number is the worker's choice. */
function listed (label: string, texts: readonly string[]): Labelled[] {
  return texts.slice(0, MAX_TEXTS).map((text, i) => [i === 0 ? label : '', printable(text)])
}

const COUNT_UNITS = [[1e12, ' T'], [1e9, ' G'], [1e6, ' M']] as const

/** Whole up to a million; above, four digits: 1.234 G. */
function countText (count: number): string {
  const unit = COUNT_UNITS.find(([size]) => count >= size)

  return unit == null ? String(count) : `${(count / unit[0]).toPrecision(4)}${unit[1]}`
}
