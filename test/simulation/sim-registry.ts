import { executionId, parseExecutionId } from '../../src/model/ids.ts'
import { resultEvent } from '../../src/roles/master/fact-feed.ts'
import { nameOf } from './ids.ts'
import { channelOf } from './network.ts'
import type { Side } from './network.ts'
import type { Setting } from './setting.ts'
import type { MasterLife } from './sim-master.ts'
import type { WorkerMessage } from '../../src/node/protocol/register/messages.ts'
import type { TaskReport } from '../../src/node/protocol/task/messages.ts'

/** Workers that come to a master, and what they bring. */
export class SimRegistry {
  readonly #setting: Setting
  readonly #master: MasterLife
  readonly #registered = new Map<string, Side>()

  constructor (setting: Setting, master: MasterLife) {
    this.#setting = setting
    this.#master = master
  }

  /** All workers are told who the masters are now. */
  tellMasters (): void {
    this.#registered.forEach(side => { side.send({ kind: 'masters', masters: [...this.#master.links.records.values()] }) })
  }

  onRegister (side: Side, worker: string): void {
    const heed = ({ highest }: WorkerMessage): void => {
      if (highest != null) {
        this.#master.elect({ kind: 'worker-claim', claim: highest })
      }
    }

    side.listen((message: WorkerMessage) => {
      heed(message)

      if (message.kind === 'register') {
        const previous = this.#registered.get(worker)

        this.#registered.set(worker, side)
        previous?.close(new Error('replaced by a newer registration'))
        side.send({ kind: 'registered', name: nameOf(worker), claim: this.#master.election.coordinator, meshTimeMs: Date.now(), masters: [...this.#master.links.records.values()] })
        this.#master.coordinator.dispatch({ kind: 'worker-registered', info: message.info, holds: message.holds, draining: false })
      } else {
        this.#master.coordinator.dispatch({ ...message, kind: 'worker-state', worker })
      }
    }, () => {
      if (this.#registered.get(worker) === side) {
        this.#registered.delete(worker)
        this.#master.coordinator.dispatch({ kind: 'worker-gone', worker })
      }
    })
  }

  /** roles/master/task-handler.ts without outputs. */
  async onTask (side: Side, worker: string): Promise<void> {
    const channel = channelOf<TaskReport, unknown>(this.#setting.world, side)

    try {
      const begin = await channel.receive()

      if (begin?.kind !== 'begin') {
        return
      }

      const { execution } = begin
      const key = parseExecutionId(execution)

      if (this.#master.replica.isBuried(key.job)) {
        return await channel.send({ kind: 'unwanted' })
      }

      const task = this.#master.state.jobs.get(key.job)?.tasks.get(key.task)
      const isThere = task?.worker === worker && task.attempt === key.attempt && !task.prepared && ['starting', 'running', 'cancelling'].includes(task.state)

      if (task == null || (task.target != null && task.target !== worker)) {
        return await channel.send({ kind: 'refused', reason: 'not known here' })
      }

      if (!isThere && !await this.#master.jobs.isAssigned(execution)) {
        this.#master.coordinator.dispatch({ kind: 'worker-holds', worker, execution })

        return await channel.send({ kind: 'refused', reason: 'never given to this worker' })
      }

      await channel.send({ kind: 'resume', stdout: 0, stderr: 0 })

      for (let report = await channel.receive(); report != null; report = await channel.receive()) {
        if (report.kind === 'result') {
          const { result } = report

          await this.#master.jobs.addResult(result)
          this.#master.coordinator.learn(resultEvent(result))
          this.#setting.checker.takes(this.#master, executionId(result.key))
          await channel.send({ kind: 'stored' })
          return
        }
      }
    } catch {
      // the stream broke: the worker comes again
    }
  }
}
