import { describe, expect, it } from 'vitest'
import { errorLine, exitCodeOfError } from '../../../src/cli/common/exit-codes.ts'
import { type ErrorCode, MeshmarkError } from '../../../src/model/errors.ts'
import { execStatus, exitStatus } from '../../../src/roles/client/exec-status.ts'
import { executionResult, sample } from '../fixtures.ts'

describe('exit codes', () => {
  it.each<[ErrorCode, number, number]>([
    ['usage', 2, 125],
    ['unreachable', 4, 125],
    ['no-worker', 4, 125],
    ['refused', 5, 125],
    ['conflict', 5, 125],
    ['quota', 5, 125],
    ['not-found', 2, 127],
    ['not-executable', 2, 126],
    ['failed', 1, 125]
  ])('%s is %i, and %i under exec', (code, run, exec) => {
    expect(exitCodeOfError(new MeshmarkError(code, ''), 'run')).toBe(run)
    expect(exitCodeOfError(new MeshmarkError(code, ''), 'exec')).toBe(exec)
  })

  it('takes anything else for a failure', () => {
    expect(exitCodeOfError(new TypeError('x'), 'run')).toBe(1)
    expect(exitCodeOfError('thrown', 'exec')).toBe(125)
  })

  it('says any error in one line that a terminal can bear', () => {
    expect(errorLine(new Error('first\n  second\u001b[31m'))).toBe('meshmark: first; second?[31m')
    expect(errorLine(new TypeError(''))).toBe('meshmark: TypeError')
    expect(errorLine('thrown')).toBe('meshmark: thrown')
  })
})

describe('the exit status of exec', () => {
  it.each([
    [{ kind: 'code', code: 0 }, 0],
    [{ kind: 'code', code: 3 }, 3],
    [{ kind: 'signal', signal: 'SIGKILL' }, 137],
    [{ kind: 'signal', signal: 'SIGSEGV' }, 139]
  ] as const)("is the program's own: %j is %i", (exit, code) => {
    expect(exitStatus(exit)).toBe(code)
    expect(execStatus(executionResult({ samples: [sample({ exit })] }), '')).toEqual({ code })
  })

  it.each([
    ['not-found', 127],
    ['not-executable', 126],
    ['missing-library', 125],
    ['sandbox', 125]
  ] as const)('is for a program that is %s %i', (code, status) => {
    expect(execStatus(executionResult({ outcome: 'not-run', notRun: { code, message: 'why' } }), '')).toEqual({ code: status, message: 'why' })
  })

  it('is 125 without a record of the worker, and when it was stopped', () => {
    expect(execStatus(undefined, 'lost')).toEqual({ code: 125, message: 'the program did not finish: lost' })
    expect(execStatus(executionResult({ outcome: 'cancelled', samples: [sample({})] }), '')).toMatchObject({ code: 125 })
  })

  it('names the limit that ended the program', () => {
    const result = executionResult({ outcome: 'limit', reason: 'wall limit of 1 s', samples: [sample({ exit: { kind: 'signal', signal: 'SIGKILL' }, limit: 'wall' })] })

    expect(execStatus(result, '')).toEqual({ code: 137, message: 'the program was stopped: wall limit of 1 s' })
  })
})
