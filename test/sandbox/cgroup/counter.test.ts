import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { counter } from '../../../src/sandbox/cgroup/files.ts'
import { homeName, parseHomeName } from '../../../src/sandbox/cgroup/leftovers.ts'
import { parseCounter } from '../../../src/sandbox/runner/bill-counter.ts'

const CPU_STAT = 'usage_usec 46131\nuser_usec 40000\nsystem_usec 6131\nnice_usec 0\n'
const OOM_CONTROL = 'oom_kill_disable 0\nunder_oom 1\noom_kill 3\n'
const EVENTS = 'low 0\nhigh 0\nmax 17\noom 5\noom_kill 4\noom_group_kill 0\n'

describe('a counter of a control group', () => {
  it.each([
    [CPU_STAT, 'usage_usec', 46131], [CPU_STAT, 'system_usec', 6131],
    [OOM_CONTROL, 'oom_kill', 3], [EVENTS, 'oom_kill', 4], [EVENTS, 'max', 17], ['max 8\n', 'max', 8]
  ])('%j has %s', (text, word, value) => {
    expect(parseCounter(text, `${word} `)).toBe(value)
    expect(counter(text, word)).toBe(value)
  })

  it('may be all there is', () => {
    expect(parseCounter('9007199254740000\n')).toBe(9007199254740000)
  })

  it('that is missing is an error and not a zero', () => {
    for (const [text, word] of [['', ''], [OOM_CONTROL, 'oom '], ['x 1\n', 'max '], ['max max\n', 'max '], ['-1\n', '']] as const) {
      expect(() => parseCounter(text, word)).toThrow(/no counter/)
    }
  })

  it('is found wherever its line is', () => {
    const line = fc.tuple(fc.stringMatching(/^[a-z_]{1,12}$/), fc.nat())

    fc.assert(fc.property(fc.uniqueArray(line, { minLength: 1, selector: ([word]) => word }), lines => {
      const text = lines.map(([word, value]) => `${word} ${value}\n`).join('')

      for (const [word, value] of lines) {
        expect(parseCounter(text, `${word} `)).toBe(value)
      }
    }))
  })
})

describe('the name of a worker\'s folder', () => {
  it('says whose it is', () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: 4_194_304 }), fc.bigInt({ min: 0n, max: 2n ** 63n }).map(String), (pid, start) => {
      expect(parseHomeName(homeName(pid, start))).toEqual({ pid, start })
    }))
  })

  it('is nothing else\'s', () => {
    for (const name of ['meshmark', 'meshmark-1', 'meshmark--1-2', 'meshmark-0-1', 'meshmark-1-2-3', 'meshmark-1-', 'xmeshmark-1-2', 'meshmark-1-2\n']) {
      expect(parseHomeName(name)).toBeUndefined()
    }
  })
})
