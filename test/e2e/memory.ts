import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'

const SAMPLE_MS = 25

/** Resident memory of a process in bytes: now, and the most it ever was. Undefined when it is gone. */
export function memoryOf (pid: number): { now: number, peak: number } | undefined {
  const status = read(`/proc/${pid}/status`)
  const field = (name: string): number => Number(new RegExp(`^${name}:\\s*(\\d+) kB`, 'm').exec(status)?.[1]) * 1024

  return Number.isNaN(field('VmHWM')) ? undefined : { now: field('VmRSS'), peak: field('VmHWM') }
}

/**
 * The most memory that processes had while they were watched. What a watched
 * process starts is watched too, as `NAME > COMMAND`.
 */
export class MemoryWatch {
  readonly peaks = new Map<string, number>()
  readonly #roots: Map<string, number>
  readonly #stop = new AbortController()
  readonly #done: Promise<void>

  constructor (roots: Record<string, number>) {
    this.#roots = new Map(Object.entries(roots))
    this.#done = this.#loop()
  }

  add (name: string, pid: number): void {
    this.#roots.set(name, pid)
  }

  async stop (): Promise<Map<string, number>> {
    this.#stop.abort()
    await this.#done

    return this.peaks
  }

  async #loop (): Promise<void> {
    while (!this.#stop.signal.aborted) {
      this.#sample()
      await delay(SAMPLE_MS)
    }

    this.#sample()
  }

  #sample (): void {
    const children = childrenByParent()

    for (const [name, pid] of this.#roots) {
      this.#note(name, pid)

      for (let below = children.get(pid) ?? []; below.length > 0; below = below.flatMap(({ pid }) => children.get(pid) ?? [])) {
        below.forEach(child => { this.#note(`${name} > ${child.command}`, child.pid) })
      }
    }
  }

  #note (name: string, pid: number): void {
    const memory = memoryOf(pid)

    if (memory != null) {
      this.peaks.set(name, Math.max(this.peaks.get(name) ?? 0, memory.peak))
    }
  }
}

function childrenByParent (): Map<number, Array<{ pid: number, command: string }>> {
  const children = new Map<number, Array<{ pid: number, command: string }>>()

  for (const name of readdirSync('/proc').filter(name => /^\d+$/.test(name))) {
    // proc(5): the command may hold anything, brackets included
    const [, command, parent] = /^\d+ \((.*)\) \S (\d+)/s.exec(read(`/proc/${name}/stat`)) ?? []

    if (command != null) {
      const siblings = children.get(Number(parent)) ?? []

      siblings.push({ pid: Number(name), command })
      children.set(Number(parent), siblings)
    }
  }

  return children
}

function read (path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
