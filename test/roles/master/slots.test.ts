import '../../../src/node/polyfill.ts'
import { expect, it } from 'vitest'
import { Slots } from '../../../src/roles/master/slots.ts'
import type { Channel } from '../../../src/node/protocol/protocol.ts'
import type { SlotReply, SlotRequest } from '../../../src/node/protocol/slot/messages.ts'

const JOB = { id: 'job', sealed: async () => new Uint8Array(1) }

/** A line to the worker that is opened, takes what is said, and ends when it is told to. */
class Line {
  readonly said: SlotRequest[] = []
  readonly #asked = Promise.withResolvers<void>()
  readonly #end = Promise.withResolvers<undefined>()

  /** Resolves when something was said. */
  get asked (): Promise<void> {
    return this.#asked.promise
  }

  end (): void {
    this.#end.resolve(undefined)
  }

  readonly open = async (): Promise<Channel<SlotReply, SlotRequest>> => ({
    send: async (message: SlotRequest) => {
      this.said.push(message)
      this.#asked.resolve()
    },
    receive: async () => this.#end.promise,
    abort: () => {}
  }) as unknown as Channel<SlotReply, SlotRequest>
}

interface Loss { executions: string[], unsent: string[] }

/** The coordinator's side, and what it says of the first line that ends. */
function slots (open: () => Promise<Channel<SlotReply, SlotRequest>>): { slots: Slots, lost: Promise<Loss> } {
  const { promise: lost, resolve } = Promise.withResolvers<Loss>()
  const unexpected = (): void => { throw new Error('nobody has answered') }

  return {
    lost,
    slots: new Slots({
      open,
      claim: () => ({ term: 1, master: 'm' }),
      firstId: 0,
      onAnswer: unexpected,
      onOutcomes: unexpected,
      onReturned: unexpected,
      onRecalled: unexpected,
      onLost: (_worker, executions, _reason, unsent) => { resolve({ executions, unsent }) }
    })
  }
}

it('a START to a worker that cannot be reached has certainly not been said', async () => {
  const { slots: mine, lost } = slots(async () => { throw new Error('no connection') })

  await mine.start(mine.intend('w', ['a', 'b'], false), JOB)
  expect(await lost).toEqual({ executions: ['a', 'b'], unsent: ['a', 'b'] })
})

it('one that was asked before may have an earlier START', async () => {
  const { slots: mine, lost } = slots(async () => { throw new Error('no connection') })

  await mine.ask('w', 'a', false, [])
  expect(await lost).toEqual({ executions: ['a'], unsent: [] })
})

it('nobody knows what became of a START that went out; one that still waited for the disk did not', async () => {
  const line = new Line()
  const { slots: mine, lost } = slots(line.open)

  const started = mine.start(mine.intend('w', ['a'], false), JOB)
  const waiting = mine.intend('w', ['b'], false)

  await line.asked
  expect(line.said).toMatchObject([{ kind: 'start', executions: ['a'] }])
  line.end()
  expect(await lost).toEqual({ executions: ['a', 'b'], unsent: ['b'] })
  await started
  await mine.start(waiting, JOB)
  expect(line.said).toHaveLength(1)
})
