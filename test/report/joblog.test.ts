import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { joblogCommand, joblogLine, readJoblogLine } from '../../src/report/joblog.ts'
import type { ItemEnd } from '../../src/node/protocol/submit/messages.ts'

const end: ItemEnd = { task: '17', workerName: 'lab-1', state: 'done', startedAt: 1_383_813_716_583, wallNs: 10e6, exit: { kind: 'code', code: 0 }, stdoutBytes: 5, stderrBytes: 2 }

describe('a job log', () => {
  it('has the columns of GNU parallel', () => {
    expect(joblogLine(end, 'echo 1')).toBe('17\tlab-1\t1383813716.583\t     0.010\t0\t7\t0\t0\techo 1\n')
  })

  it.each<[string, Partial<ItemEnd>, RegExp | undefined]>([
    ['a failure', { state: 'failed', exit: { kind: 'code', code: 7 } }, /\t7\t0\t/],
    ['a signal', { state: 'failed', exit: { kind: 'signal', signal: 'SIGKILL' } }, /\t0\t9\t/],
    ['a limit, although the program said that it was well', { state: 'limit' }, /\t1\t0\t/],
    ['a program that is not there', { state: 'not-run', exit: undefined }, /\t125\t0\t/],
    ['what was cancelled', { state: 'cancelled' }, undefined],
    ['what was interrupted', { state: 'interrupted' }, undefined]
  ])('tells %s', (_, change, pattern) => {
    const line = joblogLine({ ...end, ...change }, 'x')

    if (pattern == null) {
      expect(line).toBeUndefined()
    } else {
      expect(line).toMatch(pattern)
      expect(readJoblogLine(line!)?.succeeded).toBe(false)
    }
  })

  it('is read as it was written, whatever the command', () => {
    fc.assert(fc.property(fc.string(), command => {
      const line = joblogLine(end, command)!

      expect(line.indexOf('\n')).toBe(line.length - 1)
      expect(readJoblogLine(line.slice(0, -1))).toEqual({ seq: 17, succeeded: true, command: joblogCommand(command) })
    }))
  })

  it.each(['', 'Seq', '0\ta\t1\t1\t0\t0\t0\t0\tx', '1\ta\t1\t1\t0\t0\tzero\t0\tx', '1 a 1 1 0 0 0 0 x'])('does not take %j for a line', line => {
    expect(readJoblogLine(line)).toBeUndefined()
  })
})
