import { peerId } from '../model/words.ts'
import { field, message, optional } from '../schema/message.ts'
import { bytes, oneOf, uint } from '../schema/scalars.ts'
import type { Claim } from './messages.ts'
import type { WorkerState } from '../../../model/states.ts'

export const claim = message<Claim>('Claim', { term: field(1, uint()), master: field(2, peerId), proof: optional(3, bytes({ max: 128 })) })

const STATES: readonly WorkerState[] = ['waiting', 'running', 'failed, restarting', 'finished, delivering', 'reserved', 'draining', 'lost']

/** The first four have the numbers that users know them by. */
export const workerState = oneOf('WorkerState', STATES)
