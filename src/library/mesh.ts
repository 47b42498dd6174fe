import { distribute } from '../functions/index.ts'
import { MeshmarkError } from '../model/errors.ts'
import { parseDuration } from '../model/units.ts'
import { finishedJob, resultsOf } from '../roles/client/finished.ts'
import { clientOf, register, unregister } from '../roles/client/handles.ts'
import { jobInfo, type JobInfo } from './events.ts'
import { type ExecResult, type ItemOptions, type MapResultOptions, MeshJob, type SignalOptions } from './job.ts'
import { isNumbered } from './map-result.ts'
import { type PlanInfo, planInfo } from './plan.ts'
import { MAX_CHANGES, Profile, readProfile } from './profile.ts'
import { draftOf } from './request.ts'
import { Results } from './results.ts'
import { Tokens } from './tokens.ts'
import { countOf, textOf } from './values.ts'
import type { Distributed, DistributeOptions } from '../functions/index.ts'
import type { ItemResult } from './items.ts'
import type { AnyJobOptions, CommandLine, CompareOptions, Duration, ExecOptions, JobSpec, MapOptions, MapSpec, MeasureOptions } from './options.ts'
import type { JobKind } from '../model/job.ts'
import type { ProfileChange } from '../model/profile.ts'
import type { JobState } from '../model/states.ts'
import type { JobRow, NodeRow } from '../node/protocol/submit/messages.ts'
import type { Client, ConnectOptions as ClientOptions } from '../roles/client/types.ts'

export interface SubmitOptions extends SignalOptions {
  onUpload?: (sentBytes: number, totalBytes: number) => void
}

export interface LogOptions extends SignalOptions {
  /** Only what was printed on the worker of this name. */
  worker?: string
  /** Of a map: only what this command of each worker's list has printed, from 1. */
  command?: number
  /** Go on until the job has ended. @default false */
  follow?: boolean
}

export interface JobsOptions extends SignalOptions {
  /** @default 20 */
  limit?: number
  state?: JobState
  /** Its whole name; `*` stands for any characters. */
  name?: string
  /** Only measured ones, or only those that were handed out. */
  kind?: JobKind
  /** Only those of which a task did not end well. */
  failed?: boolean
  /** Accepted no longer ago. */
  within?: Duration
}

export interface ProfileOptions extends SignalOptions {
  /** So far back. @default all that the master keeps, a day at most */
  since?: Duration
  /** Only what ran for this job, and no states: its id, the end of it, its name, or `@last`. */
  job?: string
}

export interface LogPiece {
  task: string
  worker: string
  stream: 'stdout' | 'stderr'
  data: Uint8Array
}

type Connect = (options: ClientOptions) => Promise<Client>

/** A connection to a mesh, as `connect()` makes it. Everything throws `MeshmarkError`s. */
export class Mesh {
  /** Join tokens and memberships; needs a machine that may administer the mesh. */
  readonly tokens: Tokens
  readonly #connect: Connect
  readonly #options: ClientOptions
  #admin?: Promise<Client>
  #closing?: Promise<void>

  /** @internal */
  constructor (client: Client, connect: Connect, options: ClientOptions) {
    this.#connect = connect
    this.#options = options
    this.tokens = new Tokens(async () => this.#asAdmin())
    register(this, client)
  }

  /** The mesh's id. */
  get id (): string {
    return clientOf(this).meshId
  }

  /** This client's own id. */
  get peerId (): string {
    return clientOf(this).peerId
  }

  /** The master that answered last. */
  get master (): { peerId: string, name: string, address: string } {
    return clientOf(this).master
  }

  /** Measures on every worker, several commands side by side. An abort cancels the job. */
  async run (command: CommandLine | { commands: readonly CommandLine[] }, options: MeasureOptions & SubmitOptions = {}): Promise<Results> {
    const commands = isCommandLine(command) ? [command] : command.commands

    return this.#toItsEnd({ kind: 'run', commands }, options, async (job, signal) => job.results({ signal }))
  }

  /** Compares commands with the first one, in pairs of runs. An abort cancels the job. */
  async compare (commands: readonly CommandLine[], options: CompareOptions & SubmitOptions = {}): Promise<Results> {
    return this.#toItsEnd({ kind: 'compare', commands }, options, async (job, signal) => job.results({ signal }))
  }

  /** Runs once on any free worker. An abort cancels the job. */
  async exec (command: CommandLine, options: ExecOptions & SubmitOptions = {}): Promise<ExecResult> {
    return this.#toItsEnd({ kind: 'exec', command }, options, async (job, signal) => job.execResult({ signal }))
  }

  /** Runs once for each item, on all free workers. Whoever leaves the loop early, or aborts, cancels the rest. */
  async * each (command: CommandLine, items: readonly string[], { signal, onUpload, ordered, ...options }: ExecOptions & SubmitOptions & ItemOptions = {}): AsyncGenerator<ItemResult, void, undefined> {
    const job = await this.submit({ kind: 'each', command, items, ...options }, { signal, onUpload })
    let isWhole = false

    try {
      yield * job.items({ ordered, signal })
      isWhole = true
    } finally {
      if (!isWhole) {
        await job.cancel().catch(() => {})
      }
    }
  }

  /** Each worker its own list of commands: what a map file says, or `{ file }` that says it. An abort cancels the job. */
  async map (map: MapSpec['map'], { maxOutput, ...options }: MapOptions & SubmitOptions & Pick<MapResultOptions, 'maxOutput'> = {}): Promise<Awaited<ReturnType<MeshJob['mapResult']>>> {
    return this.#toItsEnd({ kind: 'map', map }, options, async (job, signal) => job.mapResult({ maxOutput, signal }))
  }

  /** A function whose calls run on free workers of this mesh. */
  distribute<A extends unknown[], R> (fn: (...args: A) => R, options: Omit<DistributeOptions, 'mesh'> = {}): Distributed<A, R> {
    return distribute(fn, { ...options, mesh: this })
  }

  /** Resolves when a master has accepted the job, which means that it is durable. */
  async submit (spec: JobSpec, { signal, onUpload }: SubmitOptions = {}): Promise<MeshJob> {
    signal?.throwIfAborted()

    const { draft, hints } = await draftOf(spec)
    const submitted = await clientOf(this).submit(draft, { signal, onUpload })

    return new MeshJob(() => clientOf(this), submitted, hints)
  }

  /** What would become of the job if it were submitted now; throws what `submit` would throw. Nothing is submitted. */
  async plan (spec: JobSpec, { signal }: SignalOptions = {}): Promise<PlanInfo> {
    signal?.throwIfAborted()

    const { draft, hints } = await draftOf(spec)

    return planInfo(await clientOf(this).plan(draft, { signal }), draft, hints)
  }

  /** A job of this client: its id or the end of it, its name, or `@last`. */
  async attach (selector: string, { signal }: SignalOptions = {}): Promise<MeshJob> {
    const { view } = await clientOf(this).show(selector, 'none', { signal })

    return new MeshJob(() => clientOf(this), { id: view.job.id, masters: [] })
  }

  /** What there is of a job now, ended or not. */
  async show (selector: string, { signal }: SignalOptions = {}): Promise<{ view: JobInfo, results: Results }> {
    const { view, events } = await clientOf(this).show(selector, undefined, { signal })

    return { view: jobInfo(view), results: new Results(finishedJob({ view, results: resultsOf(events) })) }
  }

  /** What programs have printed; of a measured one, its first run. */
  async * logs (selector: string, { worker, command, follow = false, signal }: LogOptions = {}): AsyncGenerator<LogPiece, void, undefined> {
    const client = clientOf(this)
    const { view } = await client.show(selector, 'none', { signal })
    const names = new Map<string, string>()
    const isAsked = command == null ? () => true : isNumbered(view, command)
    const replies = view.job.each == null
      ? client.attach(view.job.id, { output: true, follow, signal })
      : client.attachItems(view.job.id, { ordered: true, follow, signal })

    for await (const reply of replies) {
      const pieces: LogPiece[] = []

      if (reply.kind === 'job') {
        reply.view.tasks.forEach(({ task, workerName }) => { names.set(task, workerName) })
      } else if (reply.kind === 'task') {
        names.set(reply.view.task, reply.view.workerName)
      } else if (reply.kind === 'output') {
        pieces.push({ task: reply.task, worker: names.get(reply.task) ?? '', stream: reply.stream, data: reply.data })
      } else if (reply.kind === 'items') {
        for (const item of reply.items) {
          names.set(item.task, item.workerName)
          pieces.push(...(['stdout', 'stderr'] as const).flatMap(stream => item[stream] == null ? [] : [{ task: item.task, worker: item.workerName, stream, data: item[stream]! }]))
        }
      }

      yield * pieces.filter(piece => (worker == null || piece.worker === worker) && isAsked(piece.task))
    }
  }

  async cancel (selector: string, { signal }: SignalOptions = {}): Promise<{ id: string, pending: string[] }> {
    return clientOf(this).cancel(selector, { signal })
  }

  /** Masters and workers, who coordinates, what they have and what they do. */
  async nodes ({ signal }: SignalOptions = {}): Promise<NodeRow[]> {
    return clientOf(this).nodes({ signal })
  }

  /** Newest first, those of other clients only for an administrator. */
  async jobs ({ limit = 20, signal, state, name, kind, failed, within }: JobsOptions = {}): Promise<JobRow[]> {
    return (await clientOf(this).jobs(limit, { signal, state, name, jobKind: kind, failed, withinMs: withinOf(within, '--within') })).sort((a, b) => b.acceptedAt - a.acceptedAt)
  }

  /** What the workers did, and how busy they were: everything that one master knows now, or the latest `limit` changes. */
  async profile ({ since, job, limit, signal }: ProfileOptions & { limit?: number } = {}): Promise<Profile> {
    return new Profile(await readProfile(clientOf(this), { withinMs: withinOf(since, '--since'), job, limit: countOf(limit, 'limit', 1, MAX_CHANGES), signal }))
  }

  /** The same, each change as it comes, until the signal aborts or the loop is left. */
  async * profileEvents ({ since, job, signal }: ProfileOptions = {}): AsyncGenerator<ProfileChange, void, undefined> {
    for await (const { changes } of clientOf(this).profile({ follow: true, withinMs: withinOf(since, '--since'), job, signal })) {
      yield * changes
    }
  }

  /** Gives a worker nothing new, or, with `undo`, work again. Needs a machine that may administer the mesh. */
  async drain (node: string, { undo = false, signal }: SignalOptions & { undo?: boolean } = {}): Promise<string> {
    return (await this.#asAdmin()).drain(node, undo, { signal })
  }

  /** Jobs go on. May be called twice. */
  async close (): Promise<void> {
    this.#closing ??= this.#close()

    return this.#closing
  }

  async [Symbol.asyncDispose] (): Promise<void> {
    await this.close()
  }

  async #close (): Promise<void> {
    const client = clientOf(this)

    unregister(this)
    await Promise.all([client.close(), this.#admin?.then(async admin => admin.close(), () => {})])
  }

  async #toItsEnd<T> (spec: JobSpec, { signal, onUpload, ...options }: AnyJobOptions & SubmitOptions, wait: (job: MeshJob, signal?: AbortSignal) => Promise<T>): Promise<T> {
    const job = await this.submit({ ...spec, ...options } as JobSpec, { signal, onUpload })

    try {
      return await wait(job, signal)
    } catch (err) {
      if (signal?.aborted === true) {
        // nobody else knows of it
        await job.cancel().catch(() => {})
      }

      throw err
    }
  }

  /** An administrator is a client of its own: what needs none is never asked as one. */
  async #asAdmin (): Promise<Client> {
    if (this.#closing != null) {
      throw new MeshmarkError('usage', 'this mesh is closed: connect first')
    }

    this.#admin ??= this.#connect({ ...this.#options, role: 'admin', mesh: this.id, signal: undefined })
    this.#admin.catch(() => { this.#admin = undefined })

    return this.#admin
  }
}

function isCommandLine (command: CommandLine | { commands: readonly CommandLine[] }): command is CommandLine {
  return typeof command === 'string' || Array.isArray(command)
}

function withinOf (value: Duration | undefined, option: string): number | undefined {
  return value == null ? undefined : Math.round(parseDuration(textOf(value, option), option))
}

/** Milliseconds of a duration that may be none. */
export function timeoutOf (value: string | number | undefined): number | undefined {
  return value == null ? undefined : parseDuration(textOf(value, 'timeout'), 'timeout')
}
