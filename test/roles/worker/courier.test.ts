import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import '../../../src/node/polyfill.ts'
import { executionId } from '../../../src/model/ids.ts'
import { results } from '../../../src/node/protocol/results/index.ts'
import { Courier } from '../../../src/roles/worker/courier.ts'
import { NO_OUTPUT, Parcel } from '../../../src/roles/worker/parcel.ts'
import { firstAddress, TestMesh } from '../../node/mesh.ts'
import type { ExecutionResult } from '../../../src/model/result.ts'
import type { MeshNode } from '../../../src/node/mesh-node.ts'
import type { Receipt } from '../../../src/node/protocol/results/messages.ts'

const JOB = '01ARZ3NDEKTSV4RRFFQ69G5FAV'

let mesh: TestMesh
let master: MeshNode
let worker: MeshNode
let courier: Courier
/** Executions of each message that the master got. */
let messages: string[][]
/** How it answers for one; undefined ends the stream. */
let answer: (execution: string) => Receipt | undefined
let confirmed: string[]
let onConfirmed: () => void

const stored = (execution: string): Receipt => ({ kind: 'stored', execution })

beforeEach(async () => {
  mesh = await TestMesh.create()
  master = await mesh.node(['master'])
  worker = await mesh.node(['worker'])
  messages = []
  confirmed = []
  answer = stored
  onConfirmed = () => {}

  master.handle(results, async channel => {
    for (let message = await channel.receive(); message != null; message = await channel.receive()) {
      const executions = message.finished.map(({ result }) => executionId(result.key))
      const receipts = executions.map(execution => answer(execution))

      messages.push(executions)

      if (receipts.includes(undefined)) {
        channel.abort(new Error('the test ends the stream'))
        return
      }

      await channel.send({ kind: 'receipts', receipts: receipts.filter(receipt => receipt != null) })
    }
  })

  const peer = await worker.connect(firstAddress(master))

  courier = new Courier({
    node: worker,
    files: { open: async () => { throw new Error('nothing was brought back') } },
    master: peer.id,
    onConfirmed: ({ execution }) => {
      confirmed.push(execution)
      onConfirmed()
    },
    log: () => {}
  })
  courier.connect()
})

afterEach(async () => {
  await courier.stop()
  await mesh.stop()
})

function record (task: number): ExecutionResult {
  return { key: { job: JOB, task: String(task), worker: worker.peerId, attempt: 0 }, outcome: 'done', commands: [], startedAt: 1, finishedAt: 2, waitedMs: 0 }
}

/** Executions that have just begun, and end at once. */
function run (tasks: Array<{ task: number, isFollowed: boolean }>): string[] {
  const parcels = tasks.map(({ task, isFollowed }) => new Parcel(executionId(record(task).key), NO_OUTPUT, () => true, () => true, isFollowed))

  parcels.forEach(parcel => { courier.add(parcel) })
  parcels.forEach((parcel, at) => { parcel.finish(record(tasks[at]!.task)) })

  return parcels.map(({ execution }) => execution)
}

async function confirmedAre (count: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()

  onConfirmed = () => {
    if (confirmed.length >= count) {
      resolve()
    }
  }
  onConfirmed()
  await promise
}

describe('a courier', () => {
  it('brings what others follow at once together with these', async () => {
    const executions = run([1, 2, 3, 4, 5].map(task => ({ task, isFollowed: task < 5 })))

    await confirmedAre(5)
    expect(messages).toEqual([executions])
    expect(confirmed).toEqual(executions)
  })

  it('keeps nothing back for long, though nothing follows in the end', async () => {
    const executions = run([{ task: 1, isFollowed: true }, { task: 2, isFollowed: true }])

    await confirmedAre(2)
    expect(messages).toEqual([executions])
  })

  it('brings what a master refuses once more, and the others only once', async () => {
    let refusals = 0
    const [first, second] = run([{ task: 1, isFollowed: true }, { task: 2, isFollowed: false }])

    answer = execution => execution === first && refusals++ === 0 ? { kind: 'refused', execution, reason: 'no such job here' } : stored(execution)
    await confirmedAre(2)
    expect(confirmed).toEqual([second, first])
    expect(messages).toEqual([[first, second], [first]])
  })

  it('brings all that was not answered once more when the stream breaks, on a new one', async () => {
    let breaks = 0

    answer = execution => breaks++ === 0 ? undefined : stored(execution)
    const executions = run([{ task: 1, isFollowed: true }, { task: 2, isFollowed: false }])

    await confirmedAre(2)
    expect([...confirmed].sort()).toEqual([...executions].sort())
    expect(messages[0]).toEqual(executions)
    expect(messages.slice(1).flat().sort()).toEqual([...executions].sort())
  })

  it('counts no answer for an execution as one for another', async () => {
    let wrong = 0
    const [execution] = run([{ task: 1, isFollowed: false }])

    answer = asked => wrong++ === 0 ? stored(executionId(record(2).key)) : stored(asked)
    await confirmedAre(1)
    expect(confirmed).toEqual([execution])
    expect(messages).toHaveLength(2)
  })

  it('brings nothing while the master is away', async () => {
    courier.disconnect()

    const [execution] = run([{ task: 1, isFollowed: false }])

    expect(courier.has(execution!)).toBe(true)
    expect(messages).toEqual([])
    courier.connect()
    await confirmedAre(1)
    expect(messages).toEqual([[execution]])
    expect(courier.has(execution!)).toBe(false)
  })
})
