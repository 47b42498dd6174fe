import type { Process, World } from './world.ts'

/** Those that wait until something of one kind happens. */
export class Waiters {
  readonly #world: World
  readonly #process: Process
  readonly #wakes = new Set<() => void>()

  constructor (world: World, process: Process) {
    this.#world = world
    this.#process = process
  }

  wake (): void {
    this.#wakes.forEach(wake => { wake() })
  }

  /** It happens, or the time is up. */
  async next (ms: number): Promise<void> {
    await new Promise<void>(resolve => {
      const wake = (): void => {
        this.#world.stir()
        this.#wakes.delete(wake)
        resolve()
      }

      this.#wakes.add(wake)
      this.#process.after(ms, wake)
    })
  }
}
