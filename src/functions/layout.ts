/** Where things are in the payload of a job that calls a function, and how its parts speak. */
export const LAYOUT = {
  /** The program, and what it calls. */
  host: 'meshmark-host.mjs',
  fn: 'meshmark-function.mjs',
  /** Arguments that are too long for an item, by number. */
  longArguments: 'meshmark-arguments/'
} as const

/** Names in the payload that begin like this are taken. */
export const OWN_PREFIX = 'meshmark-'

/** Descriptor on which the host answers: stdout itself is the function's own, and ends up as stderr. */
export const ANSWER_FD = 3

/** How an answer begins; the encoded value, or a sentence, follows. */
export const ANSWER = {
  returned: '=',
  thrown: '!',
  /** The host's own words: the value cannot be sent. */
  refused: '?'
} as const

export const DEFAULT_RESULT_BYTES = 64 * 1024 * 1024
