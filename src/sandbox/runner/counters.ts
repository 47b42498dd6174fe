import { readSync } from 'node:fs'
import { COUNTERS } from '../../model/counters.ts'
import { errnoName } from './boot.ts'
import type { Counter, Counts } from '../../model/counters.ts'
import type { Libc } from '../native/libc.ts'

/** linux/perf_event.h: type and config of an event. */
export interface CounterEvent { type: number, config: number }

const PERF_TYPE_HARDWARE = 0

/** PERF_COUNT_HW_INSTRUCTIONS and so on. */
const EVENTS: Readonly<Record<Counter, CounterEvent>> = {
  instructions: { type: PERF_TYPE_HARDWARE, config: 1 },
  cycles: { type: PERF_TYPE_HARDWARE, config: 0 },
  branchMisses: { type: PERF_TYPE_HARDWARE, config: 5 },
  cacheMisses: { type: PERF_TYPE_HARDWARE, config: 3 }
}

const HARDWARE = COUNTERS.map(name => EVENTS[name])

/** PERF_ATTR_SIZE_VER0, which every kernel takes. */
const ATTRIBUTE_BYTES = 64
const READ_FORMAT_AT = 32
const FLAGS_AT = 40

/** PERF_FORMAT_TOTAL_TIME_ENABLED, …_RUNNING: there may be fewer registers than counters, which take turns then. */
const TIMES = 1n | 2n

const DISABLED = 1n << 0n
const INHERIT = 1n << 1n
const EXCLUDE_KERNEL = 1n << 5n
const EXCLUDE_HV = 1n << 6n
const ENABLE_ON_EXEC = 1n << 12n

const PERF_FLAG_FD_CLOEXEC = 8

const ANY_CPU = -1

/**
 * Opens counters of what a thread starts, not of the thread itself: they stand
 * still until a child of it has been executed, and are inherited by all that
 * comes from there. perf_event_open(2). For each event a descriptor, or an
 * errno with a minus.
 *
 * When the processor changes between a thread and a child that has inherited
 * all its events, the kernel exchanges the two sets instead of the events
 * (context_equiv in kernel/events/core.c). Between fork and exec that hands the
 * opened events to the child, whose end is then theirs, and nothing is counted
 * any more. An event that is not inherited keeps the sets apart; it stands
 * still, and is open for as long as the process lives.
 */
export function openCounters (libc: Libc, tid: number, events: readonly CounterEvent[] = HARDWARE): number[] {
  const open = (event: CounterEvent, flags: bigint): number => {
    const fd = libc.perfEventOpen(attributeOf(event, flags), tid, ANY_CPU, -1, PERF_FLAG_FD_CLOEXEC)

    return fd < 0 ? -libc.errno() : fd
  }
  const keptApart = new Set<number>()

  return events.map(event => {
    // older kernels have a set for each type
    if (!keptApart.has(event.type) && open(event, DISABLED | EXCLUDE_KERNEL | EXCLUDE_HV) >= 0) {
      keptApart.add(event.type)
    }

    return open(event, DISABLED | INHERIT | EXCLUDE_KERNEL | EXCLUDE_HV | ENABLE_ON_EXEC)
  })
}

function attributeOf ({ type, config }: CounterEvent, flags: bigint): Buffer {
  const attribute = Buffer.alloc(ATTRIBUTE_BYTES)

  attribute.writeUInt32LE(type, 0)
  attribute.writeUInt32LE(ATTRIBUTE_BYTES, 4)
  attribute.writeBigUInt64LE(BigInt(config), 8)
  attribute.writeBigUInt64LE(TIMES, READ_FORMAT_AT)
  attribute.writeBigUInt64LE(flags, FLAGS_AT)

  return attribute
}

/** value, time enabled, time running */
const READING_BYTES = 24

export type Reading = readonly (readonly [value: bigint, enabled: bigint, running: bigint])[]

/** The counters of all that a thread starts. Reading them is a system call each, which is done outside of the clock. */
export class Counters {
  readonly #fds: readonly number[]
  readonly #names: readonly Counter[]
  readonly #buffer = Buffer.alloc(READING_BYTES)

  /** @param opened - as openCounters returns it; those that could not be opened are left out */
  constructor (opened: readonly number[]) {
    const open = opened.flatMap((fd, index) => fd < 0 ? [] : [{ fd, name: COUNTERS[index] as Counter }])

    this.#fds = open.map(({ fd }) => fd)
    this.#names = open.map(({ name }) => name)
  }

  read (): Reading {
    return this.#fds.map(fd => {
      readSync(fd, this.#buffer)

      return [this.#buffer.readBigUInt64LE(0), this.#buffer.readBigUInt64LE(8), this.#buffer.readBigUInt64LE(16)]
    })
  }

  /** What was counted since then, extrapolated where a counter had to take turns; one that was never on is left out. */
  since (before: Reading): Counts {
    const now = this.read()

    return Object.fromEntries(this.#names.flatMap((name, index) => {
      const [value, enabled, running] = [0, 1, 2].map(part => Number((now[index]?.[part] ?? 0n) - (before[index]?.[part] ?? 0n))) as [number, number, number]

      return running > 0 ? [[name, Math.round(value * enabled / running)]] : []
    }))
  }
}

/** Why there are none, when not one could be opened. */
export function whyNoCounters (opened: readonly number[]): string | undefined {
  if (opened.some(fd => fd >= 0)) {
    return undefined
  }

  const name = errnoName(-(opened[0] ?? 0))

  switch (name) {
    case 'ENOENT':
    case 'EOPNOTSUPP':
    case 'ENODEV':
      return 'its processor offers none here, as in most virtual machines'
    case 'EACCES':
    case 'EPERM':
      return 'its kernel forbids them: type sysctl -w kernel.perf_event_paranoid=2'
    default:
      return `perf_event_open: ${name}`
  }
}
