import { isMeshmarkError } from '../../model/errors.ts'
import { isAboutRevocation } from '../../node/admission.ts'
import { shortId } from '../../node/membership.ts'
import { REMOVED } from './admission.ts'
import type { Admission } from './admission.ts'
import type { FoundMaster } from '../../node/discovery.ts'
import type { MeshNode } from '../../node/mesh-node.ts'

/** A master of another mesh stays one for at least this long. */
const FOREIGN_MS = 10 * 60 * 1000

/**
 * Connects to masters that the local network tells of, as far as they prove to
 * be of this mesh; whatever else masters do with each other follows from that.
 * Returns what ends it.
 */
export function meetDiscovered (node: MeshNode, meshId: string, log: (line: string) => void): () => void {
  const foreignUntil = new Map<string, number>()
  const dialling = new Set<string>()

  const onFound = ({ detail: { id, addresses } }: CustomEvent<FoundMaster>): void => {
    if (dialling.has(id) || node.peer(id) != null || (foreignUntil.get(id) ?? 0) > performance.now()) {
      return
    }

    dialling.add(id)
    node.connect(addresses, { expectMesh: meshId }).then(peer => {
      log(`found master ${peer.name} on the local network`)
    }, err => {
      // it is announced again every few seconds
      if (isMeshmarkError(err) && err.code === 'refused') {
        foreignUntil.set(id, performance.now() + FOREIGN_MS)
        log(`master ${shortId(id)} on the local network is none of this mesh: ${err.message}`)
      }
    }).finally(() => { dialling.delete(id) })
  }

  node.addEventListener('master:discovered', onFound)

  return () => { node.removeEventListener('master:discovered', onFound) }
}

/**
 * A master that was away when it was put out hears of it from those that it
 * dials. Only of those that are known as masters: an address may lead anywhere.
 */
export function heedRemoval (node: MeshNode, admission: Pick<Admission, 'members' | 'leave'>): void {
  node.addEventListener('turned-away', ({ detail: { peerId, reason } }) => {
    if (isAboutRevocation(reason) && admission.members.isMaster(peerId)) {
      admission.leave(REMOVED)
    }
  })
}
