import { MeshmarkError } from '../model/errors.ts'
import { parseSize } from '../model/units.ts'
import { execStatus } from '../roles/client/exec-status.ts'
import { finishedJob } from '../roles/client/finished.ts'
import { saveCollected, type Saved, type SavedFile } from '../roles/client/save-collected.ts'
import { collectedFiles, type CollectedFiles } from './collected.ts'
import { jobEvent, type JobEvent } from './events.ts'
import { itemResults, type ItemResult } from './items.ts'
import { mapResult, TaskOutputs, type MapCommandOutput, type MapCommandResult, type MapResult } from './map-result.ts'
import { Results } from './results.ts'
import { textOf } from './values.ts'
import type { Size } from './options.ts'
import type { ExecutionResult } from '../model/result.ts'
import type { JobView, SubmitReply } from '../node/protocol/submit/messages.ts'
import type { Client, Submitted } from '../roles/client/types.ts'

export interface SignalOptions {
  /** Stops waiting; the job goes on. */
  signal?: AbortSignal
}

export interface EventOptions extends SignalOptions {
  /** What the program prints, too. @default true */
  output?: boolean
  /** Stay until the job has ended. @default true */
  follow?: boolean
}

export interface ItemOptions extends SignalOptions {
  /** In the order of the items instead of as they end. @default false */
  ordered?: boolean
}

export interface MapResultOptions extends SignalOptions {
  /** Of all output together at most so much is kept in memory. @default '64M' */
  maxOutput?: Size
}

export interface CollectOptions extends SignalOptions {
  /** Write over files that are there. @default false */
  force?: boolean
  /** After each file. */
  onFile?: (file: SavedFile) => void
}

/** How a program that was handed out has ended. */
export interface ExecResult {
  /** ULID of the job. */
  job: string
  /** As of `meshmark exec`: the program's own exit status, 128 + n after signal n, 125 when Meshmark failed, 126 not executable, 127 not found; of several tasks the highest. */
  code: number
  /** Of all tasks, one after the other. */
  stdout: Buffer
  stderr: Buffer
  tasks: ExecTask[]
}

export interface ExecTask {
  task: string
  /** Name of the worker; empty when none had it. */
  worker: string
  code: number
  /** One line, where the code is not the program's own, or a limit ended it. */
  message?: string
  stdout: Buffer
  stderr: Buffer
  /** The worker's own record. */
  result?: ExecutionResult
}

/** A job that a master has accepted. It goes on whatever becomes of this object. */
export class MeshJob {
  /** ULID. */
  readonly id: string
  /** Names of the masters on which it is durable, where that is known. */
  readonly masters: string[]
  /** What a person should know: files that stay here, parameters that stand nowhere. */
  readonly hints: string[]
  readonly #client: () => Client

  /** @internal */
  constructor (client: () => Client, { id, masters }: Pick<Submitted, 'id' | 'masters'>, hints: string[] = []) {
    this.#client = client
    this.id = id
    this.masters = masters
    this.hints = hints
  }

  /** Follows it; the last event is `end`. Reconnects by itself, and no byte of output comes twice. */
  async * events ({ output = true, follow, signal }: EventOptions = {}): AsyncGenerator<JobEvent, void, undefined> {
    for await (const reply of this.#replies({ output, follow, signal })) {
      const event = jobEvent(reply)

      if (event != null) {
        yield event
      }
    }
  }

  /** Its results, when it has ended. */
  async results ({ signal }: SignalOptions = {}): Promise<Results> {
    const results = new Map<string, ExecutionResult>()
    let end: JobView | undefined

    for await (const reply of this.#client().attach(this.id, { output: false, signal })) {
      if (reply.kind === 'result') {
        results.set(reply.task, reply.result)
      } else if (reply.kind === 'end') {
        end = reply.view
      }
    }

    return new Results(finishedJob({ view: ended(end), results }))
  }

  /** Of a job of `exec` without items: its output and exit status, when it has ended. Held in memory, up to the job's `outputLimit`. */
  async execResult ({ signal }: SignalOptions = {}): Promise<ExecResult> {
    const outputs = new Map<string, { stdout: Uint8Array[], stderr: Uint8Array[] }>()
    const results = new Map<string, ExecutionResult>()
    let end: JobView | undefined

    for await (const reply of this.#client().attach(this.id, { output: true, signal })) {
      if (reply.kind === 'output') {
        const output = outputs.get(reply.task) ?? { stdout: [], stderr: [] }

        output[reply.stream].push(reply.data)
        outputs.set(reply.task, output)
      } else if (reply.kind === 'result') {
        results.set(reply.task, reply.result)
      } else if (reply.kind === 'end') {
        end = reply.view
      }
    }

    const tasks = ended(end).tasks.map(({ task, worker, workerName, reason, state }): ExecTask => {
      const result = results.get(task)
      const { stdout = [], stderr = [] } = outputs.get(task) ?? {}

      return { task, worker: worker == null ? '' : workerName, ...execStatus(result, reason ?? state), stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr), ...(result == null ? {} : { result }) }
    })

    return {
      job: this.id,
      code: tasks.length === 0 ? 125 : Math.max(...tasks.map(({ code }) => code)),
      stdout: Buffer.concat(tasks.map(({ stdout }) => stdout)),
      stderr: Buffer.concat(tasks.map(({ stderr }) => stderr)),
      tasks
    }
  }

  /** Of a map: every command of every worker, when it has ended, with what it has printed. */
  async mapResult ({ maxOutput = '64M', signal }: MapResultOptions = {}): Promise<MapResult<MapCommandResult & MapCommandOutput>> {
    const outputs = new TaskOutputs(parseSize(textOf(maxOutput, 'maxOutput'), 'maxOutput'))
    const results = new Map<string, ExecutionResult>()
    let end: JobView | undefined

    for await (const reply of this.#client().attach(this.id, { output: true, signal })) {
      if (reply.kind === 'output') {
        outputs.take(reply.task, reply.stream, reply.data)
      } else if (reply.kind === 'result') {
        results.set(reply.task, reply.result)
      } else if (reply.kind === 'end') {
        end = reply.view
      }
    }

    const view = ended(end)

    if (view.job.map == null) {
      throw new MeshmarkError('usage', 'this job is no map: see its results(), execResult() or items()')
    }

    const { workers, ...rest } = mapResult(finishedJob({ view, results }))

    return { ...rest, workers: workers.map(({ commands, ...worker }) => ({ ...worker, commands: commands.map(command => ({ ...command, ...outputs.of(command.task) })) })) }
  }

  /** The files that its tasks have brought back so far, by worker. */
  async collected ({ signal }: SignalOptions = {}): Promise<CollectedFiles> {
    return collectedFiles(this.#client, this.id, { signal })
  }

  /** Writes them: a folder for each worker, in it one for each item or command of a map. Nothing is written when a file is in the way. */
  async collect (dir: string, { force, onFile, signal }: CollectOptions = {}): Promise<Saved> {
    return saveCollected(this.#client(), this.id, dir, { force, onFile, signal })
  }

  /** Of a job with items: each of them when it has ended, with its output. */
  items ({ ordered, signal }: ItemOptions = {}): AsyncGenerator<ItemResult, void, undefined> {
    return itemResults(this.#client().attachItems(this.id, { ordered, texts: true, signal }))
  }

  /** Resolves when every worker has confirmed; `pending` names those that will hear of it when they are back. */
  async cancel ({ signal }: SignalOptions = {}): Promise<{ pending: string[] }> {
    const { pending } = await this.#client().cancel(this.id, { signal })

    return { pending }
  }

  async * #replies ({ output, follow, signal }: EventOptions): AsyncGenerator<SubmitReply> {
    const client = this.#client()
    const { view } = await client.show(this.id, 'none', { signal })

    yield * view.job.each == null
      ? client.attach(this.id, { output, follow, signal })
      : client.attachItems(this.id, { follow, signal })
  }
}

function ended (view: JobView | undefined): JobView {
  if (view == null) {
    throw new MeshmarkError('failed', 'the master stopped telling about the job before its end: attach again')
  }

  return view
}
