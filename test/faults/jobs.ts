import { expect } from 'vitest'
import { eventually } from '../e2e/processes.ts'
import type { Ended, Fleet } from './fleet.ts'

/** A job that a client has begun to submit, and what it should come to. */
export interface Submitted {
  id: string
  mark: string
  output: string
  /** How many tasks it has. */
  tasks: number
  /** The command that submits it and waits for its end. */
  ended: Promise<Ended>
}

/**
 * Submits programs and holds what became of them against what the observer has
 * seen: every accepted job ends well, everything ran exactly once, nothing ran
 * beside anything else, no line was lost or doubled.
 */
export class Jobs {
  readonly all: Submitted[] = []
  readonly #fleet: Fleet

  constructor (fleet: Fleet) {
    this.#fleet = fleet
  }

  /** An `exec` that stays until its end. */
  exec (seconds: number, { on = 'any', tasks = 1, masters }: { on?: string, tasks?: number, masters?: string[] } = {}): Submitted {
    const { mark, argv, output } = this.#fleet.program(seconds)
    const id = ulidLike(this.all.length)
    const { ended } = this.#fleet.startCommand(['exec', '--quiet', '--id', id, '--on', on, '--timeout', '60s', '--', ...argv], { masters })
    const job = { id, mark, output, tasks, ended }

    this.all.push(job)

    return job
  }

  /** An `exec` that is accepted and then left alone. */
  async detach (seconds: number, options: { on?: string, tasks?: number, masters?: string[] } = {}): Promise<Submitted> {
    const { mark, argv, output } = this.#fleet.program(seconds)
    const id = ulidLike(this.all.length)
    const ended = await this.#fleet.command(['exec', '--detach', '--quiet', '--id', id, '--on', options.on ?? 'any', '--timeout', '60s', '--', ...argv], { masters: options.masters })
    const job = { id, mark, output, tasks: options.tasks ?? 1, ended: Promise.resolve(ended) }

    this.all.push(job)

    return job
  }

  /** Resolves when at least one process of it has been seen. */
  async running ({ mark }: Submitted): Promise<void> {
    await eventually(`${mark} runs`, async () => (await this.#fleet.seen(mark)).length > 0)
  }

  /** Every job has ended; each of its tasks is done, and ran once. */
  async check ({ times = 1 }: { /** How often a task may have run: more than once only where the design says so. */ times?: number } = {}): Promise<void> {
    await eventually('all jobs have ended', async () => {
      const rows = await this.#fleet.jobs()

      return this.all.every(({ id }) => rows.some(row => row.id === id && row.state === 'finished'))
    })

    const rows = await this.#fleet.jobs()

    for (const job of this.all) {
      const starts = await this.#fleet.seen(job.mark)

      expect(rows.filter(({ id }) => id === job.id), `job of ${job.mark}`).toEqual([expect.objectContaining({ tasks: job.tasks, ended: job.tasks, failed: 0 })])
      expect(starts.length, `starts of ${job.mark}`).toBeGreaterThanOrEqual(job.tasks)
      expect(starts.length, `starts of ${job.mark}`).toBeLessThanOrEqual(job.tasks * times)

      const { stdout } = await this.#fleet.command(['logs', job.id])

      expect(lines(stdout), `output of ${job.mark}`).toEqual(lines(job.output.repeat(job.tasks)))
    }

    expect(await this.#fleet.overlaps()).toEqual([])
  }
}

/** Several workers' lines come in any order, below the workers' names. */
function lines (text: string): string[] {
  return text.split('\n').filter(line => line !== '' && !line.startsWith('==> ')).sort()
}

/** An id that nobody else has: the clients of this fleet make them in order. */
function ulidLike (number: number): string {
  const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
  const random = Array.from({ length: 12 }, () => alphabet[Math.floor(Math.random() * 32)]).join('')

  return `01KB${random}${number.toString(32).toUpperCase().replace(/[ILOU]/g, 'Z').padStart(10, '0')}`
}
