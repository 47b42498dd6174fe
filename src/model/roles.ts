/** What a membership lets a peer act as. One peer may hold several. */
export const ROLES = ['master', 'worker', 'client', 'admin'] as const

export type Role = typeof ROLES[number]
