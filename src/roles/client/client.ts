import { join } from 'node:path'
import { isMeshmarkError, MeshmarkError, toError } from '../../model/errors.ts'
import { payloadSize } from '../../model/payload.ts'
import { loadOrCreateIdentity } from '../../node/identity.ts'
import { meshIdOf } from '../../node/membership.ts'
import { MeshNode } from '../../node/mesh-node.ts'
import { validateManifest } from '../../node/payload/manifest.ts'
import { sendPayload } from '../../node/payload/send.ts'
import { admin } from '../../node/protocol/admin/index.ts'
import { submit } from '../../node/protocol/submit/index.ts'
import { request } from '../../node/request.ts'
import { withDeadline } from '../../node/wait.ts'
import { matches } from '../../store/digest.ts'
import { dataRoot } from '../../store/folders.ts'
import { findMesh } from '../find-mesh.ts'
import { prepareRoleDir } from '../role-dir.ts'
import { DigestCache } from './digest-cache.ts'
import { ItemReplay } from './item-replay.ts'
import { Failures, MeshLink, PATIENCE_MS } from './mesh-link.ts'
import { Replay } from './replay.ts'
import { type SealedJob, type Sealer, withSealed } from './sealed-draft.ts'
import type { Asking, AttachItemsOptions, AttachOptions, Client, CollectedRecord, ConnectOptions, JobDraft, ProfileOptions, ProfilePage, ShownItems, Submitted } from './types.ts'
import type { FoundMesh } from '../find-mesh.ts'
import type { MemberPlace } from '../member.ts'
import type { JobPlan } from '../../model/job-plan.ts'
import type { Role } from '../../model/roles.ts'
import type { Watch } from './watch.ts'
import type { Peer } from '../../node/mesh-node.ts'
import type { AdminReply, AdminRequest, HttpAccess, TokenRow } from '../../node/protocol/admin/messages.ts'
import type { JobFilter, JobRow, JobView, NodeRow, SubmitReply, SubmitRequest } from '../../node/protocol/submit/messages.ts'
import type { PrivateKey } from '@libp2p/interface'

const CONNECT_TIMEOUT_MS = 10_000

/** A question that a master answers from memory. */
const ANSWER_TIMEOUT_MS = 30_000

/** A standby may wait for a coordinator first, and that one for the workers. */
const CANCEL_TIMEOUT_MS = 60_000

/** Until the payload is on all masters; whether the master lives is seen in other ways. */
const SUBMIT_TIMEOUT_MS = 15 * 60 * 1000

/** A master that has heard of the end of a job from another one gets the rest of the output within this time, or it is lost. */
const OUTPUT_PATIENCE_MS = 10_000

/** Where clients of this machine keep their identity; all of a user's share one, so that any of them sees the user's jobs. */
const INSTANCE = '0'

/** Connects to a master of the mesh, joining first where this machine may. */
export async function connectClient (options: ConnectOptions = {}): Promise<Client> {
  const role = options.role ?? 'client'
  const root = options.dataDir ?? dataRoot()
  const mesh = await findMesh({ role, dataRoot: root, masters: options.masters ?? [], token: options.token, mesh: options.mesh })
  const dir = join(await prepareRoleDir(root, mesh.meshId, mesh.role ?? role), options.identity ?? INSTANCE)
  const identity = await loadOrCreateIdentity(join(dir, 'identity.key'))

  return connectAs({ identity, mesh, dir }, options)
}

/** Who this user's clients are on this machine, whether or not one of them has joined yet. */
export async function ownClientId (meshId: string, root = dataRoot()): Promise<string> {
  return meshIdOf(await loadOrCreateIdentity(join(await prepareRoleDir(root, meshId, 'client'), INSTANCE, 'identity.key')))
}

/** A client that has its identity, and its membership or a token. */
export async function connectAs ({ identity, mesh, dir }: { identity: PrivateKey, mesh: FoundMesh, dir: MemberPlace }, options: ConnectOptions = {}): Promise<Client> {
  const node = await MeshNode.create({ identity, meshId: mesh.meshId, listen: [], mdns: options.mdns ?? true })
  const timeout = AbortSignal.timeout(options.timeoutMs ?? CONNECT_TIMEOUT_MS)
  const signal = options.signal != null ? AbortSignal.any([options.signal, timeout]) : timeout

  const link = new MeshLink(node, mesh, dir, options.onWaiting)

  try {
    await node.start()
    await link.connect({ typedOnly: (options.masters ?? []).length > 0, signal })

    return new MeshClient(node, identity, link, mesh.meshId, typeof dir === 'string' ? new DigestCache(join(dir, 'digests')) : undefined)
  } catch (err) {
    await link.close()
    await node.stop()

    if (timeout.aborted && !isMeshmarkError(err)) {
      throw new MeshmarkError('unreachable', `no master answered within ${(options.timeoutMs ?? CONNECT_TIMEOUT_MS) / 1_000} s: is it running, and is the address right?`, { cause: err })
    }

    throw err
  }
}

interface SubmitOptions {
  onUpload?: (sentBytes: number, totalBytes: number) => void
  signal?: AbortSignal
}

/** What is asked of each master, and what of its answers is new. */
interface Following {
  request: (selector: string) => SubmitRequest
  take: (reply: SubmitReply) => SubmitReply | undefined
  /** More output must still come than the master has that calls the job ended. */
  lacksOutput: () => boolean
}

interface Offer extends Omit<SealedJob, 'sets'> {
  /** Payloads that were asked for by any master. */
  sent: Set<string>
}

class MeshClient implements Client {
  readonly meshId: string
  readonly peerId: string
  readonly #node: MeshNode
  readonly #sealer: Sealer
  readonly #link: MeshLink
  /** Jobs that a master has: one that does not know them has not heard of them yet. */
  readonly #accepted = new Set<string>()

  constructor (node: MeshNode, identity: PrivateKey, link: MeshLink, meshId: string, digests?: DigestCache) {
    this.#node = node
    this.#link = link
    this.meshId = meshId
    this.peerId = node.peerId
    this.#sealer = { identity, peerId: node.peerId, digests }
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
    return withSealed(draft, this.#sealer, async ({ id, sealed, all, sets }) => {
      const sent = new Set<string>()
      // the very same bytes again when the answer is lost with its master: a job that was accepted is the same job then
      const accepted = await this.#link.persist(async (master, watch) => this.#offer(master, watch, { id, sealed, all, sent }, options), options.signal)

      this.#accepted.add(id)

      return sets.length === 0 ? accepted : { ...accepted, known: sets.filter(({ payload }) => !sent.has(payload.id)).map(({ name }) => name) }
    })
  }

  async plan (draft: JobDraft, { signal }: Asking = {}): Promise<JobPlan> {
    return withSealed(draft, this.#sealer, async ({ sealed }) => this.#link.persist(
      async (master, watch) => expect(await this.#question(master, { kind: 'plan', job: sealed }, ANSWER_TIMEOUT_MS, watch?.signal ?? signal), 'plan').plan, signal))
  }

  attach (selector: string, options: AttachOptions = {}): AsyncGenerator<SubmitReply> {
    const replay = new Replay(options.offsets)

    return this.#follow(selector, {
      request: selector => ({ kind: 'attach', selector, output: options.output ?? false, offsets: replay.offsets(), follow: options.follow ?? true }),
      take: reply => replay.take(reply),
      lacksOutput: () => options.output === true && replay.lacksOutput
    }, options.signal)
  }

  attachItems (selector: string, options: AttachItemsOptions = {}): AsyncGenerator<SubmitReply> {
    const replay = new ItemReplay(options.position)

    return this.#follow(selector, {
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
    return this.#link.persist(async (master, watch) => expect(await this.#question(master, { kind: 'cancel', selector }, CANCEL_TIMEOUT_MS, watch?.signal ?? signal), 'cancelled'), signal)
  }

  async show (selector: string, items?: ShownItems, { signal }: Asking = {}): Promise<{ view: JobView, events: SubmitReply[] }> {
    const events = await this.#list({ kind: 'show', selector, items }, signal)
    const end = events.pop()

    if (end?.kind !== 'end') {
      throw new MeshmarkError('failed', 'the answer of the master ended early')
    }

    return { view: end.view, events }
  }

  async collected (selector: string, { signal }: Asking = {}): Promise<{ view: JobView, records: CollectedRecord[] }> {
    const replies = await this.#list({ kind: 'files', selector }, signal)
    const end = replies.pop()

    if (end?.kind !== 'end') {
      throw new MeshmarkError('failed', 'the answer of the master ended early')
    }

    return {
      view: end.view,
      records: replies.map(reply => expect(reply, 'files')).map(({ execution, workerName, collected }) => {
        if (collected.payload != null) {
          validateManifest(collected.payload)
        }

        return { execution, workerName, ...collected }
      })
    }
  }

  async * collectedChunks ({ execution, payload }: CollectedRecord, { from = 0, signal }: Asking & { from?: number } = {}): AsyncGenerator<Uint8Array> {
    const digests = payload?.chunks ?? []
    const patience = this.#link.patience()
    const failures = new Failures()

    for (let next = from; next < digests.length;) {
      const master = this.#link.master
      const watch = this.#link.watch(master, signal)

      try {
        for await (const reply of this.#ask(master, { kind: 'chunks', execution, from: next }, watch?.signal ?? signal)) {
          const { index, data } = expect(reply, 'chunk')

          watch?.heard()
          patience.restore()

          if (index !== next || !matches(data, digests[index])) {
            throw new MeshmarkError('failed', `${master.name} sent what is not the file`)
          }

          next++
          yield data
        }

        if (next < digests.length) {
          throw new MeshmarkError('unreachable', 'the master has gone away')
        }
      } catch (err) {
        signal?.throwIfAborted()
        failures.judge(this.#link.isGone(master, err), err, this.#link.masters)

        if (!patience.wears()) {
          throw new MeshmarkError('unreachable', `no master has answered for ${PATIENCE_MS / 1_000} s: meshmark collect ${execution.slice(18, 26).toLowerCase()} fetches the files later`, { cause: err })
        }
      } finally {
        watch?.end()
      }

      if (next < digests.length) {
        await this.#link.replace(master, patience, signal)
      }
    }
  }

  async nodes ({ signal }: Asking = {}): Promise<NodeRow[]> {
    return (await this.#list({ kind: 'nodes' }, signal)).map(reply => expect(reply, 'node').row)
  }

  async jobs (limit = 20, { signal, ...filter }: JobFilter & Asking = {}): Promise<JobRow[]> {
    return (await this.#list({ kind: 'jobs', limit, ...filter }, signal)).map(reply => expect(reply, 'row').row)
  }

  async * profile ({ withinMs, job, follow = false, signal }: ProfileOptions = {}): AsyncGenerator<ProfilePage> {
    const patience = this.#link.patience()
    const failures = new Failures()
    let heardMs: number | undefined

    try {
      for (;;) {
        const master = this.#link.master
        const watch = this.#link.watch(master, signal)
        // what was missed between two masters is asked of the second one
        const sinceMs = heardMs == null ? withinMs : Math.round(performance.now() - heardMs)

        try {
          for await (const reply of this.#ask(master, { kind: 'profile', withinMs: sinceMs, selector: job, follow }, watch?.signal ?? signal)) {
            const { nowMs, changes } = expect(reply, 'profile')

            watch?.heard()
            patience.restore()
            heardMs = performance.now()
            yield { nowMs, changes }
          }

          if (!follow && heardMs != null) {
            return
          }

          throw new MeshmarkError('unreachable', 'the master has gone away')
        } catch (err) {
          signal?.throwIfAborted()
          failures.judge(this.#link.isGone(master, err), err, this.#link.masters)

          // half of an answer cannot be taken back
          if ((!follow && heardMs != null) || !patience.wears()) {
            throw err
          }
        } finally {
          watch?.end()
        }

        await this.#link.replace(master, patience, signal)
      }
    } finally {
      patience.restore()
    }
  }

  async page ({ signal, access = 'full', ...options }: Parameters<Client['page']>[0]): ReturnType<Client['page']> {
    const [reply] = await this.#list({ kind: 'page', access, ...options }, signal)

    if (reply == null) {
      throw new MeshmarkError('failed', 'the master answered without saying where it answers over HTTP')
    }

    return expect(reply, 'page')
  }

  async createToken (role: Role, { signal, ...options }: Asking & { ttlMs: number, uses?: number, name?: string, http?: HttpAccess }): Promise<{ text: string, row: TokenRow, addresses: string[] }> {
    const [reply] = await this.#administer({ kind: 'create-token', role, ...options }, signal)

    if (reply?.kind !== 'token') {
      throw new MeshmarkError('failed', 'the master answered without a token')
    }

    return reply
  }

  async listTokens ({ signal }: Asking = {}): Promise<TokenRow[]> {
    return (await this.#administer({ kind: 'list-tokens' }, signal)).flatMap(reply => reply.kind === 'row' ? [reply.row] : [])
  }

  async revokeToken (id: string, { signal }: Asking = {}): Promise<string> {
    return detailOf(await this.#administer({ kind: 'revoke-token', id }, signal))
  }

  async revokeMember (node: string, { signal }: Asking = {}): Promise<string> {
    return detailOf(await this.#administer({ kind: 'revoke-member', node }, signal))
  }

  async drain (node: string, undo: boolean, { signal }: Asking = {}): Promise<string> {
    return detailOf(await this.#administer({ kind: 'drain', node, undo }, signal))
  }

  async close (): Promise<void> {
    await this.#link.close()
    await this.#node.stop()
  }

  /** Asks one master after the other until one has told the end of the job; what comes twice passes once. */
  async * #follow (selector: string, { request, take, lacksOutput }: Following, signal: AbortSignal | undefined): AsyncGenerator<SubmitReply> {
    const patience = this.#link.patience()
    let failures = new Failures()
    let endedAtMs: number | undefined

    try {
      for (;;) {
        const master = this.#link.master
        const watch = this.#link.watch(master, signal)

        try {
          for await (const reply of this.#ask(master, request(selector), watch?.signal ?? signal)) {
            watch?.heard()
            patience.restore()

            if (reply.kind === 'end' && this.#link.masters > 1 && lacksOutput()) {
              endedAtMs ??= performance.now()

              if (performance.now() - endedAtMs < OUTPUT_PATIENCE_MS) {
                throw new MeshmarkError('unreachable', `${master.name} does not have all of the output yet`)
              }
            }

            if (reply.kind === 'job') {
              // from here on the very same job, whatever @last means by then
              selector = reply.view.job.id
              this.#accepted.add(selector)
            }

            const fresh = take(reply)

            if (fresh != null) {
              // every stream begins with the job
              failures = reply.kind === 'job' ? failures : new Failures()
              yield fresh
            }

            if (reply.kind === 'end') {
              return
            }
          }

          throw new MeshmarkError('unreachable', 'the master has gone away')
        } catch (err) {
          signal?.throwIfAborted()

          if (!this.#isUnheardOf(selector, err)) {
            failures.judge(this.#link.isGone(master, err), err, this.#link.masters)
          }

          if (!patience.wears()) {
            throw new MeshmarkError('unreachable', `no master has answered for ${PATIENCE_MS / 1_000} s; the job goes on without this client: meshmark attach ${selector.slice(-8).toLowerCase()} shows it later`, { cause: err })
          }
        } finally {
          watch?.end()
        }

        await this.#link.replace(master, patience, signal)
      }
    } finally {
      patience.restore()
    }
  }

  /** One submission to one master, with what it lacks of the payloads. */
  async #offer (master: Peer, watch: Watch | undefined, { id, sealed, all, sent }: Offer, { onUpload, signal }: SubmitOptions): Promise<Submitted> {
    let reply = await this.#question(master, { kind: 'submit', job: sealed }, SUBMIT_TIMEOUT_MS, watch?.signal ?? signal)
    const given = new Set<string>()

    while (reply.kind === 'need-payload') {
      const { payload } = reply
      const packed = all.find(({ manifest }) => manifest.id === payload)

      if (packed == null) {
        throw new MeshmarkError('failed', 'the master asked for a payload that this job does not have')
      }

      if (given.has(payload)) {
        throw new MeshmarkError('failed', 'the master has lost the payload that was just sent: submit again')
      }

      given.add(payload)
      sent.add(payload)

      const { manifest } = packed
      const total = payloadSize(manifest)

      // on a slow line an answer may have to wait behind the upload
      watch?.end()

      await sendPayload(this.#node, master.id, {
        manifest,
        readChunk: async index => packed.readChunk(index),
        job: id,
        onProgress: chunks => { onUpload?.(Math.min(chunks * manifest.chunkSize, total), total) },
        signal
      })

      const nextWatch = this.#link.watch(master, signal)

      try {
        reply = await this.#question(master, { kind: 'submit', job: sealed }, SUBMIT_TIMEOUT_MS, nextWatch?.signal ?? signal)
      } finally {
        nextWatch?.end()
      }
    }

    return expect(reply, 'accepted')
  }

  async #list (message: SubmitRequest, stop?: AbortSignal): Promise<SubmitReply[]> {
    return this.#link.persist(async (master, watch) => withDeadline(ANSWER_TIMEOUT_MS, [watch?.signal ?? stop], async signal => {
      const replies: SubmitReply[] = []

      for await (const reply of this.#ask(master, message, signal)) {
        replies.push(reply)
      }

      return replies
    }), stop)
  }

  async #question (master: Peer, message: SubmitRequest, timeoutMs: number, signal?: AbortSignal): Promise<SubmitReply> {
    return raiseRefusal(await request(this.#node, master.id, submit, message, { timeoutMs, signal }))
  }

  async * #ask (master: Peer, message: SubmitRequest, signal?: AbortSignal): AsyncGenerator<SubmitReply> {
    const channel = await this.#node.openChannel(master.id, submit, { signal })

    try {
      await channel.send(message, { signal })

      for (let reply = await channel.receive({ signal }); reply != null; reply = await channel.receive({ signal })) {
        yield raiseRefusal(reply)
      }

      await channel.close()
    } catch (err) {
      channel.abort(toError(err))
      throw err
    } finally {
      // a consumer that leaves early leaves the stream as well; after a clean close this does nothing
      channel.abort(new Error('no longer followed'))
    }
  }

  async #administer (message: AdminRequest, stop?: AbortSignal): Promise<AdminReply[]> {
    return this.#link.persist(async (master, watch) => withDeadline(ANSWER_TIMEOUT_MS, [watch?.signal ?? stop], async signal => {
      const channel = await this.#node.openChannel(master.id, admin, { signal })
      const replies: AdminReply[] = []

      try {
        await channel.send(message, { signal })

        for (let reply = await channel.receive({ signal }); reply != null; reply = await channel.receive({ signal })) {
          if (reply.kind === 'refused') {
            throw new MeshmarkError('refused', reply.reason)
          }

          replies.push(reply)
        }

        await channel.close()

        return replies
      } catch (err) {
        channel.abort(toError(err))
        throw err
      }
    }), stop)
  }

  /** A master that was away, or left out, when a job was accepted hears of it later. */
  #isUnheardOf (selector: string, err: unknown): boolean {
    return isMeshmarkError(err) && err.code === 'usage' && this.#accepted.has(selector)
  }
}

function raiseRefusal (reply: SubmitReply): SubmitReply {
  if (reply.kind === 'refused') {
    throw new MeshmarkError(reply.code, reply.reason)
  }

  return reply
}

function expect<K extends SubmitReply['kind']> (reply: SubmitReply, kind: K): Extract<SubmitReply, { kind: K }> {
  if (reply.kind !== kind) {
    throw new MeshmarkError('failed', `the master answered '${reply.kind}' where '${kind}' was due`)
  }

  return reply as Extract<SubmitReply, { kind: K }>
}

function detailOf (replies: AdminReply[]): string {
  return replies.map(reply => reply.kind === 'done' ? reply.detail : '').join('\n')
}
