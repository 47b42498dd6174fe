import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readAnswer } from '../../src/functions/answer.ts'
import { encode } from '../../src/functions/encoding.ts'
import { TASK_ENDS } from '../../src/model/states.ts'
import type { Answer, EndedCall } from '../../src/functions/answer.ts'

function answered (text: string | undefined, end: Partial<EndedCall['end']> = {}, printed = ''): Answer {
  return readAnswer({ name: 'f', end: { state: 'done', workerName: 'lab-1', ...end }, answer: text == null ? undefined : Buffer.from(text), printed, calledFrom: '\n    at here' })
}

function reason (answer: Answer): any {
  expect(answer.ok).toBe(false)

  return (answer as { reason: unknown }).reason
}

describe('the answer of a call', () => {
  it('is the value, when the function returned', () => {
    expect(answered(`=${encode({ a: [undefined] }, 'it')}`)).toEqual({ ok: true, value: { a: [undefined] } })
  })

  it('is what was thrown, with the worker and both stacks', () => {
    const error = reason(answered(`!${encode(new TypeError('no'), 'it')}`, { state: 'failed' }))

    expect(error).toBeInstanceOf(TypeError)
    expect(error.remote).toEqual({ worker: 'lab-1' })
    expect(error.stack).toMatch(/^TypeError: no\n(.*\n)+ {4}at lab-1 \(worker\)\n {4}at here$/)
    expect(reason(answered('![7]', { state: 'failed' }))).toBe(7)
  })

  it.each<[Partial<EndedCall['end']>, string, string]>([
    [{ state: 'limit', limit: 'wall', reason: 'wall limit of 1 s in run 1' }, '', 'f on lab-1 was stopped at a limit (wall): wall limit of 1 s in run 1'],
    [{ state: 'interrupted', reason: 'the worker was restarted' }, '', 'f on lab-1 was interrupted: the worker was restarted: its worker or its sandbox died, and it may have run in part'],
    [{ state: 'lost' }, '', 'f on lab-1 was lost with its worker'],
    [{ state: 'cancelled', workerName: '' }, '', 'f was cancelled'],
    [{ state: 'not-run', reason: 'sh is not installed' }, '', 'f on lab-1 could not be started: sh is not installed'],
    [{ state: 'failed', exit: { kind: 'code', code: 127 } }, 'sh: 1: exec: node: not found', 'f on lab-1 could not be started: there is no Node in its sandbox; it printed last: sh: 1: exec: node: not found'],
    [{ state: 'failed', exit: { kind: 'code', code: 3 } }, ' bye\n', 'f on lab-1 ended its process with exit code 3 before it returned; it printed last: bye'],
    [{ state: 'failed', exit: { kind: 'signal', signal: 'SIGSEGV' } }, '', 'f on lab-1 ended its process by SIGSEGV before it returned'],
    [{ state: 'done' }, '', 'f on lab-1 ended its process before it returned']
  ])('is an error in words when there is none: %j', (end, printed, message) => {
    expect(reason(answered('', end, printed))).toMatchObject({ name: 'MeshmarkError', code: 'failed', message, state: end.state, limit: end.limit })
  })

  it('is no result unless the worker says that it ended well', () => {
    for (const state of TASK_ENDS.filter(end => end !== 'done')) {
      expect(answered('=[1]', { state }).ok, state).toBe(false)
    }
  })

  it('that is too long, or was written by somebody else, is an error whatever it is', () => {
    expect(reason(answered(undefined)).message).toBe('what f answered on lab-1 is longer than its result may be')
    fc.assert(fc.property(fc.constantFrom('=', '!', '?', ''), fc.oneof(fc.string(), fc.json()), fc.constantFrom(...TASK_ENDS), (kind, text, state) => {
      const answer = answered(kind + text, { state })

      expect(answer.ok && state !== 'done').toBe(false)
    }))
    expect(reason(answered('=no json')).message).toContain('what f answered on lab-1 cannot be read: ')
  })
})
