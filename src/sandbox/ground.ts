import { SubordinateMaps } from './uid-maps.ts'
import { chooseSecondUser, dropPrivileges } from './user.ts'
import { Warden } from './warden.ts'
import type { UidMaps } from './uid-maps.ts'
import type { User } from './user.ts'

/** What a worker's boxes stand on, beyond what everybody may do. */
export interface Ground {
  /** Absent: runner and program share a uid. */
  maps?: UidMaps
  /** Why `maps` is absent, with what to do. */
  sharedReason?: string
  /** Everything that was prepared is gone when it resolves. */
  close: () => Promise<void>
}

export interface SettleOptions {
  /** Whom a process that is root becomes. */
  user?: User
  /** False: do without, though it could be had. @default true */
  twoUids?: boolean
}

/**
 * Prepares what only root may, then gives root up for good; without root,
 * takes what an ordinary user is given. Must come before anything of a
 * stranger is touched.
 */
export async function settle ({ user, twoUids = true }: SettleOptions = {}): Promise<Ground> {
  if (process.getuid?.() === 0 && user != null) {
    const warden = await Warden.start(user, chooseSecondUser(user), [])

    dropPrivileges(user)

    return { ...(twoUids ? { maps: warden } : { sharedReason: 'not wanted' }), close: async () => warden.close() }
  }

  const maps = twoUids ? await SubordinateMaps.find() : 'not wanted'

  return { ...(typeof maps === 'string' ? { sharedReason: maps } : { maps }), close: async () => {} }
}
