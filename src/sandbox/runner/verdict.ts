import { constants } from 'node:os'
import type { Limits } from '../../model/limits.ts'
import type { Sample } from '../../model/sample.ts'
import type { Printed } from './outputs.ts'
import type { Ran } from './run.ts'
import type { TreeWatch } from './tree.ts'

/** How one command ended before its plan did. */
export interface Ended {
  outcome: 'failed' | 'limit'
  reason: string
}

/** What counts of a command for the task's outcome. */
export interface Judged {
  ended?: Ended
  notRun?: { message: string }
}

/** The gravest: nothing could be run, a limit, a failure. */
export function verdict (commands: readonly Judged[]): { outcome: 'done' | 'failed' | 'limit' | 'not-run', reason?: string } {
  const many = commands.length > 1
  const say = (index: number, reason: string) => many ? `command ${index + 1}: ${reason}` : reason
  const ended = commands.flatMap((command, index) => command.ended == null ? [] : [{ outcome: command.ended.outcome, reason: say(index, command.ended.reason) }])
  const notRun = commands.findIndex(command => command.notRun != null)

  if (notRun >= 0) {
    return { outcome: 'not-run', reason: say(notRun, commands[notRun]?.notRun?.message ?? '') }
  }

  return ended.find(({ outcome }) => outcome === 'limit') ?? ended[0] ?? { outcome: 'done' }
}

export function sampleOf (command: number, run: number, ran: Ran, firstNs: bigint): Sample {
  const { userNs, systemNs, minorFaults, majorFaults, voluntarySwitches, involuntarySwitches } = ran.rusage

  return {
    command,
    run,
    startNs: Number(ran.startNs - firstNs),
    wallNs: ran.wallNs,
    cpuNs: ran.bill.cpuNs ?? userNs + systemNs,
    userNs,
    systemNs,
    minorFaults,
    majorFaults,
    voluntarySwitches,
    involuntarySwitches,
    exit: ran.exit,
    ...(ran.limit == null ? {} : { limit: ran.limit }),
    leftovers: ran.leftovers,
    ...(ran.bill.memoryBytes == null ? {} : { memoryBytes: ran.bill.memoryBytes })
  }
}

/** A failed run whose peak came this near to its limit of memory was refused more; not every program that is refused memory is killed for it. */
const NEARLY = 0.9

/** sh(1): the exit code of a shell whose last command was ended by a signal, less that signal. */
const SHELL_SIGNALED = 128

/** As strerror(3) and Node put EMFILE; ENFILE is the machine's affair. */
const TOO_MANY_FILES = /too many open files(?! in system)/i

/**
 * A limit that the kernel or the clock of the CPU enforced. Some of them only
 * refuse something, and programs may go on without it: those count when the
 * run failed.
 *
 * @param reached - what was seen during the run
 */
export function limitBehind (ran: Ran, limits: Limits, printed: Printed, reached: TreeWatch['reached']): Sample['limit'] {
  const { rusage, bill, exit } = ran
  const cpuMs = (bill.cpuNs ?? rusage.userNs + rusage.systemNs) / 1e6
  const failed = exit.kind !== 'code' || exit.code !== 0

  // The kernel counts ticks for its signal, which may come long before the exact bill says so; a program that sends it to itself has used little.
  if (limits.cpuMs != null && (cpuMs >= limits.cpuMs || (cpuMs >= limits.cpuMs / 2 && isSignal(ran, 'SIGXCPU')))) {
    return 'cpu'
  }

  if (bill.outOfMemory || (failed && (bill.memoryBytes ?? 0) >= NEARLY * limits.memoryBytes)) {
    return 'memory'
  }

  if (printed.exceeded) {
    return 'output'
  }

  if (isSignal(ran, 'SIGXFSZ')) {
    return 'file'
  }

  if (failed && (bill.forksRefused || reached.processes)) {
    return 'processes'
  }

  return failed && (reached.openFiles || TOO_MANY_FILES.test(printed.lastWords.toString('latin1'))) ? 'open-files' : undefined
}

/** Of the program, or of one that it ran as a shell does, and told as shells tell it. */
function isSignal ({ exit }: Ran, signal: 'SIGXCPU' | 'SIGXFSZ'): boolean {
  return exit.kind === 'signal' ? exit.signal === signal : exit.code === SHELL_SIGNALED + constants.signals[signal]
}
