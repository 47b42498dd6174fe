import { MeshmarkError } from '../../src/model/errors.ts'
import { Slots } from '../../src/roles/master/slots.ts'
import { ToldCancels } from '../../src/roles/master/told-cancels.ts'
import { nameOf, shortExecution } from './ids.ts'
import { channelOf } from './network.ts'
import type { Setting } from './setting.ts'
import type { SimCoordinator } from './sim-coordinator.ts'
import type { MasterLife } from './sim-master.ts'
import type { Channel } from '../../src/node/protocol/protocol.ts'
import type { Claim } from '../../src/node/protocol/register/messages.ts'
import type { SlotReply, SlotRequest } from '../../src/node/protocol/slot/messages.ts'

/** Answers to AVAILABLE and START by which an execution has not begun. */
const DECLINES: ReadonlySet<string> = new Set(['busy', 'no-payload', 'refused'])

/** The slots of all workers, on simulated streams. */
export function simSlots (setting: Setting, master: MasterLife, coordinator: SimCoordinator): Slots {
  const { process } = master
  const open = async (worker: string): Promise<Channel<SlotReply, SlotRequest>> => {
    await process.sleep(0.1)

    const side = setting.network.open(process, worker, 'slot')

    if (side == null) {
      throw new Error('the worker is not connected')
    }

    return channelOf(setting.world, side)
  }
  const after = (ms: number, run: () => void): () => void => {
    let isWanted = true

    process.after(ms, () => {
      if (isWanted) {
        setting.world.stir()
        run()
      }
    })

    return () => { isWanted = false }
  }
  const claim = (): Claim => {
    if (coordinator.claim == null) {
      throw new MeshmarkError('refused', 'another master coordinates')
    }

    return coordinator.claim
  }
  const told = new ToldCancels({
    holds: async (job, { master: by, proof }) => {
      setting.world.stir()

      return by != null && proof != null && (by === master.id || master.links.records.has(by)) && Buffer.compare(proof, proofOf(job, by)) === 0
    },
    isOpen: job => master.state.jobs.get(job)?.cancelled === false,
    cancel: async job => coordinator.cancel(job),
    claim: () => coordinator.claim,
    log: line => { master.say(() => line) }
  })

  return new Slots({
    open,
    after,
    claim,
    firstId: Math.floor(setting.world.nowMs) * 1_000,
    onAnswer: (worker, execution, reply) => {
      master.say(() => `${nameOf(worker)} answers ${reply.kind} for ${shortExecution(execution)}${'reason' in reply ? ` (${reply.reason})` : ''}`)

      if (DECLINES.has(reply.kind)) {
        setting.checker.declines(master.id, execution)
      }

      if (reply.kind === 'stale') {
        master.elect({ kind: 'stale', highest: reply.highest })
      }

      told.heed(execution, [reply], ([reply]) => { coordinator.dispatch({ kind: 'answer', worker, execution, reply: reply! }) })
    },
    onOutcomes: (worker, outcomes) => {
      outcomes.forEach(({ execution, outcome }) => {
        master.say(() => `${nameOf(worker)} answers START of ${shortExecution(execution)}: ${outcome.kind}${'reason' in outcome ? ` (${outcome.reason})` : ''}`)

        if (DECLINES.has(outcome.kind)) {
          setting.checker.declines(master.id, execution)
        }
      })
      told.heed(outcomes[0]?.execution ?? '', outcomes.map(({ outcome }) => outcome), heard => {
        coordinator.dispatch({ kind: 'outcomes', worker, outcomes: outcomes.map(({ execution }, at) => ({ execution, outcome: heard[at]! })) })
      })
    },
    onReturned: (worker, executions, reason) => {
      master.say(() => `${nameOf(worker)} gives back ${executions.map(shortExecution).join()} (${reason})`)
      coordinator.dispatch({ kind: 'returned', worker, executions, reason })
    },
    onRecalled: (worker, execution, reply) => {
      master.say(() => `${nameOf(worker)} answers ${reply.kind} to the recall of ${shortExecution(execution)}`)
      coordinator.dispatch({ kind: 'recall-answered', worker, execution, reply })
    },
    onLost: (worker, executions, reason, unsent) => {
      master.say(() => `the slot stream to ${nameOf(worker)} is lost with ${executions.map(shortExecution).join() || 'nothing'}: ${reason}`)
      coordinator.dispatch({ kind: 'stream-lost', worker, executions, unsent, reason })
    }
  })
}

/** In place of a signature. */
export function proofOf (job: string, master: string): Uint8Array {
  return Buffer.from(`${master} cancels ${job}`)
}
