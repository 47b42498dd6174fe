import { describe, expect, it } from 'vitest'
import { DEFAULT_LIMITS } from '../../src/model/limits.ts'
import { NO_RUSAGE } from '../../src/sandbox/runner/reap.ts'
import { describeLimit, limitBehind, verdict } from '../../src/sandbox/runner/verdict.ts'
import type { Ran } from '../../src/sandbox/runner/run.ts'

const ran = (more: Partial<Ran> = {}): Ran => ({ startNs: 0n, wallNs: 1, exit: { kind: 'code', code: 0 }, leftovers: 0, rusage: NO_RUSAGE, ...more })
const printed = { stdoutDigest: '', stdoutBytes: 0, stderrBytes: 0, exceeded: false, kept: { stdout: Buffer.alloc(0), stderr: Buffer.alloc(0) } }

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
    expect(limitBehind(ran({ exit: { kind: 'signal', signal: 'SIGKILL' } }), DEFAULT_LIMITS, printed)).toBeUndefined()
    // No limit of CPU time was set: whoever sent it, we did not.
    expect(limitBehind(ran({ exit: { kind: 'signal', signal: 'SIGXCPU' } }), DEFAULT_LIMITS, printed)).toBeUndefined()
  })

  it('is the one that the kernel enforced', () => {
    expect(limitBehind(ran({ exit: { kind: 'signal', signal: 'SIGXCPU' } }), { ...DEFAULT_LIMITS, cpuMs: 1000 }, printed)).toBe('cpu')
    expect(limitBehind(ran({ exit: { kind: 'signal', signal: 'SIGXFSZ' } }), DEFAULT_LIMITS, printed)).toBe('file')
  })

  it('is seen in the bill and in the output of a run that seems to have ended well', () => {
    expect(limitBehind(ran({ rusage: { ...NO_RUSAGE, userNs: 600e6, systemNs: 400e6 } }), { ...DEFAULT_LIMITS, cpuMs: 1000 }, printed)).toBe('cpu')
    expect(limitBehind(ran(), DEFAULT_LIMITS, { ...printed, exceeded: true })).toBe('output')
  })

  it('is told with its value', () => {
    expect(describeLimit('wall', { ...DEFAULT_LIMITS, wallMs: 2_500 })).toBe('wall limit of 2.5 s')
    expect(describeLimit('tmp-files', DEFAULT_LIMITS)).toBe('limit of 100000 temporary files')
  })
})
