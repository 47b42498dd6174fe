import { existsSync, rmSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { Worker } from './worker.ts'
import type { RunMore } from './worker.ts'

const root = process.getuid?.() === 0
const MiB = 1024 * 1024

const hold = (mebibytes: number) => `b = bytearray(${mebibytes} << 20)\n`

/** The kernel reaps for those who ignore SIGCHLD, and bills nobody. */
const HIDDEN = `
import os, signal, time
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
if os.fork() == 0:
  while time.process_time() < 0.3: pass
  os._exit(0)
try: os.wait()
except ChildProcessError: pass
`

const MANY = `
import os, time
for i in range(20):
  if os.fork() == 0:
    b = bytearray(20 << 20)
    time.sleep(100)
time.sleep(100)
`

const MEMFDS = `
import os
for i in range(40): os.write(os.memfd_create('x'), bytes(10 << 20))
`

const FORKS = `
import os, sys, time
try:
  for i in range(200):
    if os.fork() == 0: time.sleep(100)
except OSError: sys.exit(3)
`

const FILES = "f = [open('/dev/null') for i in range(1000)]\n"

const LIMITS: [string, string, string, RunMore][] = [
  ['one process', 'memory', hold(300), {}],
  ['many processes, each far below it', 'memory', MANY, {}],
  ['too many processes', 'processes', FORKS, {}],
  ['open files', 'open-files', FILES, {}],
  ['open files of what is handed out', 'open-files', FILES, { kind: 'exec' }],
  ['CPU time', 'cpu', 'while True: pass\n', { limits: { cpuMs: 200 } }],
  ['CPU time of many', 'cpu', 'import os\nos.fork(); os.fork()\nwhile True: pass\n', { limits: { cpuMs: 300 } }]
]

describe.runIf(root)('a run with control groups', () => {
  let worker: Worker
  let folders: string[]
  let bills: { cpu: string, memory: string }
  let reason: string | undefined

  beforeAll(async () => {
    worker = await Worker.start()

    const settled = await worker.ask('settle')

    folders = settled.folders ?? []
    reason = settled.reason
    bills = { cpu: settled.methods?.cpu ?? 'rusage', memory: settled.methods?.memory ?? '' }
  }, 60_000)

  afterAll(async () => {
    await worker.ask('close')
    expect(folders.filter(folder => existsSync(folder))).toEqual([])
    // Whoever removes its groups does not end it.
    expect(await worker.ask('alive')).toBe(true)
    await worker.stop()
  })

  it('can be had by root', () => {
    expect(reason).toBeUndefined()
    expect(folders.length).toBeGreaterThan(0)
  })

  it('is billed for CPU time that it hides', async () => {
    const { outcome, commands: [command] } = await worker.ask('run', HIDDEN)
    const [sample] = command?.samples ?? []

    expect(outcome).toBe('done')
    expect(command?.cpuMethod).toBe(bills.cpu)
    expect(sample?.cpuNs).toBeGreaterThan(300e6)
    expect((sample?.userNs ?? 0) + (sample?.systemNs ?? 0)).toBeLessThan(200e6)
  })

  it('is billed as the kernel bills its processes, when it hides nothing', async () => {
    const { commands: [command] } = await worker.ask('run', 'import time\nwhile time.process_time() < 0.05: pass\n', { runs: 5 })

    for (const { cpuNs, userNs, systemNs } of command?.samples ?? []) {
      // The runner's own part is taken out: what is left of it is far below a millisecond.
      expect(Math.abs(cpuNs - userNs - systemNs)).toBeLessThan(1e6)
    }
  })

  it('is billed for its own peak, whatever other runs had', async () => {
    // A run cannot know which one it is: the clock decides.
    const script = 'import time\nb = bytearray((10, 60)[time.monotonic_ns() // 1000 % 2] << 20)\nprint(len(b))\n'
    const { outcome, commands: [command] } = await worker.ask('run', script, { runs: 12 })
    const peaks = (command?.samples ?? []).map(({ memoryBytes }) => (memoryBytes ?? 0) / MiB)

    expect(outcome).toBe('done')
    expect(peaks.filter(peak => peak > 59 && peak < 75).length + peaks.filter(peak => peak > 9 && peak < 25).length).toBe(12)
    expect(command?.memoryMethod).toBe(bills.memory)
    expect(command?.memoryBytes).toBeGreaterThan(9 * MiB)
  })

  it('is billed for files that it keeps in memory', async () => {
    const { commands: [command] } = await worker.ask('run', "open('/tmp/x', 'wb').write(bytes(1 << 20) * 40)\n")

    expect(command?.memoryBytes).toBeGreaterThan(40 * MiB)
  })

  it.each([...LIMITS, ['memory without a file', 'memory', MEMFDS, {}]] as typeof LIMITS)('that meets the limit of %s is told so', async (_, limit, script, more) => {
    const { outcome, reason, commands: [command] } = await worker.ask('run', script, more)

    expect({ outcome, limit: command?.samples[0]?.limit, reason }).toMatchObject({ outcome: 'limit', limit })
    expect(await worker.ask('groups')).toEqual([])
  })

  it('that is killed by a signal of its own only failed', async () => {
    const { outcome, reason, commands: [command] } = await worker.ask('run', 'import os\nos.kill(os.getpid(), 9)\n')

    expect({ outcome, reason }).toEqual({ outcome: 'failed', reason: 'killed by SIGKILL in run 1' })
    expect(command?.samples[0]?.limit).toBeUndefined()
  })

  it('whose refusals did not keep it from ending well is done', async () => {
    const forks = FORKS.replace('sys.exit(3)', 'sys.exit(0)')

    expect((await worker.ask('run', forks)).outcome).toBe('done')
    expect((await worker.ask('run', 'try: f = [open("/dev/null") for i in range(1000)]\nexcept OSError: pass\n')).outcome).toBe('done')
  })

  it('whose runner somebody kills failed, and leaves no group', async () => {
    const { outcome, reason } = await worker.ask('run', 'import time\ntime.sleep(100)\n', { kind: 'exec', killRunner: true })

    expect(outcome).toBe('failed')
    expect(reason).toContain('SIGKILL')
    expect(await worker.ask('groups')).toEqual([])
  })
})

describe('a run without control groups', () => {
  let worker: Worker

  beforeAll(async () => {
    worker = await Worker.start()
    await worker.ask('settle', { cgroups: false })
  }, 60_000)

  afterAll(async () => { await worker.stop() })

  it('says how it is billed', async () => {
    const { commands: [command] } = await worker.ask('run', hold(30))

    expect(command).toMatchObject({ cpuMethod: 'rusage', memoryMethod: 'adopted-maxrss' })
    expect(command?.samples[0]?.memoryBytes).toBeUndefined()
    expect(command?.memoryBytes).toBeGreaterThan(30 * MiB)
  })

  // One process alone is refused memory by its own limit, which is its own failure.
  it.each(LIMITS.slice(1))('that meets the limit of %s is told so', async (_, limit, script, more) => {
    const { outcome, reason, commands: [command] } = await worker.ask('run', script, more)

    expect({ outcome, limit: command?.samples[0]?.limit, reason }).toMatchObject({ outcome: 'limit', limit })
  })
})

describe.runIf(root)('a worker whose boxes cannot enter their groups', () => {
  it('does without them and says why', async () => {
    const worker = await Worker.start()

    try {
      const { methods } = await worker.ask('settle')
      const facts = await worker.ask('unreachable')

      expect(methods?.cpu).not.toBe('rusage')
      expect(facts.cgroup).toBe('none')
      expect(facts.methods).toEqual({ cpu: 'rusage', memory: 'adopted-maxrss', processes: 'rlimit' })
      expect(facts.caveats.join()).toContain('EBADF')
      expect((await worker.ask('run', hold(1))).commands[0]?.cpuMethod).toBe('rusage')
      await worker.ask('close')
    } finally {
      await worker.stop()
    }
  }, 60_000)
})

describe.runIf(root && existsSync('/sys/fs/cgroup/unified/cgroup.procs'))('a runner that enters its group with all its threads', () => {
  it('is not in the bill', async () => {
    const worker = await Worker.start()

    try {
      await worker.ask('settle')
      await worker.ask('whole')

      const hidden = (await worker.ask('run', HIDDEN)).commands[0]
      const plain = (await worker.ask('run', 'import time\nwhile time.process_time() < 0.05: pass\n', { runs: 5 })).commands[0]

      expect(hidden?.cpuMethod).toBe('cgroup-v2')
      expect(hidden?.samples[0]?.cpuNs).toBeGreaterThan(300e6)

      for (const { cpuNs, userNs, systemNs } of plain?.samples ?? []) {
        expect(Math.abs(cpuNs - userNs - systemNs)).toBeLessThan(1e6)
      }

      expect(await worker.ask('groups')).toEqual([])
      await worker.ask('close')
    } finally {
      await worker.stop()
    }
  }, 60_000)
})

describe.runIf(root)('a worker that is killed', () => {
  it('leaves no group', async () => {
    const worker = await Worker.start()
    const { dir, folders = [] } = await worker.ask('settle')
    const started = worker.ask('run', 'import time\ntime.sleep(100)\n', { kind: 'exec' })

    started.catch(() => {})
    await vi.waitFor(async () => { expect(await worker.ask('groups')).not.toEqual([]) }, { timeout: 20_000 })
    await worker.kill()
    rmSync(dir, { recursive: true })
    await vi.waitFor(() => { expect(folders.filter(folder => existsSync(folder))).toEqual([]) }, { timeout: 20_000, interval: 10 })
  }, 60_000)
})
