import { timingSafeEqual } from 'node:crypto'
import type { Role } from '../../model/roles.ts'

/** A join token as the master keeps it: never the secret, only its hash. */
export interface TokenRecord {
  id: string
  role: Role
  /** SHA-256 of the secret, hex. */
  hash: string
  name?: string
  createdAt: number
  expiresAt: number
  /** Absent = any number of times. */
  usesLeft?: number
  revoked: boolean
}

/** Why the token earns nothing, in one line; undefined = it does. */
export function refuseToken (record: TokenRecord | undefined, hash: string, nowMs: number): string | undefined {
  // one answer for an unknown id and for a wrong secret: nothing is learned by trying
  if (record == null || !equalHex(record.hash, hash)) {
    return 'this token is not known here: ask for a new one (meshmark token create)'
  }

  if (record.revoked) {
    return `token ${record.id} was revoked: ask for a new one (meshmark token create)`
  }

  if (record.expiresAt <= nowMs) {
    return `token ${record.id} expired at ${new Date(record.expiresAt).toISOString()}, and here it is ${new Date(nowMs).toISOString()}: ask for a new one (meshmark token create)`
  }

  if (record.usesLeft != null && record.usesLeft <= 0) {
    return `token ${record.id} is used up: ask for a new one (meshmark token create)`
  }
}

/** What a token of this role lets its bearer be. */
export function rolesOf (role: Role): Role[] {
  return role === 'admin' ? ['admin', 'client'] : [role]
}

/** What `--on` takes for something else than a name. */
const NOT_A_NAME = /^(all|any|\d+)$/

/** `wanted`, or with -2, -3, … when another member has it. */
export function uniqueName (wanted: string, taken: ReadonlySet<string>): string {
  const safe = wanted.toLowerCase().replace(/[^a-z0-9._-]+/g, '-').replace(/^-+|-+$/g, '').slice(0, 48) || 'node'
  const base = NOT_A_NAME.test(safe) ? `node-${safe}` : safe

  for (let number = 1; ; number++) {
    const name = number === 1 ? base : `${base}-${number}`

    if (!taken.has(name)) {
      return name
    }
  }
}

function equalHex (a: string, b: string): boolean {
  return a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b))
}
