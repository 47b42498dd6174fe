import { isMeshmarkError, MeshmarkError } from '../../model/errors.ts'
import { parseExecutionId, shortJobId } from '../../model/ids.ts'
import { submit } from '../../node/protocol/submit/index.ts'
import { Attachment } from './attachment.ts'
import { cancelJob } from './cancel-job.ts'
import { ItemAttachment } from './item-attachment.ts'
import { KnownJobs } from './known-jobs.ts'
import { listJobs } from './list-jobs.ts'
import { nodeRows } from './node-rows.ts'
import { Relay } from './relay.ts'
import { collectedChunks, collectedRecords } from './show-collected.ts'
import { showJob } from './show-job.ts'
import { Submissions } from './submissions.ts'
import type { CollectedFiles } from './collected-files.ts'
import type { MissingOutput } from './missing-output.ts'
import type { Outputs } from './outputs.ts'
import type { Pages } from './pages.ts'
import type { Recorder } from './recorder.ts'
import type { Client } from './relay.ts'
import type { SubmissionComponents } from './submissions.ts'
import type { Watchers } from './watchers.ts'
import type { MeshNode, Peer } from '../../node/mesh-node.ts'
import type { Channel } from '../../node/protocol/protocol.ts'
import type { AskReply, AskRequest } from '../../node/protocol/masters/messages.ts'
import type { SubmitReply, SubmitRequest } from '../../node/protocol/submit/messages.ts'

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

/** Answers clients: submit, attach, cancel, nodes, jobs, show, profile. Any master can; what changes anything is done by the coordinator. */
export class SubmitHandler {
  readonly #components: SubmitComponents
  readonly #known: KnownJobs
  readonly #relay: Relay
  readonly #submissions: Submissions

  constructor (components: SubmitComponents) {
    this.#components = components
    this.#known = new KnownJobs(components)
    this.#relay = new Relay(components)
    this.#submissions = new Submissions({ ...components, relay: this.#relay, awaitJob: async (id, client) => this.#known.find(id, client) })
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
        const entry = await this.#known.find(message.selector, asker)

        return new Attachment(this.#components, entry, channel, message).follow(message.follow, leaving(channel))
      }
      case 'attach-items': {
        const entry = await this.#known.find(message.selector, asker)

        if (entry.job.each == null) {
          throw new MeshmarkError('usage', `job ${shortJobId(entry.job.id)} has no items: follow it as any other`)
        }

        return new ItemAttachment(this.#components, entry, channel, message).follow(leaving(channel))
      }
      case 'nodes':
        for (const row of nodeRows(this.#components)) {
          await channel.send({ kind: 'node', row })
        }
        return
      case 'jobs':
        for await (const row of listJobs(this.#components, this.#known, message, asker)) {
          await channel.send({ kind: 'row', row })
        }
        return
      case 'page':
        return channel.send(await this.#components.pages.answer(message, asker))
      case 'files':
        return sendAll(channel, collectedRecords(this.#components, await this.#known.find(message.selector, asker)))
      case 'chunks':
        // only who may see the job
        await this.#known.find(parseExecutionId(message.execution).job, asker)

        return sendAll(channel, collectedChunks(this.#components, message.execution, message.from))
      case 'show':
        return sendAll(channel, showJob(this.#components, await this.#known.find(message.selector, asker), message.items, asker.peerId))
      case 'profile': {
        const job = message.selector == null ? undefined : (await this.#known.find(message.selector, asker)).job.id

        return this.#components.recorder.answer(channel, { withinMs: message.withinMs, job, isVisible: client => this.#known.isVisible(client, asker) }, message.follow ? leaving(channel) : undefined)
      }
    }
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
    const entry = await this.#known.find(selector, client)

    return { kind: 'cancelled', id: entry.job.id, pending: await cancelJob(this.#components, entry) }
  }
}

/** Ends with the last one, or when the client takes no more. */
async function sendAll (channel: Channel<SubmitRequest, SubmitReply>, replies: AsyncIterable<SubmitReply>): Promise<void> {
  for await (const reply of replies) {
    await channel.send(reply)
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
