import { MAX_LATEST_RUNS } from '../../../model/sample.ts'
import { commandIndex, count, nanos, sentence, size } from '../model/words.ts'
import { field, message, optional, optionalList } from '../schema/message.ts'
import { bytes, oneOf } from '../schema/scalars.ts'
import type { SampleFigures } from '../../../model/sample.ts'

/** Output travels in pieces of this size at most. */
export const MAX_PIECE = 1024 * 1024

/** A result with the most samples a job may ask for. */
export const MAX_RESULT_BYTES = 16 * 1024 * 1024

export const stream = oneOf('OutputStream', ['stdout', 'stderr'] as const)
export const piece = bytes({ max: MAX_PIECE })

export const phase = oneOf('Phase', ['waiting-for-machine', 'running'] as const)
export const phaseFields = { phase: field(1, phase), detail: optional(2, sentence) }

const sampleFigures = message<SampleFigures>('SampleFigures', { wallNs: field(1, nanos), cpuNs: field(2, nanos), memoryBytes: optional(3, size) })

export const progressFields = { command: field(1, commandIndex), runs: field(2, count), of: optional(3, count), medianNs: optional(4, nanos), latest: optionalList(6, sampleFigures, MAX_LATEST_RUNS) }
