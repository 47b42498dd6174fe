import { spawn, spawnSync } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

/** Software events, which every machine has: PERF_TYPE_SOFTWARE, page faults and so on. The box's own are not to be had in most virtual machines. */
const PROGRAM = `
  const { createRequire } = require('node:module')
  const { pathToFileURL } = require('node:url')
  const [dist, koffi] = process.argv.slice(1)

  Promise.all(['native/libc.js', 'runner/counters.js'].map(file => import(pathToFileURL(dist + file).href))).then(([{ loadLibc }, { Counters, openCounters, whyNoCounters }]) => {
    const libc = loadLibc(createRequire(koffi)('koffi'))
    const PAGE_FAULTS = { type: 1, config: 2 }
    const NO_EVENT = { type: 1, config: 4711 }
    const opened = openCounters(libc, libc.gettid(), [PAGE_FAULTS, NO_EVENT])

    if (opened[0] < 0) {
      console.log(JSON.stringify({ why: whyNoCounters(opened) }))
      return
    }

    const counters = new Counters(opened)
    const { spawnSync } = require('node:child_process')
    const count = script => {
      const before = counters.read()

      spawnSync('/bin/sh', ['-c', script])
      return counters.since(before).instructions
    }

    const nothing = counters.since(counters.read()).instructions ?? 0
    const rounds = Array.from({ length: 10 }, () => ({ one: count('true') ?? 0, many: count('for i in 1 2 3 4 5 6 7 8; do /bin/true; done') ?? 0 }))

    console.log(JSON.stringify({ opened: opened.map(fd => fd >= 0), nothing, rounds }))
  })`

const dist = fileURLToPath(new URL('../../dist/sandbox/', import.meta.url))

describe('counters', () => {
  it('count what a thread starts, all its processes together, and not the thread, also where they wait for a processor', () => {
    // the kernel exchanges the events of a thread and its child when the processor goes from one to the other
    const busy = Array.from({ length: 2 * availableParallelism() }, () => spawn(process.execPath, ['-e', 'for (;;) {}'], { stdio: 'ignore' }))

    try {
      const { stdout, stderr } = spawnSync(process.execPath, ['-e', PROGRAM, dist, import.meta.filename], { encoding: 'utf8' })
      const seen = JSON.parse(stdout || JSON.stringify({ stderr })) as { why?: string, opened: boolean[], nothing: number, rounds: Array<{ one: number, many: number }> }

      if (seen.why != null) {
        // Where not even root may count.
        expect(seen.why).toMatch(/perf_event/)
        return
      }

      expect(seen).toMatchObject({ opened: [true, false], nothing: 0 })

      for (const { one, many } of seen.rounds) {
        expect(one).toBeGreaterThan(10)
        expect(many).toBeGreaterThan(3 * one)
      }
    } finally {
      busy.forEach(child => child.kill('SIGKILL'))
    }
  })
})
