/**
 * The runner: PID 1 of a box. The main thread shuts the doors and from then on
 * does nothing but mount folders when the second one asks. The second does all
 * the rest, without capabilities and under the filters, which whatever it
 * starts inherits. A cgroup may hold the second thread and the programs it
 * starts, while the memory of the runner itself is charged to its main thread
 * elsewhere.
 */
import { isMainThread, shared } from './threads.ts'
import { createRequire } from 'node:module'
import { BOX } from '../layout.ts'
import { loadLibc } from '../native/libc.ts'
import { harden } from './boot.ts'
import { serve } from './serve.ts'
import { attend, end, Stagehand } from './stagehand.ts'
import type { Koffi } from '../native/koffi.ts'

const libc = loadLibc(createRequire(__filename)(BOX.koffi) as Koffi)

if (isMainThread) {
  harden(libc)
  process.exit(attend(libc, shared))
} else {
  let code = 1

  try {
    code = serve(libc, new Stagehand(libc, shared))
  } finally {
    // Whatever went wrong here: the main thread waits, and would for ever.
    end(shared, code)
  }
}
