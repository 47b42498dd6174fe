import { contendersOf } from './comparison.ts'
import { METRIC_WORDS, listText, percentText, ratioWithInterval, verdictWord } from './comparison-words.ts'
import { commonUnit, medianText, unitFor } from './quantities.ts'
import { oneLine, rowsOf } from './rows.ts'
import { ratioText } from './quantities.ts'
import { referenceOf } from './relative.ts'
import { regressionsOf } from './regressions.ts'
import { commandTitle } from '../model/job.ts'
import { isTaskEnd } from '../model/states.ts'
import { printable } from '../model/text.ts'
import type { Verdict } from '../measure/verdict.ts'
import type { FinishedJob } from '../model/finished.ts'
import type { Contender } from './comparison.ts'
import type { Row } from './rows.ts'

/** How a finding is to be taken: as its colour and its mark. */
export type Tone = 'good' | 'bad' | 'warn' | 'plain'

export interface Headline {
  tone: Tone
  /** A word or two: `slower`, `regression`, `done`. */
  word: string
  /** What it comes to, in a sentence without a point at its end. */
  text: string
}

/** What stands first in a report that is passed on: what the job comes to. */
export function headlineOf (finished: FinishedJob): Headline {
  const { job, workers } = finished
  const open = workers.filter(({ state }) => !isTaskEnd(state)).length

  if (open > 0) {
    return { tone: 'warn', word: 'not finished', text: `${open.toLocaleString('en')} of ${counted(workers.length, 'task')} ${open === 1 ? 'has' : 'have'} not ended yet` }
  }

  if (job.kind === 'exec') {
    return tasksHeadline(finished)
  }

  const rows = rowsOf(finished)
  const failed = workers.filter(({ state }) => state !== 'done')
  const found = job.comparison == null ? measuredHeadline(rows, finished) : comparedHeadline(contendersOf(rows, finished), finished)

  return failed.length === 0 && found != null
    ? found
    : {
        tone: 'bad',
        word: found?.word === 'regression' ? found.word : workers.length === 0 ? 'no result' : 'failed',
        text: [`${failed.length === workers.length ? (workers.length === 1 ? 'the worker' : `all ${workers.length} workers`) : `${failed.length} of ${workers.length} workers`} did not end well`, ...found == null ? [] : [found.text]].join('; ')
      }
}

/** What is measured, as a title: `./new against ./old`, `3 commands`. */
export function titleOf ({ job }: FinishedJob): string {
  const [first = 'no command', second, ...others] = job.commands.map(command => printable(oneLine(commandTitle(command)), 200))

  if (job.map != null) {
    return job.name == null ? 'a map' : printable(job.name, 100)
  }

  return second == null
    ? first
    : job.comparison == null ? `${first} and ${others.length + 1} more` : `${others.length === 0 ? second : `${others.length + 1} commands`} against ${first}`
}

const TONES: Record<Verdict, Tone> = { faster: 'good', slower: 'bad', equivalent: 'good', undecided: 'warn' }

function comparedHeadline (contenders: readonly Contender[], { job: { comparison } }: FinishedJob): Headline | undefined {
  if (comparison == null) {
    return undefined
  }

  const { metric, failIfSlower } = comparison
  const regressions = regressionsOf(contenders, comparison)
  const judged = contenders.flatMap(({ title, fleet: { these }, machines }) => these == null ? [] : [{ title, these, machines: machines.filter(({ result }) => result.ratio != null).length }])
  const [only] = judged

  if (only == null) {
    return contenders.some(({ machines }) => machines.length > 0) ? { tone: 'warn', word: 'undecided', text: 'there is no ratio: see below why' } : undefined
  }

  const many = judged.length > 1
  const text = many
    ? judged.map(({ title, these }) => `${printable(title, 80)} ${verdictWord(these.verdict, metric)} (${ratioWithInterval(these)})`).join(', ')
    : `${ratioWithInterval(only.these)} times the ${METRIC_WORDS[metric]}${only.machines > 1 ? `, over ${only.machines} machines` : ''}`

  if (regressions.length > 0) {
    const names = [...new Set(regressions.map(({ machine }) => machine.name))]

    return { tone: 'bad', word: 'regression', text: `${verdictWord('slower', metric)}${failIfSlower == null || failIfSlower === 0 ? '' : ` by more than ${percentText(failIfSlower)}`} on ${listText(names)}: ${text}` }
  }

  const verdicts = new Set(judged.map(({ these }) => these.verdict))
  const [verdict] = verdicts

  return verdicts.size === 1 && verdict != null
    ? { tone: TONES[verdict], word: verdictWord(verdict, metric), text }
    : { tone: verdicts.has('slower') ? 'bad' : verdicts.has('undecided') ? 'warn' : 'good', word: 'mixed', text }
}

function measuredHeadline (rows: readonly Row[], { job: { commands }, workers }: FinishedJob): Headline | undefined {
  const measured = rows.filter(({ figures }) => figures != null).sort((a, b) => (a.figures?.median ?? 0) - (b.figures?.median ?? 0))
  const [best] = measured
  const last = measured.at(-1)

  if (best?.figures == null || last?.figures == null) {
    return undefined
  }

  if (commands.length > 1) {
    return { tone: 'plain', word: 'measured', text: fastestCommands(rows, workers.length) }
  }

  const unit = commonUnit([best.figures.median, last.figures.median])
  const figure = ({ figures }: Row): string => figures == null ? '' : medianText(figures, unit ?? unitFor(figures.median))

  if (measured.length === 1) {
    return { tone: 'plain', word: figure(best), text: best.samples.length === 1 ? `one run on ${best.name}: there is no interval` : `median of ${best.samples.length} runs on ${best.name}, with its 95 % interval` }
  }

  return { tone: 'plain', word: figure(best), text: `on ${best.name}, the fastest of ${measured.length} workers; the slowest, ${last.name}, takes ${ratioText(last.figures.median / best.figures.median)} times as long` }
}

/** `xz -1 is fastest on all 3 workers`, or which is on which. */
function fastestCommands (rows: readonly Row[], workers: number): string {
  const winners = new Map<string, string[]>()

  for (const row of rows) {
    if (row.figures != null && referenceOf(row, rows, 2) === row.figures) {
      const title = printable(row.title, 80)

      winners.set(title, [...winners.get(title) ?? [], row.name])
    }
  }

  const sorted = [...winners].sort(([, a], [, b]) => b.length - a.length)
  const [first, ...others] = sorted

  if (first == null) {
    return `${counted(rows.length, 'command')} on ${counted(workers, 'worker')}`
  }

  const where = (names: readonly string[]): string => workers === 1 ? '' : names.length === workers ? ` on all ${workers} workers` : names.length > 4 ? ` on ${names.length} of ${workers} workers` : ` on ${listText(names)}`

  return [`${first[0]} is the fastest${where(first[1])}`, ...others.slice(0, 3).map(([title, names]) => `${title}${where(names)}`)].join(', ')
}

function tasksHeadline ({ job, workers }: FinishedJob): Headline {
  const done = workers.filter(({ state }) => state === 'done').length
  const what = job.each != null ? 'item' : job.map != null ? 'command' : 'task'
  const failed = workers.length - done

  return failed === 0 && done > 0
    ? { tone: 'good', word: 'done', text: workers.length === 1 ? `it ended well on ${workers[0]?.info.name ?? 'its worker'}` : `all ${counted(done, what)} ended well` }
    : { tone: 'bad', word: 'failed', text: `${failed.toLocaleString('en')} of ${counted(workers.length, what)} did not end well` }
}

function counted (count: number, what: string): string {
  return `${count.toLocaleString('en')} ${what}${count === 1 ? '' : 's'}`
}
