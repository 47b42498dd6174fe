import { isJobId, isTaskName, parseExecutionId } from '../../../model/ids.ts'
import { MAX_ENTRIES } from '../../../model/map.ts'
import { isPayloadPath } from '../../../model/payload.ts'
import { text, uint } from '../schema/scalars.ts'

/** Words that occur in many messages, each with its bound. */

/** Peer ids of Ed25519 keys have 52 characters of base 58; older kinds up to 60. */
export const peerId = text({ max: 64, like: { test: value => /^[1-9A-HJ-NP-Za-km-z]{40,64}$/.test(value), words: 'a peer id' } })
export const jobId = text({ max: 26, like: { test: isJobId, words: 'a job id' } })
export const taskName = text({ max: 100, like: { test: isTaskName, words: 'a task name' } })
export const payloadId = text({ max: 64, like: { test: value => /^[0-9a-f]{64}$/.test(value), words: 'a payload id' } })
export const digest = payloadId
export const payloadPath = text({ max: 2048, like: { test: isPayloadPath, words: 'a path inside the payload' } })

/** Names of nodes and jobs, as shown: nothing that moves a cursor. */
export const name = text({ max: 256, like: { test: value => !/\p{Cc}/u.test(value), words: 'printable text' } })

/** What is typed to find something. */
export const selector = text({ max: 256 })

/** A sentence for people; whoever prints it makes it printable. */
export const sentence = text({ max: 8192 })

/** A word of a command line, at most what Linux takes for one. */
export const word = text({ max: 128 * 1024 })

export const execution = text({
  max: 320,
  like: {
    test: value => {
      try {
        const key = parseExecutionId(value)
        return isJobId(key.job) && isTaskName(key.task) && /^[1-9A-HJ-NP-Za-km-z]{40,64}$/.test(key.worker)
      } catch {
        return false
      }
    },
    words: 'an execution id'
  }
})

/** Bytes. */
export const size = uint()
/** Milliseconds. */
export const millis = uint()
/** Nanoseconds. */
export const nanos = uint()
export const count = uint()
/** Index into a job's commands. */
export const commandIndex = uint({ max: MAX_ENTRIES - 1 })
export const address = text({ max: 512 })
export const version = text({ max: 64 })
/** A sealed record. */
export const MAX_SEALED = 4 * 1024
