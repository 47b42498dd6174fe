/**
 * The runner: PID 1 of a box. The main thread only shuts the doors and starts
 * the second one, which does all the work under the filters. Two threads,
 * because a cgroup may then hold the second and the programs it starts, while
 * the memory of the runner itself is charged to its main thread elsewhere.
 */
import { createRequire } from 'node:module'
import { isMainThread, Worker } from 'node:worker_threads'
import { BOX } from '../layout.ts'
import { loadLibc } from '../native/libc.ts'
import { harden } from './boot.ts'
import { serve } from './serve.ts'
import type { Koffi } from '../native/koffi.ts'

const libc = loadLibc(createRequire(__filename)(BOX.koffi) as Koffi)

if (isMainThread) {
  harden(libc)

  const worker = new Worker(__filename)

  worker.on('error', err => {
    process.stderr.write(`runner: ${err.stack ?? err.message}\n`)
    process.exit(1)
  })
  worker.on('exit', code => process.exit(code))
} else {
  process.exitCode = serve(libc)
}
