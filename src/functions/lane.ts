import { MAX_ITEM_BYTES } from '../model/each.ts'
import { onAbort } from '../node/wait.ts'
import { Turns } from './turns.ts'
import { runCalls } from './run-calls.ts'
import type { Client } from '../roles/client/types.ts'
import type { Call } from './call.ts'
import type { Definition } from './run-calls.ts'
import type { CallRules } from './call-options.ts'

/** Calls of one job: so many that the job itself costs little, so few that the first ends are not waited for long. */
const MAX_CALLS = 1_000
const MAX_INLINE_BYTES = 4 * 1024 * 1024
/** Of arguments that travel as files. Every worker of the job gets them all. */
const MAX_LONG_BYTES = 64 * 1024 * 1024

/** Jobs that one client follows at once: a master allows 16 streams, and other programs of the user need some. */
const MAX_JOBS = 8

const turns = new WeakMap<Client, Turns>()

/** Where calls get their mesh from. */
export interface ClientSource {
  /** `release` says that it is not needed any more. */
  acquire: () => Promise<{ client: Client, release: () => void }>
}

/**
 * Calls of one function with the same options: those that are made in one turn
 * of the event loop, or while all jobs are under way, become one job.
 */
export class Lane {
  readonly #source: ClientSource
  readonly #definition: Definition
  readonly #rules: CallRules
  readonly #waiting: Call[] = []
  #scheduled = false

  constructor (source: ClientSource, definition: Definition, rules: CallRules) {
    this.#source = source
    this.#definition = definition
    this.#rules = rules
  }

  add (call: Call): void {
    const { signal } = this.#rules

    if (signal?.aborted === true) {
      call.settle({ ok: false, reason: signal.reason })
      return
    }

    this.#waiting.push(call)

    this.#schedule()
  }

  #schedule (): void {
    if (!this.#scheduled) {
      this.#scheduled = true
      setImmediate(() => { void this.#send() })
    }
  }

  async #send (): Promise<void> {
    const reject = (reason: unknown): void => { this.#waiting.splice(0).forEach(call => { call.settle({ ok: false, reason }) }) }
    const forget = onAbort(this.#rules.signal, reject)

    try {
      await this.#flush()
    } catch (err) {
      // no mesh: nobody who waits gets an answer
      reject(err)
    } finally {
      forget()
      this.#scheduled = false
    }

    if (this.#waiting.length > 0) {
      this.#schedule()
    }
  }

  async #flush (): Promise<void> {
    while (this.#waiting.length > 0) {
      const { client, release } = await this.#source.acquire()
      const mayRun = turnsOf(client)

      await mayRun.take()

      const calls = this.#takeJob()

      void (calls.length === 0 ? Promise.resolve() : runCalls(client, this.#definition, this.#rules, calls)).finally(() => {
        mayRun.give()
        release()
      })
    }
  }

  #takeJob (): Call[] {
    let inlineBytes = 0
    let longBytes = 0
    const end = this.#waiting.findIndex(({ encoded }, index) => {
      const bytes = Buffer.byteLength(encoded)

      if (bytes > MAX_ITEM_BYTES) {
        longBytes += bytes
      } else {
        inlineBytes += bytes
      }

      // one goes in any case
      return index > 0 && (index >= MAX_CALLS || inlineBytes > MAX_INLINE_BYTES || longBytes > MAX_LONG_BYTES)
    })

    return this.#waiting.splice(0, end === -1 ? this.#waiting.length : end)
  }
}

function turnsOf (client: Client): Turns {
  let found = turns.get(client)

  if (found == null) {
    found = new Turns(MAX_JOBS)
    turns.set(client, found)
  }

  return found
}
