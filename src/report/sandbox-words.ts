import type { SandboxFacts } from '../model/machine.ts'
import { missingRequirements, type Requirement } from '../model/requirements.ts'

/** What a sandbox does without, in a word or two each. */
const WITHOUT: ReadonlyArray<[Requirement, string]> = [
  ['bubblewrap', 'unshare'],
  ['proc', 'no /proc'],
  ['two-uids', 'one uid'],
  ['cgroup-cpu', 'no CPU cgroup'],
  ['cgroup-memory', 'no memory cgroup'],
  ['no-caveats', 'caveats']
]

/** For a column: `full`, or what is missing, most telling first. */
export function sandboxWords (facts: SandboxFacts | undefined): string {
  if (facts == null) {
    return 'refused'
  }

  const missing = missingRequirements(facts, WITHOUT.map(([requirement]) => requirement))
  const words = missing.includes('cgroup-cpu') && missing.includes('cgroup-memory')
    ? [...wordsOf(missing.filter(requirement => !requirement.startsWith('cgroup') && requirement !== 'no-caveats')), 'no cgroup']
    : wordsOf(missing.filter(requirement => requirement !== 'no-caveats'))

  return words.length > 0 ? words.join(', ') : missing.length > 0 ? 'caveats' : 'full'
}

function wordsOf (missing: readonly Requirement[]): string[] {
  return WITHOUT.filter(([requirement]) => missing.includes(requirement)).map(([, word]) => word)
}
