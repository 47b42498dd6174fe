import { isMeshmarkError, MeshmarkError, toError } from '../../model/errors.ts'
import { admin } from '../../node/protocol/admin/index.ts'
import { isNamed } from './coordinator/fit.ts'
import type { Admission } from './admission.ts'
import type { Coordinator } from './coordinator.ts'
import type { Drains } from './drains.ts'
import type { Position } from './replica/replica.ts'
import type { MeshNode } from '../../node/mesh-node.ts'
import type { AdminReply, AdminRequest } from '../../node/protocol/admin/messages.ts'

export interface AdminComponents {
  node: MeshNode
  admission: Admission
  drains: Drains
  coordinator: Coordinator
  /** Resolves when the live masters have it on disk, or have had their chance. */
  replicated: (position: Position) => Promise<unknown>
  /** Multiaddrs of all known masters, our own first. */
  addresses: () => string[]
}

/** Answers `meshmark token`, `drain` and revocations. */
export function handleAdmin (components: AdminComponents): void {
  components.node.handle(admin, async channel => {
    const message = await channel.receive()

    if (message == null) {
      return
    }

    try {
      const { replies, afterwards } = await answer(message, components)

      try {
        for (const reply of replies) {
          await channel.send(reply)
        }

        if (afterwards != null) {
          // nothing of it may be in our own hands any more when this master ends
          await channel.close()
        }
      } finally {
        afterwards?.()
      }
    } catch (err) {
      if (!isMeshmarkError(err)) {
        throw err
      }

      await channel.send({ kind: 'refused', reason: toError(err).message })
    }
  })
}

interface Answer {
  replies: AdminReply[]
  /** Once they are sent. */
  afterwards?: () => void
}

/** Any master may be asked: what it answers holds at the other live ones too. */
async function answer (message: AdminRequest, { admission, drains, coordinator, replicated, addresses }: AdminComponents): Promise<Answer> {
  switch (message.kind) {
    case 'create-token':
      return { replies: [{ kind: 'token', ...await admission.tokens.create(message.role, message), addresses: addresses() }] }
    case 'list-tokens':
      return { replies: admission.tokens.list().map(row => ({ kind: 'row', row })) }
    case 'revoke-token':
      await admission.tokens.revoke(message.id)
      return done(`token ${message.id} revoked: it admits nobody from now on`)
    case 'revoke-member': {
      const { members, self } = await admission.revokeMember(message.node)
      const ids = members.map(({ peerId }) => peerId.slice(-8)).join(', ')
      const words = members.some(({ roles }) => roles.includes('master'))
        ? `master ${message.node} removed (${ids}): it ends when it hears of this, and no master takes it back`
        : `${message.node} revoked (${ids})`

      return { ...done(words), ...(self ? { afterwards: () => { admission.answered() } } : {}) }
    }
    case 'drain': {
      const workers = [...coordinator.state.workers.values()].filter(worker => isNamed(worker, message.node))

      if (workers.length === 0) {
        throw new MeshmarkError('usage', admission.members.isMaster(message.node)
          ? `'${message.node}' is a master, and only workers drain: stop it, or remove it for good with meshmark token revoke --member ${message.node}`
          : `no worker '${message.node}': see meshmark nodes`)
      }

      for (const worker of workers) {
        await replicated(await drains.set(worker.info.peerId, !message.undo))
      }

      return done(message.undo
        ? `${message.node} takes work again`
        : `${message.node} finishes what it runs and takes nothing new; undo with meshmark drain ${message.node} --undo`)
    }
  }
}

function done (detail: string): Answer {
  return { replies: [{ kind: 'done', detail }] }
}
