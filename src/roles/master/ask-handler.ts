import { MeshmarkError, isMeshmarkError } from '../../model/errors.ts'
import { mastersAsk } from '../../node/protocol/masters/index.ts'
import type { MeshNode, Peer } from '../../node/mesh-node.ts'
import type { AskReply, AskRequest } from '../../node/protocol/masters/messages.ts'

/** Who answers which question of another master. */
export type Answers = {
  [Kind in AskRequest['kind']]?: (message: Extract<AskRequest, { kind: Kind }>, peer: Peer) => Promise<AskReply>
}

/** Answers what other masters ask, each question by whoever knows. */
export function handleAsk (node: MeshNode, answers: Answers): void {
  node.handle(mastersAsk, async (channel, peer) => {
    const message = await channel.receive()

    if (message != null) {
      await channel.send(await answer(message, peer, answers))
    }
  })
}

async function answer (message: AskRequest, peer: Peer, answers: Answers): Promise<AskReply> {
  const respond = answers[message.kind] as ((message: AskRequest, peer: Peer) => Promise<AskReply>) | undefined

  try {
    if (respond == null) {
      throw new MeshmarkError('refused', `this master does not answer ${message.kind}`)
    }

    return await respond(message, peer)
  } catch (err) {
    if (!isMeshmarkError(err)) {
      throw err
    }

    return { kind: 'refused', reason: err.message }
  }
}
