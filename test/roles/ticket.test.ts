import '../../src/node/polyfill.ts'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { beforeAll, describe, expect, it } from 'vitest'
import { meshIdOf, seal } from '../../src/node/membership.ts'
import { encodeTicket } from '../../src/node/protocol/sealed/index.ts'
import { TICKET_DOMAIN, refuseTicket } from '../../src/roles/ticket.ts'
import type { Ticket } from '../../src/node/protocol/payload/messages.ts'
import type { TicketCheck } from '../../src/roles/ticket.ts'
import type { PrivateKey } from '@libp2p/interface'

describe('a ticket', () => {
  let master: PrivateKey
  let other: PrivateKey
  let ticket: Ticket

  beforeAll(async () => {
    master = await generateKeyPair('Ed25519')
    other = await generateKeyPair('Ed25519')
    ticket = { payload: 'a'.repeat(64), sender: meshIdOf(master), receiver: meshIdOf(other), expiresMs: 1_000 }
  })

  async function refusal (init: Partial<Ticket> = {}, check: Partial<TicketCheck> = {}, key = master, domain = TICKET_DOMAIN): Promise<string | undefined> {
    return refuseTicket({
      sealed: await seal(key, domain, encodeTicket({ ...ticket, ...init })),
      payload: ticket.payload,
      sender: ticket.sender,
      receiver: ticket.receiver,
      meshTimeMs: 1_000,
      isMaster: peerId => peerId === meshIdOf(master),
      ...check
    })
  }

  it('covers one content, one sender, one receiver, until it expires', async () => {
    expect(await refusal()).toBeUndefined()
    expect(await refusal({ payload: 'b'.repeat(64) })).toMatch(/another transfer/)
    expect(await refusal({ sender: meshIdOf(other) })).toMatch(/another transfer/)
    expect(await refusal({ receiver: meshIdOf(master) })).toMatch(/another transfer/)
    expect(await refusal({}, { meshTimeMs: 1_001 })).toMatch(/expired/)
  })

  it('is worth nothing without a master\'s seal, made for tickets', async () => {
    expect(await refusal({}, { sealed: undefined })).toMatch(/only with a ticket/)
    expect(await refusal({}, {}, other)).toMatch(/which is no master here/)
    await expect(refusal({}, {}, master, 'meshmark/job')).rejects.toThrow(/damaged or forged/)
    const sealed = await seal(master, TICKET_DOMAIN, encodeTicket(ticket))
    sealed[sealed.length - 1]! ^= 1
    await expect(refusal({}, { sealed })).rejects.toThrow(/damaged or forged/)
  })
})
