import { toError } from '../../model/errors.ts'
import { openMembership } from '../../node/membership.ts'
import { forgetMember, loadMember, saveMembership } from '../member.ts'
import type { Outbox } from './outbox.ts'
import type { MeshId } from '../../node/membership.ts'

export interface MembershipCopy {
  /** Where the membership is kept. */
  dir: string
  meshId: MeshId
  peerId: string
  outbox: Outbox
  log: (line: string) => void
}

/** A second copy in the journal, of the membership that is in force. */
export async function copyMembership ({ dir, peerId, outbox }: MembershipCopy): Promise<void> {
  const member = await loadMember(dir, peerId)

  if (member != null && !Buffer.from(member.membership).equals(await outbox.loadMembership() ?? new Uint8Array(0))) {
    await outbox.saveMembership(member.membership)
  }
}

/**
 * A worker whose membership was lost, damaged or restored from an old backup
 * takes the journal's copy: nobody has to go to the machine and join it again.
 * True when there is a valid membership now.
 */
export async function restoreMembership ({ dir, meshId, peerId, outbox, log }: MembershipCopy): Promise<boolean> {
  let damage: string | undefined

  try {
    if (await loadMember(dir, peerId) != null) {
      return true
    }
  } catch (err) {
    damage = toError(err).message
  }

  const sealed = await outbox.loadMembership()
  const isValid = sealed != null && await openMembership(sealed, meshId).then(membership => membership.peerId === peerId && membership.expiresAt > Date.now(), () => false)

  if (isValid) {
    await saveMembership(dir, { meshId, membership: sealed, masters: [] })
    log(`the membership was taken from the journal: ${damage ?? 'its file is missing or old'}`)
  } else if (damage != null) {
    // what is damaged would be in the way of a token
    await forgetMember(dir)
    log(`the membership is lost: ${damage}`)
  }

  return isValid
}
