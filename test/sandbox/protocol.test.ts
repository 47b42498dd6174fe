import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseFromRunner } from '../../src/sandbox/protocol.ts'

const SAMPLE = {
  command: 0, run: 0, startNs: 0, wallNs: 5, cpuNs: 4, userNs: 3, systemNs: 1, minorFaults: 0, majorFaults: 0, voluntarySwitches: 0, involuntarySwitches: 0, exit: { kind: 'code', code: 0 }, leftovers: 0
}

const parse = (message: unknown, commands = 1) => parseFromRunner(Buffer.from(JSON.stringify(message)), commands)

describe('messages from a box', () => {
  it('are taken when they are well formed', () => {
    expect(parse({ type: 'samples', samples: [SAMPLE] })).toEqual({ type: 'samples', samples: [SAMPLE] })
    expect(parse({ type: 'started', atNs: '123', skewNs: -5 })).toEqual({ type: 'started', atNs: '123', skewNs: -5 })
    expect(parse({ type: 'progress', command: 0, runs: 3 })).toEqual({ type: 'progress', command: 0, runs: 3 })
  })

  it.each([
    ['a run of a command that is not in the task', { type: 'samples', samples: [{ ...SAMPLE, command: 1 }] }],
    ['a negative time', { type: 'samples', samples: [{ ...SAMPLE, wallNs: -1 }] }],
    ['half a nanosecond', { type: 'samples', samples: [{ ...SAMPLE, wallNs: 0.5 }] }],
    ['a number beyond what can be counted', { type: 'samples', samples: [{ ...SAMPLE, wallNs: 2 ** 60 }] }],
    ['a limit that does not exist', { type: 'samples', samples: [{ ...SAMPLE, limit: 'patience' }] }],
    ['an exit code above 255', { type: 'samples', samples: [{ ...SAMPLE, exit: { kind: 'code', code: 256 } }] }],
    ['more results than commands', { type: 'result', outcome: 'done', commands: [{ command: 0, warmups: 0, memoryMethod: 'none', cpuMethod: 'rusage' }, { command: 0, warmups: 0, memoryMethod: 'none', cpuMethod: 'rusage' }] }],
    ['an outcome that only a worker decides', { type: 'result', outcome: 'cancelled', commands: [] }],
    ['a method that there is not', { type: 'result', outcome: 'done', commands: [{ command: 0, warmups: 0, memoryMethod: 'guess', cpuMethod: 'rusage' }] }],
    ['a word that is no message', { type: 'hello' }],
    ['no object', []]
  ])('are refused with %s', (_, message) => {
    expect(() => parse(message)).toThrow(/from the box/)
  })

  it('carry no escape sequence to a terminal', () => {
    expect(parse({ type: 'broken', reason: 'x\u001b[2Jy' })).toEqual({ type: 'broken', reason: 'x?[2Jy' })
  })

  it('never become anything but a message or an error', () => {
    fc.assert(fc.property(fc.jsonValue(), fc.constantFrom('boot', 'ready', 'samples', 'result', 'started', 'progress', 'broken'), (value, type) => {
      const message = value != null && typeof value === 'object' && !Array.isArray(value) ? { ...value, type } : { type, samples: value, commands: value, facts: value, tids: value }

      try {
        expect(parse(message).type).toBe(type)
      } catch (err) {
        expect(err).toBeInstanceOf(Error)
      }
    }))
  })
})
