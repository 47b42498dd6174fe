import { belowFloor } from '../measure/floor.ts'
import { DEFAULT_MARGIN } from '../model/comparison.ts'
import { printable } from '../model/text.ts'
import { formatDuration } from '../model/units.ts'
import { MIN_FOR_INTERVAL } from '../stats/median-interval.ts'
import { plainTime } from './quantities.ts'
import { problemText } from './rows.ts'
import type { FinishedJob, FinishedWorker } from '../model/finished.ts'
import type { Job } from '../model/job.ts'
import type { Row } from './rows.ts'

/** What a remark is about, and where its mark stands. */
export type Subject = 'worker' | 'median' | 'cpu' | 'memory' | 'noise'

const SUBJECTS: Record<Subject, { concerns: (row: Row) => boolean, texts: (row: Row, finished: FinishedJob) => string[] }> = {
  worker: { concerns: ({ worker }) => ran(worker), texts: workerTexts },
  median: { concerns: ({ figures }) => figures != null, texts: medianTexts },
  cpu: { concerns: ({ figures }) => figures != null, texts: cpuTexts },
  memory: { concerns: ({ figures, result }) => figures != null && result?.memoryBytes != null, texts: memoryTexts },
  noise: { concerns: ({ figures, worker }) => figures != null && worker.result?.noise != null, texts: noiseTexts }
}

/**
 * The remarks of one table. What holds for every row it concerns stands below
 * the table without a mark; what tells rows apart gets a number, and the same
 * text has the same number wherever it is used.
 */
export class Notes {
  readonly #finished: FinishedJob
  readonly #common: ReadonlyMap<Subject, string[]>
  readonly #numbers = new Map<string, number>()

  /** @param rows all rows of the job, shown or not */
  constructor (rows: readonly Row[], finished: FinishedJob) {
    this.#finished = finished
    this.#common = new Map(Object.entries(SUBJECTS).map(([subject, { concerns, texts }]) => {
      const [first = [], ...others] = rows.filter(concerns).map(row => texts(row, finished))

      return [subject as Subject, first.filter(text => others.every(other => other.includes(text)))]
    }))
  }

  /** ` (1)` or ` (1) (2)`, to be put behind what it is about; empty when there is nothing to tell of this row alone. */
  mark (subject: Subject, row: Row): string {
    const { concerns, texts } = SUBJECTS[subject]

    if (!concerns(row)) {
      return ''
    }

    return texts(row, this.#finished).filter(text => this.#common.get(subject)?.includes(text) !== true).map(text => {
      const number = this.#numbers.get(text) ?? this.#numbers.size + 1

      this.#numbers.set(text, number)
      return ` (${number})`
    }).join('')
  }

  /** Every line below the table; to be asked for after the last mark. */
  lines (): string[] {
    return [
      ...turnGroups(this.#finished).map(turnsLine),
      ...[...this.#common].flatMap(([subject, texts]) => texts.map(text => subject === 'noise' ? `noise: ${text}` : text)),
      ...[...this.#numbers].map(([text, number]) => `(${number}) ${text}`)
    ]
  }
}

function ran ({ result }: FinishedWorker): boolean {
  return result?.commands.some(({ samples }) => samples.length > 0) === true
}

/** A look at the machine takes a part of this and is no wait. */
const WORTH_TELLING_MS = 250

/** About the worker as a whole: how it ended and started, and what its sandbox lacks. */
function workerTexts ({ worker, ended }: Row, finished: FinishedJob): string[] {
  const { result, simultaneous, info } = worker
  const late = finished.workers.length > 1 && (simultaneous === false || result?.start?.simultaneous === false)
  const waited = (result?.waitedMs ?? 0) > 0
  const explained = waited && turnGroups(finished).some(group => group.includes(worker))
  const caveats = (result?.sandbox ?? info.sandbox)?.caveats ?? []

  const quietWaitMs = result?.quietWaitMs ?? 0

  return [
    ...(ended == null ? [] : [problemText(ended)]),
    ...(worker.duplicates ?? []).map(({ workerName, outcome, conflict }) => conflict === true
      ? `${printable(workerName)} has delivered another record of the same execution (${outcome}), which does not count: do not trust this one either`
      : `ran on ${printable(workerName)} as well (${outcome}), which does not count`),
    ...(late && !explained ? [`not simultaneous: ${waited ? 'another worker of its machine was measuring' : result?.build?.cached === false ? 'it had to build first' : 'it was busy when the others started'}`] : []),
    ...(quietWaitMs < WORTH_TELLING_MS ? [] : [`waited ${formatDuration(quietWaitMs)} for a quiet machine`]),
    ...(result?.build?.compiler == null ? [] : [`built by ${printable(result.build.compiler, 120)}`]),
    ...(result?.noCounters == null ? [] : [`no hardware counters: ${printable(result.noCounters)}`]),
    ...caveats.map(caveat => `sandbox: ${printable(caveat, 120)}`)
  ]
}

/** How many names are spelled out. */
const MAX_NAMES = 8

/** Workers of one machine that took turns in this job, in the order in which they measured. */
function turnGroups ({ workers }: FinishedJob): FinishedWorker[][] {
  const machines = new Map<string, FinishedWorker[]>()

  // Those that are bound to cores of their own need not wait for each other.
  for (const worker of workers.filter(worker => ran(worker) && (worker.info.boundTo == null || (worker.result?.waitedMs ?? 0) > 0))) {
    const { machineId } = worker.info.resources

    machines.set(machineId, [...machines.get(machineId) ?? [], worker])
  }

  return [...machines]
    .filter(([machineId, group]) => machineId !== '' && group.length > 1 && group.some(({ result }) => (result?.waitedMs ?? 0) > 0))
    .map(([, group]) => group.sort((a, b) => (a.result?.finishedAt ?? 0) - (b.result?.finishedAt ?? 0)))
}

function turnsLine (group: readonly FinishedWorker[]): string {
  const names = group.slice(0, MAX_NAMES).map(({ info }) => printable(info.name, 60)).join(', ')
  const more = group.length > MAX_NAMES ? ` and ${group.length - MAX_NAMES} more` : ''

  return `not simultaneous: ${names}${more} share one machine and took turns`
}

/** How far the figures can be relied on. */
function medianTexts (row: Row, { job }: FinishedJob): string[] {
  return [...convergenceTexts(row, job), ...floorTexts(row), ...hostTexts(row, job), ...outlierTexts(row, job), ...orderTexts(row)]
}

/** A precision that was aimed at and not had. */
function convergenceTexts ({ result, samples }: Row, { plan, comparison }: Job): string[] {
  const few = samples.length < MIN_FOR_INTERVAL

  if (plan.kind !== 'precision' || (result?.reached == null && !few)) {
    return []
  }

  const what = result?.reached == null
    ? `below ${MIN_FOR_INTERVAL} runs there is no interval`
    : `${comparison == null ? '' : 'the ratio is known to '}± ${percent(result.reached)}${comparison == null ? ' reached' : ''}, not ± ${percent(plan.precision)}`

  return [`not converged: ${what}; ${samples.length >= plan.maxRuns
    ? `${plan.maxRuns} runs were the most allowed`
    : `the time for it, ${formatDuration(plan.budgetMs)}, was over: --budget gives more`}`]
}

function floorTexts ({ figures, worker: { info: { floor } } }: Row): string[] {
  return figures == null || floor == null || !belowFloor(figures.median, floor)
    ? []
    : [`too short to tell much of the program: starting one that does nothing takes ${plainTime(floor.medianNs)} here`]
}

/** What is in the figures beside the program. */
function hostTexts ({ command, figures }: Row, { commands }: Job): string[] {
  const program = commands[command]?.program

  return figures != null && program != null && program.kind !== 'name' && program.path.endsWith('.wasm')
    ? ['a WebAssembly module: every run includes the start of its host, Node']
    : []
}

/** What hyperfine warns of. */
function outlierTexts ({ figures }: Row, { plan }: Job): string[] {
  if (figures == null || figures.outliers === 0) {
    return []
  }

  const { outliers, slowFirst, runs } = figures
  const others = outliers - (slowFirst ? 1 : 0)
  const warmup = plan.kind === 'once' ? 0 : plan.warmup

  return [
    ...(slowFirst ? [warmup === 0 ? 'the first run was much slower than the others: --warmup 1 leaves such a run out' : `the first run was much slower than the others, after a warm-up of ${warmup}: more may be needed`] : []),
    ...(others === 0 ? [] : [`${others} of ${runs} runs ${others === 1 ? 'is an outlier' : 'are outliers'}, and kept`])
  ]
}

/** Beyond chance: p-value below which order is said to matter, and how many standard errors of an autocorrelation that is. */
export const BY_CHANCE = 0.01
const STANDARD_ERRORS = 2.58

/** Up to this correlation the intervals are known to cover what they promise. */
const STRONG_CORRELATION = 0.3

/** How the times depend on the order of the runs. A drift explains that neighbours resemble each other. */
function orderTexts ({ figures }: Row): string[] {
  const { drift, autocorrelation = 0, runs = 0 } = figures ?? {}

  if (drift != null && drift.p < BY_CHANCE && Math.abs(drift.change) >= DEFAULT_MARGIN) {
    return [`times ${drift.change > 0 ? 'rise' : 'fall'} by about ${percent(Math.abs(drift.change))} during the session`]
  }

  return autocorrelation > STRONG_CORRELATION && autocorrelation * Math.sqrt(runs) > STANDARD_ERRORS
    ? [`neighbouring runs resemble each other (autocorrelation ${autocorrelation.toFixed(2)}): they tell less than as many independent ones`]
    : []
}

function cpuTexts ({ result, samples }: Row): string[] {
  const leftovers = samples.filter(sample => sample.leftovers > 0).length

  return [
    ...(result?.cpuMethod === 'rusage' ? ['cpu time: only of processes that the program waited for'] : []),
    ...(leftovers === 0 ? [] : [`left processes running after ${leftovers} of ${samples.length} runs; they were ended`])
  ]
}

function memoryTexts ({ result }: Row): string[] {
  return result?.memoryMethod === 'adopted-maxrss' ? ['memory: of the largest process, not of all together'] : []
}

/** One text for all reasons of a worker: they hardly ever repeat elsewhere. */
function noiseTexts ({ worker }: Row): string[] {
  const reasons = (worker.result?.noise?.reasons ?? []).slice(0, 8).map(reason => printable(reason))

  return reasons.length === 0 ? [] : [reasons.join('; ')]
}

function percent (fraction: number): string {
  return `${Number((fraction * 100).toPrecision(2))} %`
}
