import { isMeshmarkError, MeshmarkError, toError } from '../../model/errors.ts'
import { admin } from '../../node/protocol/admin/index.ts'
import { isNamed } from './coordinator/targets.ts'
import type { Admission } from './admission.ts'
import type { Coordinator } from './coordinator.ts'
import type { Registry } from './registry.ts'
import type { MeshNode } from '../../node/mesh-node.ts'
import type { AdminReply, AdminRequest } from '../../node/protocol/admin/messages.ts'

export interface AdminComponents {
  node: MeshNode
  admission: Admission
  registry: Registry
  coordinator: Coordinator
}

/** Answers `meshmark token`, `drain` and revocations. */
export function handleAdmin (components: AdminComponents): void {
  components.node.handle(admin, async channel => {
    const message = await channel.receive()

    if (message == null) {
      return
    }

    try {
      for (const reply of await answer(message, components)) {
        await channel.send(reply)
      }
    } catch (err) {
      if (!isMeshmarkError(err)) {
        throw err
      }

      await channel.send({ kind: 'refused', reason: toError(err).message })
    }
  })
}

async function answer (message: AdminRequest, { node, admission, registry, coordinator }: AdminComponents): Promise<AdminReply[]> {
  switch (message.kind) {
    case 'create-token': {
      if (message.role === 'master') {
        throw new MeshmarkError('refused', 'a mesh has one master in this version: create a worker, client or admin token')
      }

      return [{ kind: 'token', ...await admission.createToken(message.role, message), addresses: node.addresses() }]
    }
    case 'list-tokens':
      return admission.listTokens().map(row => ({ kind: 'row', row }))
    case 'revoke-token':
      await admission.revokeToken(message.id)
      return [{ kind: 'done', detail: `token ${message.id} revoked: it admits nobody from now on` }]
    case 'revoke-member': {
      const peers = await admission.revokeMember(message.node)
      return [{ kind: 'done', detail: `${message.node} revoked (${peers.map(peer => peer.slice(-8)).join(', ')})` }]
    }
    case 'drain': {
      const workers = [...coordinator.state.workers.values()].filter(worker => isNamed(worker, message.node))

      if (workers.length === 0) {
        throw new MeshmarkError('usage', `no worker '${message.node}': see meshmark nodes`)
      }

      for (const worker of workers) {
        await registry.drain(worker.info.peerId, !message.undo)
      }

      return [{
        kind: 'done',
        detail: message.undo
          ? `${message.node} takes work again`
          : `${message.node} finishes what it runs and takes nothing new; undo with meshmark drain ${message.node} --undo`
      }]
    }
  }
}
