import { MeshmarkError, toError } from '../../model/errors.ts'
import { admin } from '../../node/protocol/admin/index.ts'
import { submit } from '../../node/protocol/submit/index.ts'
import { request } from '../../node/request.ts'
import { withDeadline } from '../../node/wait.ts'
import type { MeshLink } from './mesh-link.ts'
import type { MeshNode, Peer } from '../../node/mesh-node.ts'
import type { AdminReply, AdminRequest } from '../../node/protocol/admin/messages.ts'
import type { SubmitReply, SubmitRequest } from '../../node/protocol/submit/messages.ts'

/** A question that a master answers from memory. */
export const ANSWER_TIMEOUT_MS = 30_000

/** What a client says to masters, and what they answer. A refusal is thrown. */
export class Questions {
  readonly #node: MeshNode
  readonly #link: MeshLink

  constructor (node: MeshNode, link: MeshLink) {
    this.#node = node
    this.#link = link
  }

  /** Of this master, one answer. */
  async single (master: Peer, message: SubmitRequest, timeoutMs: number, signal?: AbortSignal): Promise<SubmitReply> {
    return raiseRefusal(await request(this.#node, master.id, submit, message, { timeoutMs, signal }))
  }

  /** Of this master, answers as they come. */
  async * stream (master: Peer, message: SubmitRequest, signal?: AbortSignal): AsyncGenerator<SubmitReply> {
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

  /** Of whichever master gives them, all answers. */
  async all (message: SubmitRequest, stop?: AbortSignal): Promise<SubmitReply[]> {
    return this.#link.persist(async (master, watch) => withDeadline(ANSWER_TIMEOUT_MS, [watch?.signal ?? stop], async signal => {
      const replies: SubmitReply[] = []

      for await (const reply of this.stream(master, message, signal)) {
        replies.push(reply)
      }

      return replies
    }), stop)
  }

  /** As `all`, of an administrator. */
  async administer (message: AdminRequest, stop?: AbortSignal): Promise<AdminReply[]> {
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
}

function raiseRefusal (reply: SubmitReply): SubmitReply {
  if (reply.kind === 'refused') {
    throw new MeshmarkError(reply.code, reply.reason)
  }

  return reply
}

/** Throws `failed` for an answer of another kind. */
export function expectReply<K extends SubmitReply['kind']> (reply: SubmitReply, kind: K): Extract<SubmitReply, { kind: K }> {
  if (reply.kind !== kind) {
    throw new MeshmarkError('failed', `the master answered '${reply.kind}' where '${kind}' was due`)
  }

  return reply as Extract<SubmitReply, { kind: K }>
}
