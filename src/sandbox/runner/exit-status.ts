import { constants } from 'node:os'
import type { Exit } from '../../model/sample.ts'

/** The status word of wait(2). */
export function decodeStatus (status: number): Exit {
  const signum = status & 0x7f

  return signum === 0 ? { kind: 'code', code: (status >> 8) & 0xff } : { kind: 'signal', signal: signalName(signum) }
}

/** Names that two signals share: the usual one. */
const PREFERRED: Record<number, string> = { [constants.signals.SIGABRT]: 'SIGABRT', [constants.signals.SIGIO]: 'SIGIO', [constants.signals.SIGCHLD]: 'SIGCHLD' }

function signalName (signum: number): string {
  return PREFERRED[signum] ?? Object.entries(constants.signals).find(([, value]) => value === signum)?.[0] ?? `signal ${signum}`
}

/** For people: `exit code 3`, `killed by SIGSEGV`. */
export function describeExit (exit: Exit): string {
  return exit.kind === 'code' ? `exit code ${exit.code}` : `killed by ${exit.signal}`
}
