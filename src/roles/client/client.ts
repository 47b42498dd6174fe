import { MeshmarkError } from '../../model/errors.ts'
import { validateManifest } from '../../node/payload/manifest.ts'
import { collectedChunks } from './collected-chunks.ts'
import { follow } from './follow.ts'
import { ItemReplay } from './item-replay.ts'
import { profile } from './profile.ts'
import { ANSWER_TIMEOUT_MS, expectReply, Questions } from './questions.ts'
import { Replay } from './replay.ts'
import { withSealed } from './sealed-draft.ts'
import { submitDraft } from './submit-draft.ts'
import type { DigestCache } from './digest-cache.ts'
import type { Follower } from './follow.ts'
import type { MeshLink } from './mesh-link.ts'
import type { Submitter, SubmitOptions } from './submit-draft.ts'
import type { Asking, AttachItemsOptions, AttachOptions, Client, CollectedRecord, JobDraft, ProfileOptions, ProfilePage, ShownItems, Submitted } from './types.ts'
import type { JobPlan } from '../../model/job-plan.ts'
import type { Role } from '../../model/roles.ts'
import type { MeshNode } from '../../node/mesh-node.ts'
import type { AdminReply, HttpAccess, TokenRow } from '../../node/protocol/admin/messages.ts'
import type { JobFilter, JobRow, JobView, NodeRow, SubmitReply } from '../../node/protocol/submit/messages.ts'
import type { PrivateKey } from '@libp2p/interface'

/** A standby may wait for a coordinator first, and that one for the workers. */
const CANCEL_TIMEOUT_MS = 60_000

/** What a program or a command asks of its mesh, by one connection. */
export class MeshClient implements Client {
  readonly meshId: string
  readonly peerId: string
  readonly #node: MeshNode
  readonly #link: MeshLink
  readonly #questions: Questions
  readonly #submitter: Submitter
  readonly #follower: Follower

  constructor (node: MeshNode, identity: PrivateKey, link: MeshLink, meshId: string, digests?: DigestCache) {
    const questions = new Questions(node, link)

    this.meshId = meshId
    this.peerId = node.peerId
    this.#node = node
    this.#link = link
    this.#questions = questions
    this.#submitter = { node, link, questions, sealer: { identity, peerId: node.peerId, digests } }
    this.#follower = { link, questions, accepted: new Set() }
  }

  get onWaiting (): () => void {
    return this.#link.onWaiting
  }

  set onWaiting (listener: () => void) {
    this.#link.onWaiting = listener
  }

  get master (): { peerId: string, name: string, address: string } {
    const { id, name, reachedAt, addresses } = this.#link.master

    return { peerId: id, name, address: reachedAt ?? addresses[0] ?? '' }
  }

  async submit (draft: JobDraft, options: SubmitOptions = {}): Promise<Submitted> {
    const submitted = await submitDraft(this.#submitter, draft, options)

    this.#follower.accepted.add(submitted.id)

    return submitted
  }

  async plan (draft: JobDraft, { signal }: Asking = {}): Promise<JobPlan> {
    return withSealed(draft, this.#submitter.sealer, async ({ sealed }) => this.#link.persist(
      async (master, watch) => expectReply(await this.#questions.single(master, { kind: 'plan', job: sealed }, ANSWER_TIMEOUT_MS, watch?.signal ?? signal), 'plan').plan, signal))
  }

  attach (selector: string, options: AttachOptions = {}): AsyncGenerator<SubmitReply> {
    const replay = new Replay(options.offsets, options.tail != null)

    return follow(this.#follower, selector, {
      request: selector => ({ kind: 'attach', selector, output: options.output ?? false, offsets: replay.offsets(), follow: options.follow ?? true, tail: options.tail }),
      take: reply => replay.take(reply),
      lacksOutput: () => options.output === true && replay.lacksOutput
    }, options.signal)
  }

  attachItems (selector: string, options: AttachItemsOptions = {}): AsyncGenerator<SubmitReply> {
    const replay = new ItemReplay(options.position)

    return follow(this.#follower, selector, {
      request: selector => ({
        kind: 'attach-items',
        selector,
        follow: options.follow ?? true,
        ordered: options.ordered ?? false,
        texts: options.texts ?? false,
        ...replay.position()
      }),
      take: reply => replay.take(reply),
      lacksOutput: () => false
    }, options.signal)
  }

  async cancel (selector: string, { signal }: Asking = {}): Promise<{ id: string, pending: string[] }> {
    return this.#link.persist(async (master, watch) => expectReply(await this.#questions.single(master, { kind: 'cancel', selector }, CANCEL_TIMEOUT_MS, watch?.signal ?? signal), 'cancelled'), signal)
  }

  async show (selector: string, items?: ShownItems, { signal }: Asking = {}): Promise<{ view: JobView, events: SubmitReply[] }> {
    const events = await this.#questions.all({ kind: 'show', selector, items }, signal)
    const end = events.pop()

    if (end?.kind !== 'end') {
      throw new MeshmarkError('failed', 'the answer of the master ended early')
    }

    return { view: end.view, events }
  }

  async collected (selector: string, { signal }: Asking = {}): Promise<{ view: JobView, records: CollectedRecord[] }> {
    const replies = await this.#questions.all({ kind: 'files', selector }, signal)
    const end = replies.pop()

    if (end?.kind !== 'end') {
      throw new MeshmarkError('failed', 'the answer of the master ended early')
    }

    return {
      view: end.view,
      records: replies.map(reply => expectReply(reply, 'files')).map(({ execution, workerName, collected }) => {
        if (collected.payload != null) {
          validateManifest(collected.payload)
        }

        return { execution, workerName, ...collected }
      })
    }
  }

  collectedChunks (record: CollectedRecord, { from = 0, signal }: Asking & { from?: number } = {}): AsyncGenerator<Uint8Array> {
    return collectedChunks(this.#link, this.#questions, record, from, signal)
  }

  async nodes ({ signal }: Asking = {}): Promise<NodeRow[]> {
    return (await this.#questions.all({ kind: 'nodes' }, signal)).map(reply => expectReply(reply, 'node').row)
  }

  async jobs (limit = 20, { signal, ...filter }: JobFilter & Asking = {}): Promise<JobRow[]> {
    return (await this.#questions.all({ kind: 'jobs', limit, ...filter }, signal)).map(reply => expectReply(reply, 'row').row)
  }

  profile (options: ProfileOptions = {}): AsyncGenerator<ProfilePage> {
    return profile(this.#link, this.#questions, options)
  }

  async page ({ signal, access = 'full', ...options }: Parameters<Client['page']>[0]): ReturnType<Client['page']> {
    const [reply] = await this.#questions.all({ kind: 'page', access, ...options }, signal)

    if (reply == null) {
      throw new MeshmarkError('failed', 'the master answered without saying where it answers over HTTP')
    }

    return expectReply(reply, 'page')
  }

  async createToken (role: Role, { signal, ...options }: Asking & { ttlMs: number, uses?: number, name?: string, http?: HttpAccess }): Promise<{ text: string, row: TokenRow, addresses: string[] }> {
    const [reply] = await this.#questions.administer({ kind: 'create-token', role, ...options }, signal)

    if (reply?.kind !== 'token') {
      throw new MeshmarkError('failed', 'the master answered without a token')
    }

    return reply
  }

  async listTokens ({ signal }: Asking = {}): Promise<TokenRow[]> {
    return (await this.#questions.administer({ kind: 'list-tokens' }, signal)).flatMap(reply => reply.kind === 'row' ? [reply.row] : [])
  }

  async revokeToken (id: string, { signal }: Asking = {}): Promise<string> {
    return detailOf(await this.#questions.administer({ kind: 'revoke-token', id }, signal))
  }

  async revokeMember (node: string, { signal }: Asking = {}): Promise<string> {
    return detailOf(await this.#questions.administer({ kind: 'revoke-member', node }, signal))
  }

  async drain (node: string, undo: boolean, { signal }: Asking = {}): Promise<string> {
    return detailOf(await this.#questions.administer({ kind: 'drain', node, undo }, signal))
  }

  async close (): Promise<void> {
    await this.#link.close()
    await this.#node.stop()
  }
}

function detailOf (replies: AdminReply[]): string {
  return replies.map(reply => reply.kind === 'done' ? reply.detail : '').join('\n')
}
