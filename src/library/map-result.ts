import { MeshmarkError } from '../model/errors.ts'
import { parseMapTask } from '../model/map.ts'
import { exitCodeOf } from '../report/exit-code.ts'
import { inListOrder, type MapRow, mapRows, renderMap } from '../report/map-table.ts'
import { exitStatus } from '../roles/client/exec-status.ts'
import type { FinishedJob } from '../model/finished.ts'
import type { LimitName } from '../model/limits.ts'
import type { TaskState } from '../model/states.ts'
import type { JobView } from '../node/protocol/submit/messages.ts'

/** One command of a worker's list, and what became of it. */
export interface MapCommandResult {
  /** Of the task, as events name it. */
  task: string
  /** Its place in the worker's list, from 1. */
  number: number
  title: string
  /** `done` = it succeeded in the end. */
  state: TaskState
  /** Of its last run, as a shell says it; absent when it did not come to its end. */
  code?: number
  /** Why, in one line, where the state is not `done`. */
  reason?: string
  limit?: LimitName
  /** How often it was run again. */
  restarts: number
  /** Of the last run. */
  wallNs?: number
}

export interface MapCommandOutput {
  /** Of all its runs, one after the other. */
  stdout: Buffer
  stderr: Buffer
  /** There is more than what was kept: `mesh.logs(job, { worker, command })` has all of it. */
  truncated: boolean
}

export interface MapWorkerResult<C extends MapCommandResult = MapCommandResult> {
  worker: string
  peerId: string
  /** In the order in which they are done. */
  commands: C[]
}

/** What came of a map. */
export interface MapResult<C extends MapCommandResult = MapCommandResult> {
  /** ULID of the job. */
  job: string
  /** As of `meshmark map`: 0 when every command succeeded, else 1. */
  code: 0 | 1
  /** By name. */
  workers: Array<MapWorkerResult<C>>
  /** The table of the command line, a newline at its end. */
  text: () => string
}

/** Without what was printed. */
export function mapResult (finished: FinishedJob): MapResult {
  const workers = new Map<string, MapWorkerResult>()

  for (const row of mapRows(finished)) {
    const peerId = parseMapTask(row.worker.task).worker
    const known = workers.get(peerId) ?? { worker: row.worker.info.name, peerId, commands: [] }

    known.commands.push(commandResult(row))
    workers.set(peerId, known)
  }

  return {
    job: finished.job.id,
    code: exitCodeOf(finished) === 0 ? 0 : 1,
    workers: [...workers.values()],
    text: () => renderMap(finished, { colour: false, width: 160, allRows: true })
  }
}

function commandResult ({ worker: { task, state, reason, result }, number, command, restarts, wallNs }: MapRow): MapCommandResult {
  const sample = result?.commands[0]?.samples.at(-1)
  const why = state === 'done' ? undefined : result?.commands[0]?.notRun?.message ?? reason ?? result?.reason

  return {
    task,
    number,
    title: command,
    state,
    ...(sample == null ? {} : { code: exitStatus(sample.exit) }),
    ...(why == null ? {} : { reason: why }),
    ...(sample?.limit == null ? {} : { limit: sample.limit }),
    restarts,
    ...(wallNs == null ? {} : { wallNs })
  }
}

/** Which tasks are the command of this number in their worker's list, over all lists of that worker. Throws `usage` for a job that is no map. */
export function isNumbered ({ job, tasks }: Pick<JobView, 'job' | 'tasks'>, number: number): (task: string) => boolean {
  if (job.map == null) {
    throw new MeshmarkError('usage', 'only a map has numbered commands')
  }

  const lists = new Map<string, string[]>()

  for (const { task } of [...tasks].sort((a, b) => inListOrder(a.task, b.task))) {
    const { worker } = parseMapTask(task)
    const list = lists.get(worker)

    if (list == null) {
      lists.set(worker, [task])
    } else {
      list.push(task)
    }
  }

  const asked = new Set([...lists.values()].map(list => list[number - 1]))

  return task => asked.has(task)
}

interface Kept { stdout: Uint8Array[], stderr: Uint8Array[], truncated: boolean }

/** Keeps of each task what it prints, of all of them together no more than there is room for. */
export class TaskOutputs {
  readonly #tasks = new Map<string, Kept>()
  #room: number

  constructor (maxBytes: number) {
    this.#room = maxBytes
  }

  take (task: string, stream: 'stdout' | 'stderr', data: Uint8Array): void {
    const kept = this.#tasks.get(task) ?? { stdout: [], stderr: [], truncated: false }
    const piece = data.subarray(0, this.#room)

    kept.truncated ||= piece.byteLength < data.byteLength
    this.#room -= piece.byteLength

    if (piece.byteLength > 0) {
      kept[stream].push(piece)
    }

    this.#tasks.set(task, kept)
  }

  get truncated (): boolean {
    return [...this.#tasks.values()].some(({ truncated }) => truncated)
  }

  of (task: string): MapCommandOutput {
    const { stdout = [], stderr = [], truncated = false } = this.#tasks.get(task) ?? {}

    return { stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr), truncated }
  }
}
