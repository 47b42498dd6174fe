import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { executionId } from '../../../src/model/ids.ts'
import { Replay } from '../../../src/roles/client/replay.ts'
import type { ExecutionResult, OutputFacts } from '../../../src/model/result.ts'
import type { JobView, OutputOffset, SubmitReply } from '../../../src/node/protocol/submit/messages.ts'

const KEY = { job: '01J8XJ6Z9Q7ZK3V1M4B6Q7X2M9', task: 'w1', worker: '12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp', attempt: 0 }
const EXECUTION = executionId(KEY)

function output (offset: number, text: string, stream: 'stdout' | 'stderr' = 'stdout'): SubmitReply {
  return { kind: 'output', execution: EXECUTION, task: 'w1', stream, offset, data: Buffer.from(text) }
}

function result (facts: Partial<OutputFacts> = {}, attempt = 0): SubmitReply {
  const command = { command: 0, samples: [], warmups: 0, memoryMethod: 'none', cpuMethod: 'none', output: { stdoutDigest: '', stdoutBytes: 0, stderrBytes: 0, same: true, truncated: false, ...facts } }

  return { kind: 'result', task: 'w1', result: { key: { ...KEY, attempt }, outcome: 'done', commands: [command], startedAt: 0, finishedAt: 0, waitedMs: 0 } as unknown as ExecutionResult }
}

function job (kind: 'run' | 'exec'): SubmitReply {
  return { kind: 'job', view: { job: { id: KEY.job, kind } } as unknown as JobView }
}

function textOf (replies: Array<SubmitReply | undefined>): string {
  return replies.map(reply => reply?.kind === 'output' ? Buffer.from(reply.data).toString() : '').join('')
}

describe('what a client is told by several masters', () => {
  it('is every byte once, whatever each of them has and wherever each breaks off', () => {
    const text = 'abcdefghijklmnopqrstuvwxyz0123456789'
    // how much a master has by then, how far it gets, and in pieces of what size; a careless one begins too early
    const master = fc.record({ has: fc.nat(text.length), upTo: fc.nat(text.length), piece: fc.integer({ min: 1, max: 7 }), early: fc.nat(9) })

    fc.assert(fc.property(fc.array(master, { maxLength: 8 }), masters => {
      const replay = new Replay()
      let printed = ''

      for (const { has, upTo, piece, early } of [...masters, { has: text.length, upTo: text.length, piece: 5, early: 3 }]) {
        const from = Math.max(0, (replay.offsets()[0]?.offset ?? 0) - early)

        for (let offset = from; offset < Math.min(has, upTo); offset += piece) {
          printed += textOf([replay.take(output(offset, text.slice(offset, Math.min(offset + piece, has))))])
        }

        expect(text.startsWith(printed)).toBe(true)
      }

      expect(printed).toBe(text)
    }))
  })

  it('is asked for from where it broke off, each stream for itself', () => {
    const replay = new Replay([{ execution: EXECUTION, stream: 'stderr', offset: 7 }])

    replay.take(output(0, 'abc'))

    expect(replay.offsets()).toEqual<OutputOffset[]>([{ execution: EXECUTION, stream: 'stderr', offset: 7 }, { execution: EXECUTION, stream: 'stdout', offset: 3 }])
  })

  it('never has a hole', () => {
    const replay = new Replay()

    replay.take(output(0, 'abc'))
    expect(() => replay.take(output(4, 'e'))).toThrow('the master went on at byte 4 of stdout of task w1, and 3 have come so far')
  })

  it('begins where a master begins when only the end is wanted, each stream once', () => {
    const replay = new Replay([], true)

    expect(textOf([replay.take(output(7, 'hij')), replay.take(output(8, 'ijk'))])).toBe('hijk')
    expect(replay.offsets()).toEqual<OutputOffset[]>([{ execution: EXECUTION, stream: 'stdout', offset: 11 }])
    expect(() => replay.take(output(12, 'm'))).toThrow('the master went on at byte 12 of stdout of task w1, and 11 have come so far')
    expect(textOf([replay.take(output(3, 'err', 'stderr'))])).toBe('err')
  })

  it('has a result once, and another attempt\'s as well', () => {
    const replay = new Replay()

    expect([result(), result(), result({}, 1), result({}, 1)].map(reply => replay.take(reply)?.kind)).toEqual(['result', undefined, 'result', undefined])
  })
})

describe('the output of a program whose end is known', () => {
  it('lacks what the result counts and no master has sent', () => {
    const replay = new Replay()

    replay.take(job('exec'))
    replay.take(output(0, 'abc'))
    replay.take(output(0, 'e', 'stderr'))
    replay.take(result({ stdoutBytes: 5, stderrBytes: 1 }))
    expect(replay.lacksOutput).toBe(true)

    replay.take(output(3, 'de'))
    expect(replay.lacksOutput).toBe(false)
  })

  it('lacks nothing that was cut off, nor what a measured program printed beyond what is kept', () => {
    for (const [kind, facts] of [['exec', { stdoutBytes: 9, truncated: true }], ['run', { stdoutBytes: 9 }]] as const) {
      const replay = new Replay()

      replay.take(job(kind))
      replay.take(result(facts))
      expect(replay.lacksOutput).toBe(false)
    }
  })
})
