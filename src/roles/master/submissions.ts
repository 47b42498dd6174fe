import { MeshmarkError } from '../../model/errors.ts'
import { jobPayloads } from '../../model/job-payloads.ts'
import { payloadSize } from '../../model/payload.ts'
import { printable } from '../../model/text.ts'
import { open } from '../../node/membership.ts'
import { validateManifest } from '../../node/payload/manifest.ts'
import { decodeJob } from '../../node/protocol/model/index.ts'
import { JOB_DOMAIN } from '../job-seal.ts'
import { checkJob, isSameJob } from './job-rules.ts'
import type { Archive } from './archive.ts'
import type { Coordinator } from './coordinator.ts'
import type { JobStore } from './job-store.ts'
import type { Masters } from './masters.ts'
import type { Payloads } from './payloads.ts'
import type { Client, Relay } from './relay.ts'
import type { Uploads } from './uploads.ts'
import type { PlannedPayload } from '../../model/job-plan.ts'
import type { Job } from '../../model/job.ts'
import type { SubmitReply, SubmitRequest } from '../../node/protocol/submit/messages.ts'
import type { ContentStore } from '../../store/content.ts'

/** Per client, so that one cannot fill the mesh: jobs under way, and bytes of one payload. */
export const QUOTA = { openJobs: 100, payloadBytes: 8 * 1024 ** 3 }

export interface SubmissionComponents {
  coordinator: Coordinator
  archive: Archive
  /** Whose jobs those of a peer are: its own, or of the client for which it stands. */
  principalOf: (peerId: string) => string
  masters: Masters
  jobs: JobStore
  content: ContentStore
  uploads: Uploads
  payloads: Payloads
  relay: Relay
  /** Resolves when this master knows of the job, too. */
  awaitJob: (id: string, client: Client) => Promise<unknown>
  log: (line: string) => void
}

/** Takes jobs from clients in, or says what would become of them. What only the coordinator can do goes to it. */
export class Submissions {
  readonly #components: SubmissionComponents
  /** By client: of two submissions at once the second is judged when the first is stored. */
  readonly #turns = new Map<string, Promise<unknown>>()

  constructor (components: SubmissionComponents) {
    this.#components = components
  }

  /** @param hops - as `Relay.carryOut` has them */
  async submit (message: Extract<SubmitRequest, { kind: 'submit' }>, client: Client, hops: number): Promise<SubmitReply> {
    return this.#inTurn(client.peerId, async () => this.#submit(message, client, hops))
  }

  async #submit (message: Extract<SubmitRequest, { kind: 'submit' }>, client: Client, hops: number): Promise<SubmitReply> {
    const { coordinator, archive, content, payloads, uploads, masters, relay, awaitJob } = this.#components
    const { job, existing } = await this.#read(message.job, client)
    const isOver = existing && (coordinator.state.jobs.get(job.id)?.finishedAtMs != null || archive.has(job.id))
    const hold = `submission of ${job.id}`
    const needed = isOver ? [] : jobPayloads(job)

    for (const manifest of needed) {
      validateManifest(manifest)
      // what is seen to be here must still be here when the job is accepted
      content.pin(manifest.id, hold)
    }

    try {
      for (const { id } of needed) {
        // a standby takes the files of its own clients, and the coordinator has them from it
        if (!await content.has(id) && !((existing || client.via != null) && await payloads.ensure(id, client.via == null ? [] : [client.via]))) {
          if (client.via == null) {
            uploads.expect(id, client.peerId)
          }

          return { kind: 'need-payload', payload: id }
        }

        uploads.forget(id, client.peerId)
      }

      if (existing) {
        const { on, leftOut } = await coordinator.locate(job, isOver)

        return { kind: 'accepted', id: job.id, masters: on, existing, ...named(leftOut) }
      }

      const reply = await relay.carryOut(message, client, async () => this.#accept(job, message.job, client), hops)

      // the client comes back for it at once
      if (reply.kind === 'accepted' && !masters.isCoordinator && client.via == null) {
        await awaitJob(job.id, client).catch(() => {})
      }

      return reply
    } finally {
      needed.forEach(({ id }) => { content.unpin(id, hold) })
    }
  }

  /** A job that its client has sealed. `existing`: it was accepted before. Throws what is wrong with it. */
  async #read (sealed: Uint8Array, client: Client): Promise<{ job: Job, existing: boolean }> {
    const { jobs } = this.#components
    const { payload: bytes, signer } = await open(sealed, JOB_DOMAIN)
    const job = decodeJob(bytes)

    if (signer !== client.peerId || job.client !== client.peerId) {
      throw new MeshmarkError('refused', 'the job is not sealed by the client that submits it')
    }

    const known = await jobs.sealed(job.id)

    if (known != null && !isSameJob(decodeJob((await open(known, JOB_DOMAIN)).payload), job)) {
      throw new MeshmarkError('conflict', `job ${job.id} was submitted before with another content: leave out --id to make a new one`)
    }

    checkJob(job)

    // of one that was being accepted when its coordinator died, parts may be missing here: the client still has them
    return { job, existing: known != null && await jobs.isAccepted(job.id) }
  }

  /** As a submission, but for what that stores. For who coordinates. */
  async plan (sealed: Uint8Array, client: Client): Promise<SubmitReply> {
    const { coordinator } = this.#components
    const { job, existing } = await this.#read(sealed, client)
    const payloads = plannedPayloads(job)

    jobPayloads(job).forEach(validateManifest)

    if (existing) {
      return { kind: 'plan', plan: { tasks: 0, workers: [], payloads, ahead: 0, existing } }
    }

    this.#checkQuota(job)

    return { kind: 'plan', plan: { ...coordinator.plan(job, client.peerId), payloads, existing } }
  }

  /** What is sent goes to the master that is asked. */
  async withContent (reply: SubmitReply): Promise<SubmitReply> {
    if (reply.kind !== 'plan') {
      return reply
    }

    const payloads = await Promise.all(reply.plan.payloads.map(async payload => ({ ...payload, isThere: await this.#components.content.has(payload.id) })))

    return { ...reply, plan: { ...reply.plan, payloads } }
  }

  async #accept (job: Job, sealed: Uint8Array, client: Client): Promise<SubmitReply> {
    this.#checkQuota(job)

    const { on, leftOut } = await this.#components.coordinator.accept(job, sealed)

    this.#components.log(`job ${job.id.slice(-8).toLowerCase()} accepted from ${client.name}`)

    return { kind: 'accepted', id: job.id, masters: on, existing: false, ...named(leftOut) }
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
    const { principalOf, coordinator } = this.#components
    const open = [...coordinator.state.jobs.values()].filter(entry => principalOf(entry.job.client) === principalOf(job.client) && entry.finishedAtMs == null)

    if (open.length >= QUOTA.openJobs) {
      throw new MeshmarkError('quota', `${open.length} of your jobs are not finished, and ${QUOTA.openJobs} are allowed at once: wait, or cancel some (meshmark jobs)`)
    }

    for (const manifest of jobPayloads(job)) {
      const bytes = payloadSize(manifest)

      if (bytes > QUOTA.payloadBytes) {
        throw new MeshmarkError('quota', `the payload has ${bytes} bytes, and ${QUOTA.payloadBytes} are allowed`)
      }
    }
  }
}

/** Where they are is not looked at. */
function plannedPayloads ({ payload, data = [], variants }: Job): PlannedPayload[] {
  const all = [...payload == null ? [] : [{ manifest: payload }], ...data.map(({ name, payload }) => ({ name, manifest: payload })), ...(variants?.choices ?? []).flatMap(({ path, payload }) => payload == null ? [] : [{ name: printable(path, 200), manifest: payload }])]

  return all.map(({ manifest, ...rest }) => ({ ...rest, id: manifest.id, files: manifest.files.length, bytes: payloadSize(manifest), isThere: false }))
}

function named (leftOut: string[]): { leftOut?: string[] } {
  return leftOut.length === 0 ? {} : { leftOut }
}
