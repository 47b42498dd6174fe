import { existsSync, readlinkSync } from 'node:fs'
import { release } from 'node:os'
import { MeshmarkError } from '../model/errors.ts'
import { isOlderThan } from './kernel.ts'
import { BOX_UID, WRITABLE } from './layout.ts'
import { NAMESPACES } from './namespaces.ts'
import type { SandboxFacts } from '../model/machine.ts'
import type { LoadedBoxFiles } from './box-files.ts'
import type { Ground } from './ground.ts'
import type { RunnerFacts } from './protocol.ts'

/** SECCOMP_MODE_FILTER of proc(5). */
const FILTERED = 2

/**
 * Judges what the kernel said to the runner from inside. Throws when a
 * protection that nobody may do without is missing: then it is no box.
 */
export function factsOf (files: LoadedBoxFiles, ground: Ground | undefined, seen: RunnerFacts, filterHash: string): SandboxFacts {
  const missing = missingProtections(seen)

  if (missing.length > 0) {
    throw new MeshmarkError('refused', `the sandbox lacks ${missing.join(', ')}: report this with the output of meshmark doctor`)
  }

  const cgroups = ground?.cgroups

  return {
    builder: files.builder.kind,
    builderVersion: files.builder.version,
    namespaces: apart(seen),
    filterHash,
    uidMode: ground?.maps == null ? 'shared' : 'two-uids',
    cgroup: cgroups?.bounds.memory === true ? cgroups.version : 'none',
    methods: cgroups?.methods ?? { cpu: 'rusage', memory: 'adopted-maxrss', processes: 'rlimit' },
    ...(cgroups == null ? {} : { bounds: cgroups.bounds }),
    proc: ground?.noProc == null,
    kernel: release(),
    canaries: files.canaries,
    caveats: [
      ...(ground?.noProc == null ? [] : [`no /proc in the box: ${ground.noProc}`]),
      ...(ground?.maps == null ? [`the program and what watches it share a uid${ground?.sharedReason == null ? '' : `; ${ground.sharedReason}`}`] : []),
      ...cgroups?.caveats ?? [ground?.cgroupReason ?? 'no control group was made for boxes'],
      ...(cgroups?.bounds.memory === true ? [] : [`memory of all processes of a run together is looked at ${ground?.noProc == null ? 'ten times a second' : 'from outside, at least once a second,'} and not bounded by the kernel`]),
      ...(cgroups == null || cgroups.methods.cpu === 'rusage' ? ['CPU time is what the kernel bills to processes; a program can hide some of it', ...(ground?.noProc == null ? [] : ['the limit of CPU time is met within a tenth of a second for all processes of a run together, and ends the box'])] : []),
      ...(isOlderThan(release(), 5, 14) ? ['the limit of processes counts those of other boxes as well: the kernel is older than 5.14'] : [])
    ]
  }
}

export function missingProtections (seen: RunnerFacts): string[] {
  const own = apart(seen)
  const allowed: readonly string[] = WRITABLE
  // Terminals of the box; nothing can be stored there.
  const writable = seen.writable.filter(point => !allowed.includes(point) && point !== '/dev/pts' && !point.startsWith('/dev/'))

  return [
    ...NAMESPACES.filter(name => existsSync(`/proc/self/ns/${name}`) && !own.includes(name)).map(name => `a ${name} namespace of its own`),
    ...(seen.seccomp === FILTERED ? [] : ['its system call filters']),
    ...(seen.noNewPrivileges === 1 ? [] : ['no_new_privs']),
    ...(/^0+$/.test(seen.capabilities) ? [] : ['a program without capabilities']),
    ...(seen.uid === BOX_UID ? [] : ['a user of its own']),
    ...(writable.length === 0 ? [] : [`a read-only ${writable.join(' and ')}`])
  ]
}

/** Namespaces that are not this process's. */
function apart (seen: RunnerFacts): string[] {
  return NAMESPACES.filter(name => {
    const link = seen.namespaces[name]

    return link != null && existsSync(`/proc/self/ns/${name}`) && link !== readlinkSync(`/proc/self/ns/${name}`)
  })
}
