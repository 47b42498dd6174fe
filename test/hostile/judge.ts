import { expect } from 'vitest'
import type { Seen } from '../sandbox/host.ts'
import type { Expected } from './attack.ts'

/** Lines of a program: what it tried, a tab, what the kernel said. */
export function attemptsIn (stdout: string): Record<string, string[]> {
  const attempts: Record<string, string[]> = {}

  for (const line of stdout.split('\n').filter(line => line.includes('\t') && !line.startsWith('\t'))) {
    const [name = '', answer = ''] = line.split('\t')

    ;(attempts[name] ??= []).push(answer)
  }

  return attempts
}

/** What was seen, to the last line of it. */
export function judge (seen: Seen, expected: Expected): void {
  const { report } = seen

  expect(seen.error).toBeUndefined()
  expect({ outcome: report?.outcome, reason: report?.reason, stderr: seen.stderr.slice(0, 500), stdout: seen.stdout.slice(0, 200) }).toMatchObject({ outcome: expected.outcome })

  const samples = report?.commands.flatMap(command => command.samples) ?? []
  const last = samples.at(-1)

  if (expected.limit == null) {
    expect(samples.flatMap(({ limit }) => limit ?? [])).toEqual([])
  } else if (last != null || expected.slow !== true) {
    expect([expected.limit].flat()).toContain(last?.limit)
  }

  if (expected.outcome === 'limit' && last?.limit != null) {
    // never a bare "killed"
    expect(report?.reason).toMatch(/limit of/)
  }

  if (expected.reason != null) {
    expect(report?.reason ?? '').toMatch(expected.reason)
  }

  if (expected.exit != null) {
    expect(last?.exit).toEqual(expected.exit)
  }

  if (expected.attempts != null) {
    const attempts = attemptsIn(seen.stdout)

    for (const [name, answer] of Object.entries(expected.attempts)) {
      expect({ [name]: attempts[name]?.filter(seen => ![answer].flat().includes(seen)) ?? 'not tried' }).toEqual({ [name]: [] })
    }

    expect(Object.keys(attempts).filter(name => !(name in (expected.attempts ?? {})))).toEqual([])
  }

  for (const stream of ['stdout', 'stderr'] as const) {
    const words = expected[stream]

    if (typeof words === 'string') {
      expect(seen[stream]).toBe(words)
    } else if (words != null) {
      expect(seen[stream]).toMatch(words)
    }
  }

  for (const [range, values] of [
    [expected.leftovers, samples.map(({ leftovers }) => leftovers)],
    [expected.cpuMs, samples.map(({ cpuNs }) => cpuNs / 1e6)],
    [expected.wallMs, samples.map(({ wallNs }) => wallNs / 1e6)]
  ] as const) {
    if (range != null) {
      expect(samples.length).toBeGreaterThan(0)
      expect(values.filter(value => value < range[0] || value > range[1])).toEqual([])
    }
  }

  expected.check?.(seen)
}
