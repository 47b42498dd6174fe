import { setTimeout as delay } from 'node:timers/promises'
import { isMeshmarkError, MeshmarkError } from '../../model/errors.ts'
import { executionId, parseExecutionId, shortJobId } from '../../model/ids.ts'
import { isTaskEnd } from '../../model/states.ts'
import { submit } from '../../node/protocol/submit/index.ts'
import { Attachment } from './attachment.ts'
import { isCancelPending } from './coordinator/tasks.ts'
import { hindrancesOf } from './coordinator/why.ts'
import { ItemAttachment } from './item-attachment.ts'
import { findJob } from './find-job.ts'
import { jobFilter } from './job-filter.ts'
import { Relay } from './relay.ts'
import { Submissions } from './submissions.ts'
import { filteredJob, isCounted, itemEnd, itemsJobView, jobRow, jobView, masterRow, startSkew, workerRow } from './views.ts'
import type { CollectedFiles } from './collected-files.ts'
import type { JobEntry, TaskEntry } from './coordinator/state.ts'
import type { Asker, Findable } from './find-job.ts'
import type { MissingOutput } from './missing-output.ts'
import type { Outputs } from './outputs.ts'
import type { Pages } from './pages.ts'
import type { Recorder } from './recorder.ts'
import type { Client } from './relay.ts'
import type { SubmissionComponents } from './submissions.ts'
import type { Watchers } from './watchers.ts'
import type { ExecutionResult } from '../../model/result.ts'
import type { MeshNode, Peer } from '../../node/mesh-node.ts'
import type { Channel } from '../../node/protocol/protocol.ts'
import type { AskReply, AskRequest } from '../../node/protocol/masters/messages.ts'
import type { JobRow, JobView, NodeRow, SubmitReply, SubmitRequest } from '../../node/protocol/submit/messages.ts'

/** A cancel is answered after this at the latest, with the names of the workers that have not confirmed. */
const CANCEL_PATIENCE_MS = 20_000

/** A job that the client has just submitted elsewhere may be on its way here. */
const ARRIVAL_MS = 2_000
const ARRIVAL_CHECK_MS = 50

/** Items of one message of `show`. */
const ITEMS_PAGE = 256

export interface SubmitComponents extends Omit<SubmissionComponents, 'relay' | 'awaitJob'> {
  node: MeshNode
  version: string
  pages: Pages
  outputs: Outputs
  files: CollectedFiles
  missingOutput: MissingOutput
  watchers: Watchers
  recorder: Pick<Recorder, 'answer'>
}

/** Made once: a comparison that makes its own costs as much as a hundred of this one's. */
const BY_NAME = new Intl.Collator('en', { numeric: true })

/** Answers clients: submit, attach, cancel, nodes, jobs, show, profile. Any master can; what changes anything is done by the coordinator. */
export class SubmitHandler {
  readonly #components: SubmitComponents
  readonly #relay: Relay
  readonly #submissions: Submissions

  constructor (components: SubmitComponents) {
    this.#components = components
    this.#relay = new Relay(components)
    this.#submissions = new Submissions({ ...components, relay: this.#relay, awaitJob: async (id, client) => this.#find(id, client) })
  }

  start (): void {
    this.#components.node.handle(submit, async (channel, peer) => this.#serve(channel, peer))
  }

  /** What a client has said to another master. */
  async relayed (message: Extract<AskRequest, { kind: 'relay' }>, peer: Peer): Promise<AskReply> {
    return this.#relay.answer(message, peer, async (request, client, hops) => {
      try {
        return await this.#steer(request, client, hops)
      } catch (err) {
        return refusal(err)
      }
    })
  }

  async #serve (channel: Channel<SubmitRequest, SubmitReply>, peer: Peer): Promise<void> {
    const message = await channel.receive()

    if (message == null) {
      return
    }

    try {
      await this.#answer(message, channel, peer)
    } catch (err) {
      await channel.send(refusal(err))
    }
  }

  async #answer (message: SubmitRequest, channel: Channel<SubmitRequest, SubmitReply>, peer: Peer): Promise<void> {
    const asker: Client = { peerId: peer.id, admin: peer.roles.has('admin'), name: peer.name }

    switch (message.kind) {
      case 'submit':
      case 'cancel':
        return channel.send(await this.#steer(message, asker))
      case 'plan':
        return channel.send(await this.#submissions.withContent(await this.#steer(message, asker)))
      case 'attach': {
        const entry = await this.#find(message.selector, asker)

        return new Attachment(this.#components, entry, channel, message).follow(message.follow, leaving(channel))
      }
      case 'attach-items': {
        const entry = await this.#find(message.selector, asker)

        if (entry.job.each == null) {
          throw new MeshmarkError('usage', `job ${shortJobId(entry.job.id)} has no items: follow it as any other`)
        }

        return new ItemAttachment(this.#components, entry, channel, message).follow(leaving(channel))
      }
      case 'nodes':
        for (const row of this.#nodes()) {
          await channel.send({ kind: 'node', row })
        }
        return
      case 'jobs':
        return this.#list(message, channel, asker)
      case 'page':
        return channel.send(await this.#components.pages.answer(message, asker))
      case 'files':
        return this.#files(await this.#find(message.selector, asker), channel)
      case 'chunks':
        return this.#chunks(message, channel, asker)
      case 'show':
        return this.#show(await this.#find(message.selector, asker), message.items, asker.peerId, channel)
      case 'profile': {
        const job = message.selector == null ? undefined : (await this.#find(message.selector, asker)).job.id

        return this.#components.recorder.answer(channel, { withinMs: message.withinMs, job, isVisible: client => this.#isVisible(client, asker) }, message.follow ? leaving(channel) : undefined)
      }
    }
  }

  async #list ({ limit, ...filter }: Extract<SubmitRequest, { kind: 'jobs' }>, channel: Channel<SubmitRequest, SubmitReply>, asker: Client): Promise<void> {
    const { coordinator: { state }, archive } = this.#components
    const nowMs = Date.now()
    const sinceMs = nowMs - (filter.withinMs ?? Infinity)
    const isWanted = jobFilter(filter, nowMs)
    const inMemory = [...state.jobs.values()]
      .filter(entry => this.#isVisible(entry.job.client, asker) && isWanted(filteredJob(entry)))
      .sort((a, b) => b.acceptedAtMs - a.acceptedAtMs)
    let left = limit
    let at = 0

    // the finished ones come in order, so both are merged as they are sent
    for (const job of archive.latest()) {
      const { id, client, acceptedAtMs } = job

      if (left === 0) {
        return
      }

      if (acceptedAtMs < sinceMs) {
        break
      }

      if (!this.#isVisible(client, asker) || !isWanted(job) || state.jobs.has(id)) {
        continue
      }

      for (; left > 0 && at < inMemory.length && inMemory[at]!.acceptedAtMs >= acceptedAtMs; left--) {
        await channel.send({ kind: 'row', row: this.#row(inMemory[at++]!, asker) })
      }

      const row = left === 0 ? undefined : await archive.row(id, asker.peerId)

      if (row != null) {
        left--
        await channel.send({ kind: 'row', row: { ...row, mine: this.#isOwn(client, asker) } })
      }
    }

    for (const entry of inMemory.slice(at, at + left)) {
      await channel.send({ kind: 'row', row: this.#row(entry, asker) })
    }
  }

  #row (entry: JobEntry, asker: Asker): JobRow {
    return { ...jobRow(entry, asker.peerId), mine: this.#isOwn(entry.job.client, asker) }
  }

  /** A client and the pages that it has opened see the same. */
  #isOwn (client: string, asker: Asker): boolean {
    const { principalOf } = this.#components

    return client === asker.peerId || principalOf(client) === principalOf(asker.peerId)
  }

  /** A client sees its own jobs, an administrator all. */
  #isVisible (client: string, asker: Asker): boolean {
    return asker.admin || this.#isOwn(client, asker)
  }

  async #show (entry: JobEntry, items: Extract<SubmitRequest, { kind: 'show' }>['items'], viewer: string, channel: Channel<SubmitRequest, SubmitReply>): Promise<void> {
    const { jobs } = this.#components

    if (items != null && entry.job.each != null) {
      return this.#showItems(entry, items, viewer, channel)
    }

    const starts: Array<Pick<ExecutionResult, 'start'>> = []

    // of a task that ran twice one record counts; the view names the others
    for await (const result of items === 'none' ? [] : jobs.eachResult(entry.job.id)) {
      if (isCounted(entry, result.key)) {
        starts.push({ start: result.start })
        await channel.send({ kind: 'result', task: result.key.task, result })
      }
    }

    return channel.send({ kind: 'end', view: { ...jobView(entry, startSkew(starts), await jobs.conflicting(entry.job.id)), ...this.#hindrances(entry, viewer) } })
  }

  /** Every record that has brought files back, or should have. */
  async #files (entry: JobEntry, channel: Channel<SubmitRequest, SubmitReply>): Promise<void> {
    const { jobs, coordinator: { state } } = this.#components

    for await (const { key, collected } of jobs.eachResult(entry.job.id)) {
      const { info } = entry.tasks.get(key.task) ?? {}

      if (collected != null) {
        await channel.send({ kind: 'files', execution: executionId(key), workerName: (info?.peerId === key.worker ? info : state.workers.get(key.worker)?.info)?.name ?? key.worker.slice(-8), collected })
      }
    }

    return channel.send({ kind: 'end', view: entry.job.each == null ? jobView(entry) : itemsJobView(entry, true) })
  }

  /** Closed behind the last one. */
  async #chunks ({ execution, from }: Extract<SubmitRequest, { kind: 'chunks' }>, channel: Channel<SubmitRequest, SubmitReply>, asker: Client): Promise<void> {
    // only who may see the job
    await this.#find(parseExecutionId(execution).job, asker)

    const result = await this.#components.jobs.result(execution)

    if (result == null) {
      throw new MeshmarkError('failed', `there is no record of execution ${execution} here`)
    }

    const source = await this.#components.files.open(result)

    try {
      for (let index = from; index < source.manifest.chunks.length; index++) {
        await channel.send({ kind: 'chunk', index, data: await source.readChunk(index) })
      }
    } finally {
      await source.close()
    }
  }

  async #showItems (entry: JobEntry, items: 'failed' | 'all' | 'none', viewer: string, channel: Channel<SubmitRequest, SubmitReply>): Promise<void> {
    const shown = items === 'none' ? [] : [...entry.tasks.values()].filter(({ state }) => isTaskEnd(state) && (items === 'all' || state !== 'done'))

    for (let start = 0; start < shown.length; start += ITEMS_PAGE) {
      const page = await Promise.all(shown.slice(start, start + ITEMS_PAGE).map(async task =>
        itemEnd(task, entry, task.worker == null ? undefined : await this.#components.jobs.result(executionId({ job: entry.job.id, task: task.name, worker: task.worker, attempt: task.attempt })))))

      await channel.send({ kind: 'items', items: page })
    }

    await channel.send({ kind: 'end', view: { ...itemsJobView(entry, true), ...this.#hindrances(entry, viewer) } })
  }

  #hindrances (entry: JobEntry, viewer: string): Pick<JobView, 'hindrances'> {
    const hindrances = hindrancesOf(this.#components.coordinator.state, entry, viewer, Date.now())

    return hindrances.length === 0 ? {} : { hindrances }
  }

  /** What only the coordinator can do. */
  async #steer (message: SubmitRequest, client: Client, hops = 0): Promise<SubmitReply> {
    switch (message.kind) {
      case 'submit':
        return this.#submissions.submit(message, client, hops)
      case 'cancel':
        return this.#relay.carryOut(message, client, async () => this.#cancel(message.selector, client), hops)
      case 'plan':
        return this.#relay.carryOut(message, client, async () => this.#submissions.plan(message.job, client), hops)
      default:
        throw new MeshmarkError('refused', `a standby answers ${message.kind} itself`)
    }
  }

  async #cancel (selector: string, client: Client): Promise<SubmitReply> {
    const entry = await this.#find(selector, client)

    // what has ended was not cancelled
    if (entry.finishedAtMs == null) {
      await this.#components.coordinator.cancel(entry.job.id)
    }

    return { kind: 'cancelled', id: entry.job.id, pending: await this.#cancelled(entry) }
  }

  /** Among several masters a job may be a moment behind its client. */
  async #find (selector: string, asker: Asker): Promise<JobEntry> {
    const { masters, principalOf } = this.#components
    const untilMs = performance.now() + (masters.live().length === 0 ? 0 : ARRIVAL_MS)

    while (true) {
      try {
        return await this.#entryOf(findJob(this.#findable(), selector, { ...asker, peerId: principalOf(asker.peerId) }).id)
      } catch (err) {
        if (performance.now() >= untilMs || !isMeshmarkError(err) || err.code !== 'usage') {
          throw this.#withHint(err)
        }
      }

      await delay(ARRIVAL_CHECK_MS)
    }
  }

  * #findable (): Generator<Findable> {
    const { coordinator: { state }, archive, principalOf } = this.#components

    for (const { job: { id, client, name }, acceptedAtMs } of state.jobs.values()) {
      yield { id, client: principalOf(client), name, acceptedAtMs }
    }

    for (const { id, client, name, acceptedAtMs } of archive.latest()) {
      if (!state.jobs.has(id)) {
        yield { id, client: principalOf(client), name, acceptedAtMs }
      }
    }
  }

  async #entryOf (id: string): Promise<JobEntry> {
    const { coordinator, archive } = this.#components
    const entry = coordinator.state.jobs.get(id) ?? await archive.entry(id)

    if (entry == null) {
      throw new MeshmarkError('failed', `the records of job ${shortJobId(id)} cannot be read here: see this master's log, or ask another master`)
    }

    return entry
  }

  #withHint (err: unknown): unknown {
    const { missing } = this.#components.archive

    return missing > 0 && isMeshmarkError(err) && err.code === 'usage'
      ? new MeshmarkError('failed', `${err.message}; this master is still making its list of finished jobs anew, and ${missing} are missing in it: try again in a while`)
      : err
  }

  /** Resolves when every task has ended or its worker cannot be reached; returns the names of those. */
  async #cancelled (entry: JobEntry): Promise<string[]> {
    const { coordinator, watchers } = this.#components
    const watch = watchers.watch(entry.job.id)
    const patience = AbortSignal.timeout(CANCEL_PATIENCE_MS)
    const cancelling = (): TaskEntry[] => [...entry.tasks.values()].filter(task => task.state === 'cancelling')
    const isAwaited = (task: TaskEntry): boolean => coordinator.state.workers.get(task.worker ?? '')?.connected === true

    try {
      while (cancelling().some(isAwaited)) {
        await watch.next(patience)
      }
    } catch {
      // who has not answered is named below
    } finally {
      watch.close()
    }

    return [...entry.tasks.values()].filter(isCancelPending).map(task => task.info?.name ?? task.name)
  }

  #nodes (): NodeRow[] {
    const { node, coordinator, masters, version } = this.#components
    const nowMs = Date.now()
    const peers = new Map(node.peers().map(peer => [peer.id, peer]))

    return [
      ...masters.views().map(master => masterRow(master, master.peerId === node.peerId
        ? { version, connectedMs: process.uptime() * 1_000 }
        : { version: peers.get(master.peerId)?.version ?? '', connectedMs: nowMs - (peers.get(master.peerId)?.connectedAt ?? nowMs) })),
      ...[...coordinator.state.workers.values()]
        .sort((a, b) => BY_NAME.compare(a.info.name, b.info.name))
        .map(worker => workerRow(coordinator.state, worker, nowMs, peers.get(worker.info.peerId)?.version ?? ''))
    ]
  }
}

/** Fires when the client has left: it says nothing more, so any end of its stream means that. */
function leaving (channel: Channel<SubmitRequest, SubmitReply>): AbortSignal {
  const gone = new AbortController()

  channel.receive().then(() => { gone.abort(new MeshmarkError('unreachable', 'the client has left')) }, err => { gone.abort(err) })

  return gone.signal
}

/** What is wrong with what was asked goes back in words; anything else is ours. */
function refusal (err: unknown): SubmitReply {
  if (!isMeshmarkError(err)) {
    throw err
  }

  return { kind: 'refused', code: err.code === 'unreachable' || err.code === 'not-found' || err.code === 'not-executable' ? 'failed' : err.code, reason: err.message }
}
