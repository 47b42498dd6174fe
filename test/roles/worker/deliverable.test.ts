import { describe, expect, it } from 'vitest'
import { decodeResult, encodeResult } from '../../../src/node/protocol/model/index.ts'
import { deliverable } from '../../../src/roles/worker/deliverable.ts'
import type { CommandResult, ExecutionResult } from '../../../src/model/result.ts'

const KEY = { job: '01ARZ3NDEKTSV4RRFFQ69G5FAV', task: 'any', worker: '12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp', attempt: 0 }

function record (more: Partial<ExecutionResult> = {}): ExecutionResult {
  return { key: KEY, outcome: 'done', commands: [command()], startedAt: 1, finishedAt: 2, waitedMs: 3, ...more }
}

function command (more: Partial<CommandResult> = {}): CommandResult {
  return { command: 0, samples: [], warmups: 0, memoryMethod: 'none', cpuMethod: 'rusage', ...more }
}

describe('a record', () => {
  it('is delivered as it is when a master can take it', () => {
    const good = record({ reason: 'a reason' })

    expect(deliverable(good)).toBe(good)
  })

  it.each([
    ['a reason longer than any message has', record({ reason: 'x'.repeat(10_000) })],
    ['a path with a NUL, which only a hostile box can say', record({ commands: [command({ program: { path: '/bin/\0', digest: '0'.repeat(64) } })] })],
    ['a number that is none', record({ commands: [command({ reached: NaN })] })],
    ['more reasons for noise than are taken', record({ noise: { grade: 'D', reasons: Array.from({ length: 40 }, () => 'noise') } })]
  ])('with %s is replaced by one that says so', (_, bad) => {
    const replaced = deliverable(bad)

    expect(replaced).toMatchObject({ key: KEY, outcome: 'failed', commands: [] })
    expect(replaced.reason).toMatch(/^what was recorded of it cannot be delivered: /)
    expect(decodeResult(encodeResult(replaced))).toEqual(replaced)
  })

  it('of more bytes than a message holds is replaced by one that says how many bytes there were', () => {
    expect(deliverable(record({ reason: 'x'.repeat(2_000) }), 1_024).reason).toMatch(/it has 2\.1 KB, and 1\.0 KB are the most/)
  })

  it('keeps an outcome that is worse than failed', () => {
    expect(deliverable(record({ outcome: 'cancelled', reason: 'x'.repeat(10_000) })).outcome).toBe('cancelled')
  })
})
