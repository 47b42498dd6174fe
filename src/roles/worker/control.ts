import { setTimeout as delay } from 'node:timers/promises'
import { isMeshmarkError, toError } from '../../model/errors.ts'
import { WORKER_REPORT_MS } from '../../model/states.ts'
import { register } from '../../node/protocol/register/index.ts'
import { linkToMaster, RENEW_CHECK_MS, renewWhenAgeing } from '../link.ts'
import type { FoundMesh } from '../find-mesh.ts'
import type { LinkOptions } from '../link.ts'
import type { WorkerInfo } from '../../model/machine.ts'
import type { WorkerState } from '../../model/states.ts'
import type { MeshNode, Peer } from '../../node/mesh-node.ts'
import type { Channel } from '../../node/protocol/protocol.ts'
import type { Claim, Held, MasterMessage, WorkerMessage } from '../../node/protocol/register/messages.ts'

/** Back within a second of a master's return, without hammering one that is away. */
const RETRY_MS = { first: 200, most: 1_000, refused: 10_000 }

export interface Standing {
  state: WorkerState
  execution?: string
  detail?: string
  sinceMs: number
  highest?: Claim
}

export interface ControlComponents {
  node: MeshNode
  mesh: FoundMesh
  link: LinkOptions
  info: () => WorkerInfo
  holds: () => Promise<Held[]>
  standing: () => Standing
  onRegistered: (master: Peer, name: string) => void
  onDrain: (drain: boolean) => void
  log: (line: string) => void
}

/** Keeps the worker registered with its master, for ever: link, register, report, and again. */
export class Control {
  readonly #components: ControlComponents
  readonly #stop = new AbortController()
  #channel?: Channel<MasterMessage, WorkerMessage>
  #running?: Promise<void>

  constructor (components: ControlComponents) {
    this.#components = components
  }

  /** Resolves at the first registration; rejects when the mesh refuses this worker, or with `unless` nobody answers. */
  async start (patient: boolean): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()

    this.#running = this.#run(patient, resolve, reject)

    return promise
  }

  async stop (): Promise<void> {
    this.#stop.abort(new Error('the worker stops'))
    await this.#channel?.close().catch(() => {})
    await this.#running
  }

  /** Says where the worker stands, now. */
  report (): void {
    const { standing, info } = this.#components

    this.#channel?.send({ kind: 'state', ...standing(), floor: info().floor }).catch(() => {})
  }

  async #run (patient: boolean, onFirst: () => void, onHopeless: (err: Error) => void): Promise<void> {
    const { signal } = this.#stop
    let wait = RETRY_MS.first
    let registered = false
    let said: string | undefined

    while (!signal.aborted) {
      try {
        await this.#serve(() => {
          registered = true
          wait = RETRY_MS.first
          said = undefined
          onFirst()
        })
      } catch (err) {
        if (signal.aborted) {
          return
        }

        const refused = isMeshmarkError(err) && (err.code === 'refused' || err.code === 'usage')

        if (!registered && (refused || !patient)) {
          onHopeless(toError(err))
          return
        }

        // the same trouble is said once
        if (said !== toError(err).message) {
          said = toError(err).message
          this.#components.log(`${said}; trying again`)
        }

        wait = refused ? RETRY_MS.refused : Math.min(wait * 1.5, RETRY_MS.most)
      }

      await delay(wait, undefined, { signal }).catch(() => {})
    }
  }

  async #serve (onRegistered: () => void): Promise<void> {
    const { node, mesh, link, info, holds } = this.#components
    const { signal } = this.#stop
    const master = await linkToMaster(node, mesh, { ...link, signal })
    const channel = await node.openChannel(master.id, register, { signal })
    const timers: NodeJS.Timeout[] = []

    try {
      await channel.send({ kind: 'register', info: info(), highest: this.#components.standing().highest, holds: await holds() }, { signal })
      const answer = await channel.receive({ signal })

      if (answer?.kind !== 'registered') {
        throw new Error(answer?.kind === 'refused' ? `the master refused the registration: ${answer.reason}` : 'the master closed the registration')
      }

      this.#channel = channel
      this.report()
      timers.push(setInterval(() => { this.report() }, WORKER_REPORT_MS))
      timers.push(setInterval(() => { this.#renew(master) }, RENEW_CHECK_MS))
      onRegistered()
      this.#components.onRegistered(master, answer.name)

      for (let message = await channel.receive({ signal }); message != null; message = await channel.receive({ signal })) {
        if (message.kind === 'drain') {
          this.#components.onDrain(message.drain)
        }
      }

      throw new Error('the master has gone away')
    } catch (err) {
      channel.abort(toError(err))
      throw err
    } finally {
      this.#channel = undefined
      timers.forEach(timer => { clearInterval(timer) })
    }
  }

  #renew (master: Peer): void {
    const { node, mesh, link, log } = this.#components

    renewWhenAgeing(node, master, mesh.meshId, link).catch(err => { log(`membership not renewed: ${toError(err).message}`) })
  }
}
