import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ItemReplay } from '../../../src/roles/client/item-replay.ts'
import { ItemSet } from '../../../src/roles/item-set.ts'
import { jobView } from '../../cli/fixtures.ts'
import type { ItemEnd, SubmitReply } from '../../../src/node/protocol/submit/messages.ts'

const INLINE = 4

/** What a master says to a client that has come so far; as ItemAttachment does. */
function * master (outputs: string[], { told, offsets }: ReturnType<ItemReplay['position']>): Generator<SubmitReply> {
  const known = ItemSet.from(outputs.length, told)

  yield { kind: 'job', view: jobView([], { counts: [{ state: 'done', count: outputs.length }] }) }

  for (const [index, output] of outputs.entries()) {
    if (known.has(index + 1)) {
      continue
    }

    const execution = `job/${index + 1}/worker/0`
    const begun = offsets.some(offset => offset.execution === execution)
    const end: ItemEnd = { task: String(index + 1), execution, workerName: 'w', state: 'done', stdoutBytes: output.length, stderrBytes: 0 }

    if (output.length <= INLINE && !begun) {
      yield { kind: 'items', items: [{ ...end, stdout: Buffer.from(output) }] }
      continue
    }

    yield { kind: 'items', items: [end] }

    for (let offset = offsets.find(known => known.execution === execution && known.stream === 'stdout')?.offset ?? 0; offset < output.length; offset += 3) {
      yield { kind: 'output', execution, task: end.task, stream: 'stdout', offset, data: Buffer.from(output.slice(offset, offset + 3)) }
    }
  }
}

describe('what a client has been told of items', () => {
  it('is every end and every byte once, however often it goes on with another master', () => {
    fc.assert(fc.property(fc.array(fc.string({ unit: 'grapheme-ascii', maxLength: 20 }), { minLength: 1, maxLength: 12 }), fc.array(fc.nat(30), { maxLength: 6 }), (outputs, breaks) => {
      const replay = new ItemReplay()
      const printed = new Map<string, string>()

      for (const most of [...breaks, Infinity]) {
        let count = 0

        for (const reply of master(outputs, replay.position())) {
          if (count++ >= most) {
            break
          }

          const fresh = replay.take(reply)

          for (const item of fresh?.kind === 'items' ? fresh.items : []) {
            expect(printed.has(item.task)).toBe(false)
            printed.set(item.task, Buffer.from(item.stdout ?? '').toString())
          }

          if (fresh?.kind === 'output') {
            printed.set(fresh.task, (printed.get(fresh.task) ?? '?') + Buffer.from(fresh.data).toString())
          }
        }
      }

      expect([...printed.keys()].map(Number).sort((a, b) => a - b)).toEqual(outputs.map((_, index) => index + 1))
      outputs.forEach((output, index) => { expect(printed.get(String(index + 1))).toBe(output) })
      expect(replay.position().offsets).toEqual([])
    }))
  })

  it('refuses a master that leaves bytes out', () => {
    const replay = new ItemReplay()

    replay.take({ kind: 'job', view: jobView([], { counts: [{ state: 'done', count: 1 }] }) })
    replay.take({ kind: 'items', items: [{ task: '1', execution: 'e', workerName: 'w', state: 'done', stdoutBytes: 9, stderrBytes: 0 }] })
    expect(() => replay.take({ kind: 'output', execution: 'e', task: '1', stream: 'stdout', offset: 3, data: Buffer.from('abc') })).toThrow('went on at byte 3 of stdout of item 1, and 0 have come')
  })
})
