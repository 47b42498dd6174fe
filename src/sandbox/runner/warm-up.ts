import { existsSync } from 'node:fs'
import { makeImage } from './image.ts'
import { FileOutputs } from './outputs.ts'
import { baseEnvironment } from './programs.ts'
import { runOnce } from './run.ts'
import type { Means } from './run.ts'

const NO_OP = '/usr/bin/true'

/** Enough for the compiler to settle and for the kernel to have seen every path once. */
const RUNS = 20

/** For a task that is waiting already. */
const LEAST_RUNS = 3

/**
 * Runs the code of a measured run on a program that does nothing, so that the
 * first real run finds it warm.
 *
 * @param isWanted - asked between two runs: has a task come?
 */
export function warmUp (means: Means, isWanted: () => boolean): void {
  const { launcher, stage, stagehand } = means

  if (!existsSync(NO_OP)) {
    return
  }

  const image = makeImage(launcher.libc, NO_OP, ['true'], baseEnvironment())
  const outputs = new FileOutputs(launcher, stagehand, 1)

  launcher.setNoStdin()

  for (let run = 0; run < RUNS && (run < LEAST_RUNS || !isWanted()); run++) {
    stage.renew()
    outputs.open()
    runOnce(means, image, 10_000, { intervalMs: 1_000, onInterval: () => undefined })
    outputs.finish()
    stage.used()
  }

  outputs.close()
}
