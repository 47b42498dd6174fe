import { jobCodec } from './job.ts'
import { resultCodec } from './result.ts'

export { MAX_RUNS } from './job.ts'

/** Of what is kept or sealed as bytes, apart from any stream. */
export const { encode: encodeJob, decode: decodeJob } = jobCodec
export const { encode: encodeResult, decode: decodeResult } = resultCodec
