import type { Claim } from '../node/protocol/register/messages.ts'

/** Orders claims: by term, then by master, so that two masters with one term still have an order. */
export function compareClaims (a: Claim, b: Claim): number {
  return a.term - b.term || (a.master < b.master ? -1 : a.master > b.master ? 1 : 0)
}
