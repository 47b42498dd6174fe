import { isTaskEnd } from '../../model/states.ts'
import { layOut } from '../../report/columns.ts'
import { isRestarting, standingOf } from './map-state.ts'
import { movingLines } from './moving-lines.ts'
import { formatAge } from '../common/rows.ts'
import type { Column } from '../../report/columns.ts'
import type { Output } from '../common/context.ts'
import type { MapEntryState, MapState, MapWorkerState } from './map-state.ts'

/** A screenful; more workers are counted, not listed. */
const MAX_LINES = 20

const COLUMNS: readonly Column[] = [
  { key: 'worker', title: 'worker', align: 'left', shrinkTo: 8 },
  { key: 'state', title: 'state', align: 'left' },
  { key: 'entry', title: 'command', align: 'left', shrinkTo: 12 },
  { key: 'restarts', title: 'restarts', align: 'right', drop: 1 },
  { key: 'heard', title: 'heard', align: 'right', drop: 2 },
  { key: 'line', title: 'last line', align: 'left', shrinkTo: 10, drop: 0 }
]

/** A map on its way, on stderr: a table that moves on a terminal, a line for each change elsewhere. */
export interface MapProgress {
  changed: (changes: ReadonlyArray<{ entry: MapEntryState, worker: MapWorkerState }>) => void
  /** One line, until the job is known. */
  say: (text: string) => void
  /** A line that stays. */
  note: (text: string) => void
  stop: () => void
}

export function mapProgress (state: MapState, stream: Output, quiet: boolean): MapProgress {
  if (quiet) {
    return { changed: () => {}, say: () => {}, note: () => {}, stop: () => {} }
  }

  return stream.isTTY === true ? movingTable(state, stream) : plainLines(stream)
}

function movingTable (state: MapState, stream: Output): MapProgress {
  const startedMs = performance.now()
  const lines = movingLines(stream, (width, height) => state.workers.size === 0 ? undefined : mapLines(state, performance.now(), performance.now() - startedMs, width, height))

  return { ...lines, changed: () => {} }
}

function plainLines (stream: Output): MapProgress {
  return {
    changed: changes => {
      for (const change of changes) {
        const line = changeLine(change)

        if (line != null) {
          stream.write(`${line}\n`)
        }
      }
    },
    say: () => {},
    note: line => { stream.write(`${line}\n`) },
    stop: () => {}
  }
}

/** `lab-1  2 of 5 solve: failed (exit 3)`: what a log is told; undefined for what only prepares. */
export function changeLine ({ entry, worker }: { entry: MapEntryState, worker: MapWorkerState }): string | undefined {
  const word = isRestarting(entry) ? (entry.state === 'queued' ? `failed, restarting (${entry.restarts})` : undefined) : entry.state === 'running' || isTaskEnd(entry.state) ? entry.state : undefined
  const told = entry.reason != null && entry.state !== 'running' && entry.state !== 'done' ? `: ${entry.reason}` : ''

  return word == null ? undefined : `${worker.name}  ${entry.number} of ${worker.entries.length} ${entry.title}  ${word}${told}`
}

/** The table, a line for each worker; beyond a screenful those that have ended are only counted. At most `height` lines. */
export function mapLines (state: MapState, nowMs: number, elapsedMs: number, width: number, height: number): string[] {
  const workers = [...state.workers.values()]
  const open = workers.filter(({ entries }) => entries.some(({ state }) => !isTaskEnd(state)))
  // beside the heading and the sum
  const room = Math.max(0, Math.min(MAX_LINES, height - 2))
  const listed = workers.length <= room ? workers : open.slice(0, room)
  const columns = listed.some(({ lastLine }) => lastLine != null) ? COLUMNS : COLUMNS.filter(({ key }) => key !== 'line')
  const entries = workers.flatMap(({ entries }) => entries)
  const count = (isOne: (entry: MapEntryState) => boolean): number => entries.filter(isOne).length
  const failed = count(({ state }) => isTaskEnd(state) && state !== 'done')

  return [
    ...listed.length === 0 ? [] : layOut(columns, listed.map(worker => ({ cells: cellsOf(worker, nowMs) })), width, title => title),
    [
      `${count(({ state }) => state === 'done')} of ${entries.length} done`,
      ...(failed > 0 ? [`${failed} failed or cancelled`] : []),
      ...(listed.length < workers.length ? [`${workers.length - listed.length} more ${workers.length - listed.length === 1 ? 'worker' : 'workers'}`] : []),
      formatAge(elapsedMs)
    ].join(' · ')
  ]
}

function cellsOf (worker: MapWorkerState, nowMs: number): Record<string, string> {
  const { word, entry } = standingOf(worker)
  const restarts = worker.entries.reduce((sum, { restarts }) => sum + restarts, 0)

  return {
    worker: worker.name,
    state: word,
    entry: entry == null ? `${worker.entries.length} of ${worker.entries.length}` : `${entry.number} of ${worker.entries.length} ${entry.title}${word === 'failed, restarting' && entry.reason != null ? `: ${entry.reason}` : ''}`,
    restarts: restarts === 0 ? '' : String(restarts),
    heard: worker.heardMs == null || entry == null ? '' : `${formatAge(Math.max(0, nowMs - worker.heardMs))} ago`,
    line: worker.lastLine ?? ''
  }
}
