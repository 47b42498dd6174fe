import { CgroupHome } from './cgroup/index.ts'
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
  /** Absent: limits hold per process, and bills are what the kernel remembers of each. */
  cgroups?: CgroupHome
  /** Why `cgroups` is absent, with what to do. */
  cgroupReason?: string
  /** Empties the file cache of the whole machine; absent: nobody here may. */
  emptyCache?: () => Promise<void>
  /** Why boxes have no /proc, with what to do; found out by preflight. Absent: they have one. */
  noProc?: string
  /** Everything that was prepared is gone when it resolves. */
  close: () => Promise<void>
}

export interface SettleOptions {
  /** Whom a process that is root becomes. */
  user?: User
  /** False: do without, though it could be had. @default true */
  twoUids?: boolean
  /** @default true */
  cgroups?: boolean
  /** May jobs empty the machine's file cache? Only where root can be asked. @default false */
  coldCache?: boolean
}

const UNWANTED = 'not wanted'

/**
 * Prepares what only root may, then gives root up for good; without root,
 * takes what an ordinary user is given. Must come before anything of a
 * stranger is touched.
 */
export async function settle ({ user, twoUids = true, cgroups = true, coldCache = false }: SettleOptions = {}): Promise<Ground> {
  const home = cgroups ? CgroupHome.create({ owner: user }) : UNWANTED
  const billing = typeof home === 'string' ? { cgroupReason: home } : { cgroups: home }

  if (process.getuid?.() === 0 && user != null) {
    const warden = await Warden.start({ user, second: chooseSecondUser(user), folders: billing.cgroups?.folders ?? [], coldCache })

    dropPrivileges(user)

    return {
      ...billing,
      ...(twoUids ? { maps: warden } : { sharedReason: UNWANTED }),
      ...(coldCache ? { emptyCache: async () => warden.emptyCache() } : {}),
      close: async () => warden.close()
    }
  }

  const maps = twoUids ? await SubordinateMaps.find() : UNWANTED

  return { ...billing, ...(typeof maps === 'string' ? { sharedReason: maps } : { maps }), close: async () => { await billing.cgroups?.close() } }
}
