import { constants } from 'node:os'
import { printable } from '../model/text.ts'
import type { ItemEnd } from '../node/protocol/submit/messages.ts'

const COLUMNS = ['Seq', 'Host', 'Starttime', 'JobRuntime', 'Send', 'Receive', 'Exitval', 'Signal', 'Command']

/** As GNU parallel writes it (`--joblog`). */
export const JOBLOG_HEADER = `${COLUMNS.join('\t')}\n`

/** Of what was never run, and has no exit status of its own. */
const NOT_RUN = 125

/** What a log says of one item. */
export interface JoblogLine {
  seq: number
  succeeded: boolean
  command: string
}

/**
 * A line for an item that ended, in GNU parallel's columns: times in seconds
 * by the worker's clock, as Receive what it printed. Undefined for an item
 * that has no end of its own (cancelled, lost, interrupted): it is to be run
 * again.
 */
export function joblogLine (item: ItemEnd, command: string): string | undefined {
  const { task, workerName, state, exit, startedAt = 0, wallNs = 0, stdoutBytes, stderrBytes } = item

  if (state !== 'done' && state !== 'failed' && state !== 'limit' && state !== 'not-run') {
    return undefined
  }

  const signal = exit?.kind === 'signal' ? constants.signals[exit.signal as NodeJS.Signals] ?? 0 : 0
  const code = exit?.kind === 'code' ? exit.code : 0
  // a limit is no success, whatever the program said in the end
  const exitval = exit == null ? NOT_RUN : state !== 'done' && code === 0 && signal === 0 ? 1 : code

  return `${[task, printable(workerName, 100), (startedAt / 1e3).toFixed(3), (wallNs / 1e9).toFixed(3).padStart(10), 0, stdoutBytes + stderrBytes, exitval, signal, joblogCommand(command)].join('\t')}\n`
}

/** On one line, as GNU parallel has it; two commands that differ here differ there. */
export function joblogCommand (command: string): string {
  return command.replaceAll('\\', '\\\\').replaceAll('\t', '\\t').replaceAll('\n', '\\n').replaceAll('\r', '\\r')
}

/** Undefined for anything but a line of a log. */
export function readJoblogLine (line: string): JoblogLine | undefined {
  const fields = line.split('\t')
  const [seq = '', , , , , , exitval = '', signal = ''] = fields.map(field => field.trim())

  if (fields.length < COLUMNS.length || !/^[1-9]\d{0,8}$/.test(seq) || !/^-?\d+$/.test(exitval) || !/^\d+$/.test(signal)) {
    return undefined
  }

  return { seq: Number(seq), succeeded: Number(exitval) === 0 && Number(signal) === 0, command: fields.slice(COLUMNS.length - 1).join('\t') }
}
