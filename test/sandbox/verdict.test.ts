import { describe, expect, it } from 'vitest'
import { DEFAULT_LIMITS } from '../../src/model/limits.ts'
import { NO_RUSAGE } from '../../src/sandbox/runner/reap.ts'
import { limitBehind, verdict } from '../../src/sandbox/runner/verdict.ts'
import type { Ran } from '../../src/sandbox/runner/run.ts'

const NO_BILL = { outOfMemory: false, forksRefused: false }
const nothing = { processes: false, openFiles: false }
const failed = { kind: 'code' as const, code: 1 }

const ran = (more: Partial<Ran> = {}): Ran => ({ startNs: 0n, wallNs: 1, exit: { kind: 'code', code: 0 }, leftovers: 0, rusage: NO_RUSAGE, bill: NO_BILL, ...more })
const printed = { stdoutDigest: '', stdoutBytes: 0, stderrBytes: 0, exceeded: false, kept: { stdout: Buffer.alloc(0), stderr: Buffer.alloc(0) }, lastWords: Buffer.alloc(0) }

describe('the outcome of a task', () => {
  it('is done when every command is', () => {
    expect(verdict([{}, {}])).toEqual({ outcome: 'done' })
  })

  it('is the gravest of its commands\', and names the command when there are several', () => {
    const failed = { ended: { outcome: 'failed' as const, reason: 'exit code 3 in run 1' } }
    const limit = { ended: { outcome: 'limit' as const, reason: 'wall limit of 2 s in run 4' } }
    const notRun = { notRun: { message: 'x is empty: was it built?' } }

    expect(verdict([failed])).toEqual({ outcome: 'failed', reason: 'exit code 3 in run 1' })
    expect(verdict([{}, failed])).toEqual({ outcome: 'failed', reason: 'command 2: exit code 3 in run 1' })
    expect(verdict([failed, limit])).toEqual({ outcome: 'limit', reason: 'command 2: wall limit of 2 s in run 4' })
    expect(verdict([failed, limit, notRun])).toEqual({ outcome: 'not-run', reason: 'command 3: x is empty: was it built?' })
  })
})

describe('the limit behind the end of a run', () => {
  it('is none for a run that only failed', () => {
    expect(limitBehind(ran({ exit: { kind: 'signal', signal: 'SIGKILL' } }), DEFAULT_LIMITS, printed, nothing)).toBeUndefined()
    // No limit of CPU time was set: whoever sent it, we did not.
    expect(limitBehind(ran({ exit: { kind: 'signal', signal: 'SIGXCPU' } }), DEFAULT_LIMITS, printed, nothing)).toBeUndefined()
  })

  it('is the one that the kernel enforced', () => {
    const signaled = (signal: string, cpuNs: number) => ran({ exit: { kind: 'signal', signal }, bill: { ...NO_BILL, cpuNs } })

    expect(limitBehind(signaled('SIGXCPU', 800e6), { ...DEFAULT_LIMITS, cpuMs: 1000 }, printed, nothing)).toBe('cpu')
    // By itself, long before.
    expect(limitBehind(signaled('SIGXCPU', 100e6), { ...DEFAULT_LIMITS, cpuMs: 1000 }, printed, nothing)).toBeUndefined()
    expect(limitBehind(signaled('SIGXFSZ', 0), DEFAULT_LIMITS, printed, nothing)).toBe('file')
    expect(limitBehind(ran({ exit: { kind: 'code', code: 153 } }), DEFAULT_LIMITS, printed, nothing)).toBe('file')
  })

  it('is seen in the bill and in the output of a run that seems to have ended well', () => {
    expect(limitBehind(ran({ rusage: { ...NO_RUSAGE, userNs: 600e6, systemNs: 400e6 } }), { ...DEFAULT_LIMITS, cpuMs: 1000 }, printed, nothing)).toBe('cpu')
    expect(limitBehind(ran(), DEFAULT_LIMITS, { ...printed, exceeded: true }, nothing)).toBe('output')
  })

  it('is what the control group counted, or what the CPU time of hidden processes came to', () => {
    const bill = (more: Partial<Ran['bill']>) => ran({ bill: { ...NO_BILL, ...more } })

    // One that was killed for memory may have been a child whose parent does not care.
    expect(limitBehind(bill({ outOfMemory: true }), DEFAULT_LIMITS, printed, nothing)).toBe('memory')
    expect(limitBehind(bill({ cpuNs: 1e9 }), { ...DEFAULT_LIMITS, cpuMs: 1000 }, printed, nothing)).toBe('cpu')
    expect(limitBehind(bill({ cpuNs: 999e6 }), { ...DEFAULT_LIMITS, cpuMs: 1000 }, printed, nothing)).toBeUndefined()
  })

  it('is one that only refuses when the run failed, and not when it went on without', () => {
    const { memoryBytes } = DEFAULT_LIMITS
    const cases = [
      ['memory', { ...NO_BILL, memoryBytes: 0.9 * memoryBytes }, nothing, ''],
      ['processes', { ...NO_BILL, forksRefused: true }, nothing, ''],
      ['processes', NO_BILL, { ...nothing, processes: true }, ''],
      ['open-files', NO_BILL, { ...nothing, openFiles: true }, ''],
      ['open-files', NO_BILL, nothing, 'OSError: [Errno 24] Too many open files: x'],
      ['open-files', NO_BILL, nothing, 'Error: EMFILE: too many open files, open x']
    ] as const

    for (const [limit, bill, reached, words] of cases) {
      const said = { ...printed, lastWords: Buffer.from(words) }

      expect(limitBehind(ran({ bill, exit: failed }), DEFAULT_LIMITS, said, reached)).toBe(limit)
      expect(limitBehind(ran({ bill }), DEFAULT_LIMITS, said, reached)).toBeUndefined()
    }

    // The machine's limit and not the job's.
    expect(limitBehind(ran({ exit: failed }), DEFAULT_LIMITS, { ...printed, lastWords: Buffer.from('Too many open files in system') }, nothing)).toBeUndefined()
    expect(limitBehind(ran({ exit: failed, bill: { ...NO_BILL, memoryBytes: 0.89 * memoryBytes } }), DEFAULT_LIMITS, printed, nothing)).toBeUndefined()
  })
})
