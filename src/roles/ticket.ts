import { decodeTicket } from '../node/protocol/sealed/index.ts'
import { open } from '../node/membership.ts'

/** Domain of the seal around a ticket. */
export const TICKET_DOMAIN = 'meshmark/ticket'

export interface TicketCheck {
  sealed: Uint8Array | undefined
  payload: string
  sender: string
  receiver: string
  meshTimeMs: number
  /** Is this peer a master, as its membership proved? */
  isMaster: (peerId: string) => boolean
}

/** Why this transfer is not covered by a coordinator's ticket; undefined = it is. */
export async function refuseTicket (check: TicketCheck): Promise<string | undefined> {
  if (check.sealed == null) {
    return 'a payload is taken only with a ticket of the coordinator'
  }

  const { payload, signer } = await open(check.sealed, TICKET_DOMAIN)
  const ticket = decodeTicket(payload)

  if (!check.isMaster(signer)) {
    return `the ticket is sealed by ${signer.slice(-8)}, which is no master here`
  }

  if (ticket.payload !== check.payload || ticket.sender !== check.sender || ticket.receiver !== check.receiver) {
    return 'the ticket is for another transfer'
  }

  if (ticket.expiresMs < check.meshTimeMs) {
    return 'the ticket has expired'
  }
}
