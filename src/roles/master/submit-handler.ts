import { isMeshmarkError, MeshmarkError, toError } from '../../model/errors.ts'
import { payloadSize } from '../../model/payload.ts'
import { open } from '../../node/membership.ts'
import { validateManifest } from '../../node/payload/manifest.ts'
import { decodeJob } from '../../node/protocol/model/index.ts'
import { submit } from '../../node/protocol/submit/index.ts'
import { Attachment } from './attachment.ts'
import { findJob } from './find-job.ts'
import { JOB_DOMAIN } from '../job-seal.ts'
import { checkJob, isSameJob } from './job-rules.ts'
import { Uploads } from './uploads.ts'
import { jobRow, jobView, startSkew, workerRow } from './views.ts'
import type { Coordinator } from './coordinator.ts'
import type { JobEntry, TaskEntry } from './coordinator/state.ts'
import type { JobStore } from './job-store.ts'
import type { Outputs } from './outputs.ts'
import type { Watchers } from './watchers.ts'
import type { Job } from '../../model/job.ts'
import type { MeshNode, Peer } from '../../node/mesh-node.ts'
import type { Channel } from '../../node/protocol/protocol.ts'
import type { NodeRow, SubmitReply, SubmitRequest } from '../../node/protocol/submit/messages.ts'
import type { ContentStore } from '../../store/content.ts'

/** Per client, so that one cannot fill the mesh: jobs under way, and bytes of one payload. */
export const QUOTA = { openJobs: 100, payloadBytes: 8 * 1024 ** 3 }

/** A cancel is answered after this at the latest, with the names of the workers that have not confirmed. */
const CANCEL_PATIENCE_MS = 20_000

export interface SubmitComponents {
  node: MeshNode
  name: string
  version: string
  coordinator: Coordinator
  jobs: JobStore
  content: ContentStore
  outputs: Outputs
  watchers: Watchers
  log: (line: string) => void
}

/** Answers clients: submit, attach, cancel, nodes, jobs, show. */
export class SubmitHandler {
  readonly #components: SubmitComponents
  readonly #uploads: Uploads
  /** By client: of two submissions at once the second is judged when the first is stored. */
  readonly #turns = new Map<string, Promise<unknown>>()

  constructor (components: SubmitComponents) {
    this.#components = components
    this.#uploads = new Uploads(components)
  }

  start (): void {
    this.#components.node.handle(submit, async (channel, peer) => this.#serve(channel, peer))
    this.#uploads.start()
  }

  async #serve (channel: Channel<SubmitRequest, SubmitReply>, peer: Peer): Promise<void> {
    const message = await channel.receive()

    if (message == null) {
      return
    }

    try {
      await this.#answer(message, channel, peer)
    } catch (err) {
      if (!isMeshmarkError(err)) {
        throw err
      }

      const code = err.code === 'unreachable' || err.code === 'not-found' || err.code === 'not-executable' ? 'failed' : err.code
      await channel.send({ kind: 'refused', code, reason: toError(err).message })
    }
  }

  async #answer (message: SubmitRequest, channel: Channel<SubmitRequest, SubmitReply>, peer: Peer): Promise<void> {
    const { coordinator, jobs } = this.#components
    const asker = { peerId: peer.id, admin: peer.roles.has('admin') }

    switch (message.kind) {
      case 'submit':
        return channel.send(await this.#inTurn(peer.id, async () => this.#submit(message.job, peer)))
      case 'attach': {
        const entry = findJob(coordinator.state, message.selector, asker)
        const gone = new AbortController()

        // the client says nothing more: an end of its stream means that it has left
        channel.receive().then(() => { gone.abort(new Error('the client has left')) }, err => { gone.abort(err) })

        return new Attachment(this.#components, entry, channel, message).follow(message.follow, gone.signal)
      }
      case 'cancel': {
        const entry = findJob(coordinator.state, message.selector, asker)
        await coordinator.cancel(entry.job.id)
        const pending = await this.#cancelled(entry)
        return channel.send({ kind: 'cancelled', id: entry.job.id, pending })
      }
      case 'nodes':
        for (const row of this.#nodes()) {
          await channel.send({ kind: 'node', row })
        }
        return
      case 'jobs': {
        const visible = [...coordinator.state.jobs.values()]
          .filter(entry => asker.admin || entry.job.client === peer.id)
          .sort((a, b) => b.acceptedAtMs - a.acceptedAtMs)
          .slice(0, message.limit)

        for (const entry of visible) {
          await channel.send({ kind: 'row', row: jobRow(entry, peer.id) })
        }
        return
      }
      case 'show': {
        const entry = findJob(coordinator.state, message.selector, asker)
        const results = await jobs.results(entry.job.id)

        for (const result of results) {
          await channel.send({ kind: 'result', task: result.key.task, result })
        }

        return channel.send({ kind: 'end', view: jobView(entry, startSkew(results)) })
      }
    }
  }

  async #submit (sealed: Uint8Array, peer: Peer): Promise<SubmitReply> {
    const { coordinator, jobs, content, name } = this.#components
    const { payload: bytes, signer } = await open(sealed, JOB_DOMAIN)
    const job = decodeJob(bytes)

    if (signer !== peer.id || job.client !== peer.id) {
      throw new MeshmarkError('refused', 'the job is not sealed by the client that submits it')
    }

    const known = await jobs.sealed(job.id)

    if (known != null) {
      if (!isSameJob(decodeJob((await open(known, JOB_DOMAIN)).payload), job)) {
        throw new MeshmarkError('conflict', `job ${job.id} was submitted before with another content: leave out --id to make a new one`)
      }

      return { kind: 'accepted', id: job.id, masters: [name], existing: true }
    }

    checkJob(job)
    this.#checkQuota(job)

    if (job.payload == null) {
      await coordinator.accept(job, sealed)
    } else {
      const { id } = job.payload
      const hold = `submission of ${job.id}`

      validateManifest(job.payload)
      // what is seen to be here must still be here when the job is accepted
      content.pin(id, hold)

      try {
        if (!await content.has(id)) {
          this.#uploads.expect(id, peer.id)
          return { kind: 'need-payload', payload: id }
        }

        this.#uploads.forget(id, peer.id)
        await coordinator.accept(job, sealed)
      } finally {
        content.unpin(id, hold)
      }
    }

    this.#components.log(`job ${job.id.slice(-8).toLowerCase()} accepted from ${peer.name}`)

    return { kind: 'accepted', id: job.id, masters: [name], existing: false }
  }

  async #inTurn<T> (client: string, work: () => Promise<T>): Promise<T> {
    const turn = (this.#turns.get(client) ?? Promise.resolve()).then(work)
    const settled = turn.then(() => {}, () => {}).finally(() => {
      if (this.#turns.get(client) === settled) {
        this.#turns.delete(client)
      }
    })

    this.#turns.set(client, settled)

    return turn
  }

  #checkQuota (job: Job): void {
    const open = [...this.#components.coordinator.state.jobs.values()].filter(entry => entry.job.client === job.client && entry.finishedAtMs == null)

    if (open.length >= QUOTA.openJobs) {
      throw new MeshmarkError('quota', `${open.length} of your jobs are not finished, and ${QUOTA.openJobs} are allowed at once: wait, or cancel some (meshmark jobs)`)
    }

    const bytes = job.payload == null ? 0 : payloadSize(job.payload)

    if (bytes > QUOTA.payloadBytes) {
      throw new MeshmarkError('quota', `the payload has ${bytes} bytes, and ${QUOTA.payloadBytes} are allowed`)
    }
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

    return cancelling().map(task => task.info?.name ?? task.name)
  }

  #nodes (): NodeRow[] {
    const { node, coordinator, name, version } = this.#components
    const nowMs = Date.now()
    const versions = new Map(node.peers().map(peer => [peer.id, peer.version]))

    return [
      {
        role: 'master',
        peerId: node.peerId,
        name,
        state: 'coordinator',
        draining: false,
        sinceMs: Math.round(process.uptime() * 1_000),
        lastHeardMs: 0,
        term: coordinator.claim.term,
        version,
        addresses: node.addresses()
      },
      ...[...coordinator.state.workers.values()]
        .sort((a, b) => a.info.name.localeCompare(b.info.name, 'en', { numeric: true }))
        .map(worker => workerRow(worker, nowMs, versions.get(worker.info.peerId) ?? ''))
    ]
  }
}
