import { shortJobId } from '../model/ids.ts'
import { isTaskEnd } from '../model/states.ts'
import { printable, printableLines } from '../model/text.ts'
import { formatBytes } from '../model/units.ts'
import { commandLineOf } from './command-line.ts'
import { itemTitle } from './items.ts'
import { distinctWorkers } from './distinct-workers.ts'
import { headlineOf, titleOf, type Tone } from './headline.ts'
import { renderMapMarkdown } from './map-table.ts'
import { renderMarkdown } from './markdown.ts'
import { escape } from './markup.ts'
import { plainTime } from './quantities.ts'
import { sandboxWords } from './sandbox-words.ts'
import { problemText, rowsOf } from './rows.ts'
import type { FinishedJob } from '../model/finished.ts'

/** GitHub's limit of a comment, which it counts in characters; some are left for whoever writes around it. */
export const MAX_COMMENT = 65_536 - 1_536

const MAX_WORKERS = 50
const MAX_FAILURES = 10
const MAX_COMMAND = 3_000

const MARKS: Record<Tone, string> = { good: '✅', bad: '❌', warn: '⚠️', plain: 'ℹ️' }

export interface CommentOptions {
  writtenAt: number
  version: string
}

/**
 * A finished job as a comment of a pull request: what it comes to, the table,
 * and folded below it the machines and the command. Whatever a name holds, it
 * is neither markup nor HTML, mentions nobody and links nowhere; never longer
 * than MAX_COMMENT.
 */
export function renderComment (finished: FinishedJob, { writtenAt, version }: CommentOptions): string {
  const { job } = finished
  const { tone, word, text } = headlineOf(finished)
  const head = [`### ${MARKS[tone]} ${plain(word)}: ${plain(text)}`, '', inCode(titleOf(finished)), '']
  const foot = [
    '',
    '<details><summary>Machines</summary>',
    '',
    ...machines(finished),
    '</details>',
    '',
    '<details><summary>The same again</summary>',
    '',
    ...again(finished),
    '</details>',
    '',
    `<sub>Meshmark ${version} · job ${shortJobId(job.id)}${job.name == null ? '' : ` (${plain(printable(job.name, 60))})`} · ${new Date(writtenAt).toISOString().slice(0, 16).replace('T', ' ')} UTC</sub>`,
    ''
  ]
  const failed = failures(finished)
  const whole = job.each != null || (job.kind === 'exec' && job.map == null) ? [] : unlinked(job.map == null ? renderMarkdown(finished) : renderMapMarkdown(finished)).trimEnd().split('\n')
  const room = MAX_COMMENT - lengthOf([...head, ...failed, ...foot]) - 200

  return [...head, ...cutTo(whole, room), ...failed, ...foot].join('\n')
}

/** Whole lines that fit, and how many are not there. */
export function cutTo (lines: readonly string[], room: number): string[] {
  let used = 0
  const kept = lines.findIndex(line => (used += line.length + 1) > room)

  return kept < 0 ? [...lines] : [...lines.slice(0, kept), '', `${lines.length - kept} more lines are left out: a comment has room for so many only.`]
}

function lengthOf (lines: readonly string[]): number {
  return lines.reduce((sum, line) => sum + line.length + 1, 0)
}

function failures (finished: FinishedJob): string[] {
  const { each, map, kind } = finished.job
  const failed = kind === 'exec' && map == null ? rowsOf(finished).filter(({ problem }) => problem != null && isTaskEnd(problem.state)) : []
  const lines = failed.slice(0, MAX_FAILURES).map(({ worker, name, problem }) => `- ${plain(each == null ? name : `${itemTitle(worker, each.items)} on ${name}`)}: ${problem == null ? '' : plain(printable(problemText(problem), 200))}`)

  return failed.length === 0 ? [] : [...lines, ...failed.length > lines.length ? [`- and ${failed.length - lines.length} more`] : []]
}

function machines (finished: FinishedJob): string[] {
  const workers = distinctWorkers(finished.workers)
  const rows = workers.slice(0, MAX_WORKERS).map(({ info, result }) => {
    const { cpuModel, cores, memoryBytes, os, kernel } = info.resources
    const { noise } = result ?? {}
    const sandbox = result?.sandbox ?? info.sandbox

    return [
      printable(info.name, 60),
      printable(cpuModel, 60),
      cores === 0 ? '' : String(cores),
      memoryBytes === 0 ? '' : formatBytes(memoryBytes),
      printable(`${os}, ${kernel}`, 100),
      sandbox == null ? '' : sandboxWords(sandbox),
      noise == null ? '' : `${noise.grade}${noise.reasons.length === 0 ? '' : `: ${noise.reasons.slice(0, 4).map(reason => printable(reason, 160)).join('; ')}`}`
    ]
  })

  return [
    '| Worker | Processor | Cores | Memory | System | Sandbox | Noise |',
    '|:---|:---|---:|---:|:---|:---|:---|',
    ...rows.map(cells => `| ${cells.map(plain).join(' | ')} |`),
    ...workers.length > MAX_WORKERS ? ['', `and ${workers.length - MAX_WORKERS} more`] : [],
    ...finished.startSkewNs == null || workers.length < 2 ? [] : ['', `Start skew: ${plainTime(finished.startSkewNs)}.`],
    ''
  ]
}

function again ({ job }: FinishedJob): string[] {
  const { line, remarks } = commandLineOf(job)
  // a fence ends at as many backticks as it began with
  const text = printableLines(line, MAX_COMMAND)
  const fence = '`'.repeat(Math.max(3, ...[...text.matchAll(/`+/g)].map(([ticks]) => ticks.length + 1)))

  return [`${fence}sh`, text, fence, '', ...remarks.map(remark => `${plain(remark)}  `), '']
}

/** Text in which nothing is markup, a mention or a link. */
export function plain (text: string): string {
  return unlinked(escape(text).replace(/&/g, '&amp;'))
}

export function inCode (text: string): string {
  return `\`${printable(text, 200).replaceAll('`', "'")}\``
}

/** A name with an @ would call somebody, and one with # or :// would lead somewhere. */
function unlinked (text: string): string {
  return text.replace(/@/g, '@\u200b').replace(/#(?=\d)/g, '#\u200b').replace(/:\/\//g, ':\u200b//').replace(/\bwww\./gi, 'www\u200b.')
}
