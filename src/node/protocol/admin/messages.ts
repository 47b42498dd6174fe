import type { Role } from '../../../model/roles.ts'

/** What a token for the HTTP interface opens: all that its role may, or reading only. */
export const HTTP_ACCESS = ['full', 'read'] as const

export type HttpAccess = typeof HTTP_ACCESS[number]

export interface TokenRow {
  id: string
  role: Role
  name?: string
  createdAt: number
  expiresAt: number
  /** Absent = any number. */
  usesLeft?: number
  revoked: boolean
  /** Absent = it is to join with. */
  http?: HttpAccess
}

export type AdminRequest =
  | { kind: 'create-token', role: Role, ttlMs: number, uses?: number, name?: string, http?: HttpAccess }
  | { kind: 'list-tokens' }
  | { kind: 'revoke-token', id: string }
  /** By name or peer id: its membership counts no more. */
  | { kind: 'revoke-member', node: string }
  | { kind: 'drain', node: string, undo: boolean }

export type AdminReply =
  /** `text` is the whole token, said this once; the master keeps a hash. */
  | { kind: 'token', text: string, row: TokenRow, addresses: string[] }
  | { kind: 'row', row: TokenRow }
  | { kind: 'done', detail: string }
  | { kind: 'refused', reason: string }
