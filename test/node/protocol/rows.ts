import { admin } from '../../../src/node/protocol/admin/index.ts'
import { clock } from '../../../src/node/protocol/clock/index.ts'
import { hello } from '../../../src/node/protocol/hello/index.ts'
import { join } from '../../../src/node/protocol/join/index.ts'
import { decodeJob, decodeResult, encodeJob, encodeResult } from '../../../src/node/protocol/model/index.ts'
import { mastersAsk, mastersBeat, mastersFollow } from '../../../src/node/protocol/masters/index.ts'
import { payload } from '../../../src/node/protocol/payload/index.ts'
import { relay } from '../../../src/node/protocol/relay/index.ts'
import { register } from '../../../src/node/protocol/register/index.ts'
import { decodeMembership, decodeTicket, encodeMembership, encodeTicket } from '../../../src/node/protocol/sealed/index.ts'
import { results } from '../../../src/node/protocol/results/index.ts'
import { slot } from '../../../src/node/protocol/slot/index.ts'
import { submit } from '../../../src/node/protocol/submit/index.ts'
import { task } from '../../../src/node/protocol/task/index.ts'
import * as arbitrary from './arbitraries.ts'
import type { Codec, Protocol } from '../../../src/node/protocol/protocol.ts'
import type { Arbitrary } from 'fast-check'

export const PROTOCOLS: Record<string, Protocol<any, any>> = { hello, join, register, slot, payload, relay, task, results, submit, admin, clock, 'masters-beat': mastersBeat, 'masters-follow': mastersFollow, 'masters-ask': mastersAsk }

export interface Row {
  name: string
  codec: Codec<any>
  message: Arbitrary<any>
  /** Bytes; absent = it travels inside other messages, which bound it. */
  max?: number
}

/** Where a folder has several protocols, and their messages a name of their own. */
const MESSAGES: Record<string, 'mastersBeat' | 'mastersFollow' | 'mastersAsk'> = { 'masters-beat': 'mastersBeat', 'masters-follow': 'mastersFollow', 'masters-ask': 'mastersAsk' }

/** Both directions of every protocol, and what is kept or sealed as bytes. */
export const ROWS: Row[] = [
  ...Object.entries(PROTOCOLS).flatMap(([name, { request, reply, maxMessage }]) => {
    const messages = arbitrary[MESSAGES[name] ?? name as 'slot']

    return [
      { name: `${name} request`, codec: request, message: messages.request, max: maxMessage },
      { name: `${name} reply`, codec: reply, message: messages.reply, max: maxMessage }
    ]
  }),
  { name: 'job', codec: { encode: encodeJob, decode: decodeJob }, message: arbitrary.job },
  { name: 'result', codec: { encode: encodeResult, decode: decodeResult }, message: arbitrary.result },
  { name: 'membership', codec: { encode: encodeMembership, decode: decodeMembership }, message: arbitrary.membership },
  { name: 'ticket', codec: { encode: encodeTicket, decode: decodeTicket }, message: arbitrary.ticket }
]
