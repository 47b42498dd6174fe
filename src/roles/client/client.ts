import { setTimeout as delay } from 'node:timers/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { ulid } from 'ulid'
import { isMeshmarkError, MeshmarkError, toError } from '../../model/errors.ts'
import { loadOrCreateIdentity } from '../../node/identity.ts'
import { seal } from '../../node/membership.ts'
import { MeshNode } from '../../node/mesh-node.ts'
import { packFiles } from '../../node/payload/pack.ts'
import { sendPayload } from '../../node/payload/send.ts'
import { admin } from '../../node/protocol/admin/index.ts'
import { encodeJob, MAX_RUNS } from '../../node/protocol/model/index.ts'
import { submit } from '../../node/protocol/submit/index.ts'
import { request } from '../../node/request.ts'
import { dataRoot } from '../../store/instance.ts'
import { findMesh } from '../find-mesh.ts'
import { JOB_DOMAIN } from '../job-seal.ts'
import { linkToMaster, RENEW_CHECK_MS, renewWhenAgeing } from '../link.ts'
import { prepareRoleDir } from '../role-dir.ts'
import type { AttachOptions, Client, ConnectOptions, JobDraft, Submitted } from './types.ts'
import type { Plan } from '../../model/plan.ts'
import type { Role } from '../../model/roles.ts'
import type { FoundMesh } from '../find-mesh.ts'
import type { LinkOptions } from '../link.ts'
import type { Peer } from '../../node/mesh-node.ts'
import type { AdminReply, AdminRequest, TokenRow } from '../../node/protocol/admin/messages.ts'
import type { JobRow, JobView, NodeRow, OutputOffset, SubmitReply, SubmitRequest } from '../../node/protocol/submit/messages.ts'
import type { PrivateKey } from '@libp2p/interface'

const CONNECT_TIMEOUT_MS = 10_000

/** A question that a master answers from memory; submitting and cancelling have their own. */
const ANSWER_TIMEOUT_MS = 30_000

/** An attached client that loses its master looks for it this long before it gives up. */
const REATTACH_MS = 30_000

/** Where clients of this machine keep their identity; all of a user's share one, so that any of them sees the user's jobs. */
const INSTANCE = '0'

/** Connects to a master of the mesh, joining first where this machine may. */
export async function connectClient (options: ConnectOptions = {}): Promise<Client> {
  const role = options.role ?? 'client'
  const root = dataRoot()
  const mesh = await findMesh({ role, dataRoot: root, masters: options.masters ?? [], token: options.token, mesh: options.mesh })
  const dir = join(await prepareRoleDir(root, mesh.meshId, role), INSTANCE)
  const identity = await loadOrCreateIdentity(join(dir, 'identity.key'))
  const node = await MeshNode.create({ identity, meshId: mesh.meshId, listen: [], mdns: options.mdns ?? true })
  const timeout = AbortSignal.timeout(options.timeoutMs ?? CONNECT_TIMEOUT_MS)
  const signal = options.signal != null ? AbortSignal.any([options.signal, timeout]) : timeout

  try {
    await node.start()
    const client = new MeshClient(node, identity, mesh, dir)
    await client.link(signal, { typedOnly: (options.masters ?? []).length > 0 })

    return client
  } catch (err) {
    await node.stop()

    if (timeout.aborted && !isMeshmarkError(err)) {
      throw new MeshmarkError('unreachable', `no master answered within ${(options.timeoutMs ?? CONNECT_TIMEOUT_MS) / 1_000} s: is it running, and is the address right?`, { cause: err })
    }

    throw err
  }
}

class MeshClient implements Client {
  readonly meshId: string
  readonly peerId: string
  readonly #node: MeshNode
  readonly #identity: PrivateKey
  readonly #mesh: FoundMesh
  readonly #dir: string
  #master?: Peer
  #renewal?: NodeJS.Timeout

  constructor (node: MeshNode, identity: PrivateKey, mesh: FoundMesh, dir: string) {
    this.#node = node
    this.#identity = identity
    this.#mesh = mesh
    this.#dir = dir
    this.meshId = mesh.meshId
    this.peerId = node.peerId
  }

  get master (): { peerId: string, name: string, address: string } {
    const master = this.#requireMaster()

    return { peerId: master.id, name: master.name, address: master.addresses[0] ?? '' }
  }

  async link (signal?: AbortSignal, options: Pick<LinkOptions, 'typedOnly'> = {}): Promise<void> {
    const link = { dir: this.#dir, name: hostname().split('.')[0] ?? 'client' }
    const master = this.#master = await linkToMaster(this.#node, this.#mesh, { ...link, signal, ...options })

    // whoever follows a job for days must still be a member when its master comes back
    clearInterval(this.#renewal)
    this.#renewal = setInterval(() => { renewWhenAgeing(this.#node, master, this.#mesh.meshId, link).catch(() => {}) }, RENEW_CHECK_MS).unref()
  }

  async submit (draft: JobDraft, options: { onUpload?: (sentBytes: number, totalBytes: number) => void, signal?: AbortSignal } = {}): Promise<Submitted> {
    const { files, ...rest } = draft
    const packed = files.length > 0 ? await packFiles(files) : undefined

    try {
      const id = draft.id ?? ulid()
      const sealed = await seal(this.#identity, JOB_DOMAIN, encodeJob({
        ...rest,
        plan: boundPlan(rest.plan, rest.commands.length),
        id,
        client: this.peerId,
        payload: packed?.manifest,
        submittedAt: Date.now()
      }))
      const first = await this.#submitOnce(sealed, options.signal)

      if (first.kind === 'accepted') {
        return first
      }

      if (packed == null || first.payload !== packed.manifest.id) {
        throw new MeshmarkError('failed', 'the master asked for a payload that this job does not have')
      }

      const { manifest } = packed
      const total = manifest.files.reduce((sum, file) => sum + file.size, 0)

      await sendPayload(this.#node, this.#requireMaster().id, {
        manifest,
        readChunk: async index => packed.readChunk(index),
        job: id,
        onProgress: chunks => { options.onUpload?.(Math.min(chunks * manifest.chunkSize, total), total) },
        signal: options.signal
      })

      const second = await this.#submitOnce(sealed, options.signal)

      if (second.kind !== 'accepted') {
        throw new MeshmarkError('failed', 'the master has lost the payload that was just sent: submit again')
      }

      return second
    } finally {
      await packed?.close()
    }
  }

  async * attach (selector: string, options: AttachOptions = {}): AsyncGenerator<SubmitReply> {
    const offsets = new Map<string, OutputOffset>()
    let lostAt: number | undefined

    options.offsets?.forEach(offset => offsets.set(`${offset.execution}/${offset.stream}`, offset))

    while (true) {
      try {
        for await (const reply of this.#ask({
          kind: 'attach',
          selector,
          output: options.output ?? false,
          offsets: [...offsets.values()],
          follow: options.follow ?? true
        }, options.signal)) {
          lostAt = undefined

          if (reply.kind === 'job') {
            // from here on the very same job, whatever @last means by then
            selector = reply.view.job.id
          } else if (reply.kind === 'output') {
            offsets.set(`${reply.execution}/${reply.stream}`, { execution: reply.execution, stream: reply.stream, offset: reply.offset + reply.data.byteLength })
          }

          yield reply

          if (reply.kind === 'end') {
            return
          }
        }

        throw new MeshmarkError('unreachable', 'the master has gone away')
      } catch (err) {
        options.signal?.throwIfAborted()

        if (isMeshmarkError(err) && err.code !== 'unreachable' && err.code !== 'failed') {
          throw err
        }

        lostAt ??= performance.now()

        if (performance.now() - lostAt > REATTACH_MS) {
          throw new MeshmarkError('unreachable', `the master has been away for ${REATTACH_MS / 1_000} s; the job goes on without this client: meshmark attach ${selector.slice(-8).toLowerCase()} shows it later`, { cause: err })
        }
      }

      await this.#relink(options.signal)
    }
  }

  async cancel (selector: string): Promise<{ id: string, pending: string[] }> {
    const reply = await this.#question({ kind: 'cancel', selector })

    return expect(reply, 'cancelled')
  }

  async show (selector: string): Promise<{ view: JobView, events: SubmitReply[] }> {
    const events: SubmitReply[] = []

    for await (const reply of this.#ask({ kind: 'show', selector }, AbortSignal.timeout(ANSWER_TIMEOUT_MS))) {
      if (reply.kind === 'end') {
        return { view: reply.view, events }
      }

      events.push(reply)
    }

    throw new MeshmarkError('failed', 'the answer of the master ended early')
  }

  async nodes (): Promise<NodeRow[]> {
    const rows: NodeRow[] = []

    for await (const reply of this.#ask({ kind: 'nodes' }, AbortSignal.timeout(ANSWER_TIMEOUT_MS))) {
      rows.push(expect(reply, 'node').row)
    }

    return rows
  }

  async jobs (limit = 20): Promise<JobRow[]> {
    const rows: JobRow[] = []

    for await (const reply of this.#ask({ kind: 'jobs', limit }, AbortSignal.timeout(ANSWER_TIMEOUT_MS))) {
      rows.push(expect(reply, 'row').row)
    }

    return rows
  }

  async createToken (role: Role, options: { ttlMs: number, uses?: number, name?: string }): Promise<{ text: string, row: TokenRow, addresses: string[] }> {
    const [reply] = await this.#administer({ kind: 'create-token', role, ...options })

    if (reply?.kind !== 'token') {
      throw new MeshmarkError('failed', 'the master answered without a token')
    }

    return reply
  }

  async listTokens (): Promise<TokenRow[]> {
    return (await this.#administer({ kind: 'list-tokens' })).flatMap(reply => reply.kind === 'row' ? [reply.row] : [])
  }

  async revokeToken (id: string): Promise<string> {
    return detailOf(await this.#administer({ kind: 'revoke-token', id }))
  }

  async revokeMember (node: string): Promise<string> {
    return detailOf(await this.#administer({ kind: 'revoke-member', node }))
  }

  async drain (node: string, undo: boolean): Promise<string> {
    return detailOf(await this.#administer({ kind: 'drain', node, undo }))
  }

  async close (): Promise<void> {
    clearInterval(this.#renewal)
    await this.#node.stop()
  }

  #requireMaster (): Peer {
    if (this.#master == null) {
      throw new MeshmarkError('unreachable', 'not connected to a master')
    }

    return this.#master
  }

  /** The very same bytes again when the answer is lost with its master: a job that was accepted is the same job then. */
  async #submitOnce (job: Uint8Array, signal: AbortSignal | undefined): Promise<Extract<SubmitReply, { kind: 'accepted' | 'need-payload' }>> {
    for (const deadline = performance.now() + REATTACH_MS; ;) {
      try {
        const reply = await this.#question({ kind: 'submit', job }, signal)

        return reply.kind === 'need-payload' ? reply : expect(reply, 'accepted')
      } catch (err) {
        signal?.throwIfAborted()

        if (!isMeshmarkError(err) || err.code !== 'unreachable' || performance.now() > deadline) {
          throw err
        }
      }

      await this.#relink(signal)
    }
  }

  async #question (message: SubmitRequest, signal?: AbortSignal): Promise<SubmitReply> {
    const reply = await request(this.#node, this.#requireMaster().id, submit, message, { timeoutMs: ANSWER_TIMEOUT_MS, signal })

    return raiseRefusal(reply)
  }

  async * #ask (message: SubmitRequest, signal?: AbortSignal): AsyncGenerator<SubmitReply> {
    const channel = await this.#node.openChannel(this.#requireMaster().id, submit, { signal })

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

  async #administer (message: AdminRequest): Promise<AdminReply[]> {
    const signal = AbortSignal.timeout(ANSWER_TIMEOUT_MS)
    const channel = await this.#node.openChannel(this.#requireMaster().id, admin, { signal })
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
  }

  async #relink (signal: AbortSignal | undefined): Promise<void> {
    await delay(200, undefined, { signal }).catch(() => {})
    await this.link(signal).catch(err => {
      if (isMeshmarkError(err) && err.code === 'refused') {
        throw err
      }
    })
  }
}

/** All runs of a job on one worker must fit one result. Throws `usage` for more; what was not asked for is cut down. */
function boundPlan (plan: Plan, commands: number): Plan {
  const most = Math.floor(MAX_RUNS / Math.max(commands, 1))

  if (plan.kind === 'fixed' && plan.runs > most) {
    throw new MeshmarkError('usage', `${plan.runs} runs of each of ${commands} commands are more than the ${MAX_RUNS} that one job may ask of a worker: ask for ${most}, or submit several jobs`)
  }

  return plan.kind === 'precision' && plan.maxRuns > most ? { ...plan, maxRuns: most, minRuns: Math.min(plan.minRuns, most) } : plan
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
