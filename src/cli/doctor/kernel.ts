import type { Check } from './system.ts'

/** What a worker does without on a kernel older than this, and how it makes up for it. */
const NEWER: ReadonlyArray<{ major: number, minor: number, lacks: string }> = [
  { major: 5, minor: 9, lacks: 'descriptors are closed one by one (5.9)' },
  { major: 5, minor: 11, lacks: 'filters cost time on every system call (5.11)' },
  { major: 5, minor: 14, lacks: 'the limit of processes counts those of other boxes as well (5.14)' },
  { major: 5, minor: 19, lacks: 'cgroup v2 does not know the peak of memory (5.19)' }
]

/** The first with handles of processes: without them a worker takes no work. */
const OLDEST = { major: 5, minor: 3 }

/** @param release - as uname says: 6.1.0-18-amd64 */
export function kernelCheck (release: string): Check {
  const [major = 0, minor = 0] = release.split('.').map(part => parseInt(part, 10))
  const isOlder = (than: { major: number, minor: number }): boolean => major < than.major || (major === than.major && minor < than.minor)
  const lacks = NEWER.filter(isOlder).map(({ lacks }) => lacks)
  const mend = 'install a newer kernel, e.g. that of your distribution\'s next release'

  if (isOlder(OLDEST)) {
    return { name: 'kernel', verdict: 'FAIL', found: `${release} is older than ${OLDEST.major}.${OLDEST.minor}`, mend }
  }

  return lacks.length === 0
    ? { name: 'kernel', verdict: 'PASS', found: release }
    : { name: 'kernel', verdict: 'CAUTION', found: `${release}: ${lacks.join('; ')}`, mend }
}
