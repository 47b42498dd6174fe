import { existsSync, openSync, closeSync } from 'node:fs'
import { makeImage } from './image.ts'
import { FileOutputs } from './outputs.ts'
import { baseEnvironment } from './programs.ts'
import { runOnce } from './run.ts'
import type { Means } from './run.ts'

const NO_OP = '/usr/bin/true'

/** Enough for the compiler to settle and for the kernel to have seen every path once. */
const RUNS = 20

/** Mounting is compiled code of the kernel; it needs no more than to have been there. */
const RENEW_EVERY = 10

/** Runs the code of a measured run on a program that does nothing, so that the first real run finds it warm. */
export function warmUp (means: Means): void {
  const { launcher, stage, stagehand } = means

  if (!existsSync(NO_OP)) {
    return
  }

  const image = makeImage(launcher.libc, NO_OP, ['true'], baseEnvironment())
  const outputs = new FileOutputs(launcher, stagehand, 1)
  const stdin = openSync('/dev/null', 'r')

  launcher.setStdio(0, stdin)
  closeSync(stdin)

  for (let run = 0; run < RUNS; run++) {
    if (run % RENEW_EVERY === 0) {
      stage.used()
      stage.renew()
    }

    outputs.open()
    runOnce(means, image, 10_000, { intervalMs: 1_000, onInterval: () => undefined })
    outputs.finish()
  }

  outputs.close()
}
