import type { SandboxFacts } from './machine.ts'

/** Protections that a job may insist on, beyond those that no box is without. */
interface Protection {
  /** What holds where it is met, in words. */
  means: string
  met: (facts: SandboxFacts) => boolean
}

const isOfCgroup = (method: string): boolean => method.startsWith('cgroup')
const boundsMemory = ({ bounds, methods }: SandboxFacts): boolean => bounds?.memory ?? isOfCgroup(methods.memory)

const PROTECTIONS = {
  cgroup: {
    means: 'a cgroup bills CPU time and bounds memory, of all processes of a run together',
    met: facts => isOfCgroup(facts.methods.cpu) && boundsMemory(facts)
  },
  'cgroup-cpu': {
    means: 'a cgroup bills CPU time, so that a program can hide none of it',
    met: ({ methods }) => isOfCgroup(methods.cpu)
  },
  'cgroup-memory': {
    means: 'a cgroup bounds memory of all processes of a run together',
    met: boundsMemory
  },
  'cgroup-processes': {
    means: 'a cgroup bounds the number of processes',
    met: ({ bounds, methods }) => bounds?.processes ?? isOfCgroup(methods.processes)
  },
  'two-uids': {
    means: 'the program has another uid than what watches and measures it',
    met: ({ uidMode }) => uidMode === 'two-uids'
  },
  bubblewrap: {
    means: 'the box is built by bubblewrap',
    met: ({ builder }) => builder === 'bubblewrap'
  },
  proc: {
    means: 'the box has a /proc of its own',
    met: ({ proc }) => proc
  },
  'no-caveats': {
    means: 'the worker names no protection that its box lacks',
    met: ({ caveats }) => caveats.length === 0
  }
} as const satisfies Record<string, Protection>

export type Requirement = keyof typeof PROTECTIONS

/** On the wire a word's place counts, so new ones are only added at the end. */
export const REQUIREMENTS = Object.keys(PROTECTIONS) as Requirement[]

export function meaningOf (requirement: Requirement): string {
  return PROTECTIONS[requirement].means
}

/** What a job insists on and this box does not offer; a worker without a box offers nothing. */
export function missingRequirements (facts: SandboxFacts | undefined, required: readonly Requirement[]): Requirement[] {
  return required.filter(requirement => facts == null || !PROTECTIONS[requirement].met(facts))
}
