import { constants } from 'node:os'
import type { ExecutionResult, NotRun } from '../../model/result.ts'
import type { Exit } from '../../model/sample.ts'

/** As in timeout(1) and env(1): not the program but the one that should start it failed. */
export const EXIT_EXEC_FAILED = 125

const NOT_RUN: Partial<Record<NotRun['code'], number>> = { 'not-found': 127, 'not-executable': 126 }

/** @param otherwise what is known beside the result that a worker recorded, if one did: a cancel has its reason from elsewhere */
export function execStatus (result: ExecutionResult | undefined, otherwise: string): { code: number, message?: string } {
  const notRun = result?.commands[0]?.notRun

  if (notRun != null) {
    return { code: NOT_RUN[notRun.code] ?? EXIT_EXEC_FAILED, message: notRun.message }
  }

  const sample = result?.commands[0]?.samples.at(-1)

  if (result == null || sample == null || result.outcome === 'cancelled' || result.outcome === 'interrupted') {
    return { code: EXIT_EXEC_FAILED, message: `the program did not finish: ${(result?.outcome === 'cancelled' ? undefined : result?.reason) ?? otherwise}` }
  }

  return {
    code: exitStatus(sample.exit),
    ...(sample.limit == null ? {} : { message: `the program was stopped: ${result.reason ?? `${sample.limit} limit`}` })
  }
}

/** As a shell says it. */
export function exitStatus (exit: Exit): number {
  return exit.kind === 'code' ? exit.code : 128 + (constants.signals[exit.signal as NodeJS.Signals] ?? 0)
}
