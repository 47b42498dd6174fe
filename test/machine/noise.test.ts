import { describe, expect, it } from 'vitest'
import { parseNoise } from '../../src/machine/noise-files.ts'
import { gradeNoise, readNoise } from '../../src/machine/noise.ts'
import { ownCpuMs } from '../../src/machine/own-cpu.ts'
import type { NoiseReading } from '../../src/machine/noise.ts'
import type { CommandResult } from '../../src/model/result.ts'
import type { Sample } from '../../src/model/sample.ts'

const quiet: NoiseReading = {
  atNs: 0n, cores: 4, busyMs: 1_000, stealMs: 0, cpuWaitMs: 0, memoryWaitMs: 0, ioWaitMs: 0, load1: 0.1, swappedPages: 7, throttles: 3
}

/** Ten seconds later, the own program having kept one core busy. */
function later (change: Partial<NoiseReading> = {}): NoiseReading {
  return { ...quiet, atNs: 10_000_000_000n, busyMs: 11_000, ...change }
}

/** Runs that took `wallMs` each and `cpuMs` of CPU time. */
function ran (runs: number, wallMs: number, cpuMs = wallMs, warmups = 0): CommandResult[] {
  const sample = { wallNs: wallMs * 1e6, cpuNs: cpuMs * 1e6 } as Sample

  return [{ command: 0, samples: Array.from({ length: runs }, () => sample), warmups, memoryMethod: 'none', cpuMethod: 'rusage' }]
}

const grade = (change: Partial<NoiseReading> = {}): ReturnType<typeof gradeNoise> => gradeNoise(quiet, later(change), ran(10, 1_000))

describe('noise', () => {
  it('is A when only the own program ran', () => {
    expect(grade()).toEqual({ grade: 'A', reasons: [] })
  })

  it.each([
    [{ busyMs: 11_000 + 1_000 }, 'A', []],
    [{ busyMs: 11_000 + 8_820 }, 'C', ['other processes used 22 % of its cores while measuring']],
    [{ busyMs: 11_000 + 20_020 }, 'D', ['other processes used 50 % of its cores while measuring']],
    [{ stealMs: 320 }, 'C', ['its host took away 2.9 % of its CPU time (steal)']],
    [{ stealMs: 20 }, 'A', []],
    [{ memoryWaitMs: 20 }, 'B', ['processes waited for memory 0.2 % of the time']],
    [{ ioWaitMs: 9_000 }, 'B', ['processes waited for a disk 90 % of the time']],
    [{ swappedPages: 8 }, 'C', ['it swapped while measuring']],
    [{ throttles: 4 }, 'C', ['its processor slowed down because of heat']],
    [{ busyMs: undefined }, 'B', ['its kernel does not say what else ran']]
  ] as const)('%j is %s', (change, expected, reasons) => {
    expect(grade(change)).toEqual({ grade: expected, reasons })
  })

  it('does not blame others for a program that has more threads than there are cores', () => {
    expect(gradeNoise(quiet, later({ busyMs: 41_000, cpuWaitMs: 10_000 }), ran(10, 1_000, 4_000))).toEqual({ grade: 'A', reasons: [] })
  })

  it('does not take the runner for a stranger when it is busy between short runs', () => {
    // 5 000 runs of 1 ms, and a core busy all ten seconds.
    expect(gradeNoise(quiet, later(), ran(5_000, 1)).grade).toBe('A')
  })

  it('counts as own what runs and warm-ups used, and one core in between', () => {
    expect(ownCpuMs(ran(10, 100, 300), 1_000)).toBe(3_000)
    expect(ownCpuMs(ran(10, 100, 300, 5), 1_500)).toBe(4_500)
    expect(ownCpuMs(ran(10, 100, 300), 1_250)).toBe(3_250)
    expect(ownCpuMs(ran(0, 1, 1, 3), 700)).toBe(700)
    expect(ownCpuMs([], 700)).toBe(700)
  })

  it('names the worst disturbance first and takes its grade', () => {
    expect(grade({ swappedPages: 9, ioWaitMs: 2_000, busyMs: 31_020, cpuWaitMs: 3_020 })).toEqual({
      grade: 'D',
      reasons: [
        'other processes used 50 % of its cores while measuring',
        'processes waited for a free core 30 % of the time',
        'it swapped while measuring',
        'processes waited for a disk 20 % of the time'
      ]
    })
  })

  it('uses the load where the kernel has no pressure counters', () => {
    const old = { cpuWaitMs: undefined, memoryWaitMs: undefined, ioWaitMs: undefined }

    expect(gradeNoise({ ...quiet, ...old }, later({ ...old, load1: 6.2 }), ran(10, 1_000))).toEqual({ grade: 'C', reasons: ['its load was 6.2 on 4 cores'] })
  })

  it('is read from the files of proc(5)', () => {
    expect(parseNoise({
      atNs: 5n,
      cores: 2,
      stat: 'cpu  100 10 50 9999 77 3 2 8 60 0\ncpu0 1 2 3\n',
      load: '0.15 0.20 0.08 1/91 6469\n',
      vmstat: 'nr_free_pages 1\npswpin 4\npswpout 5\n',
      pressure: { cpu: 'some avg10=1.64 avg60=1.39 avg300=1.10 total=17632667\nfull avg10=0.00 total=1\n', memory: '', io: 'some avg10=0 total=1000\n' },
      throttles: 2
    })).toEqual({
      atNs: 5n, cores: 2, busyMs: 1_650, stealMs: 80, cpuWaitMs: 17_632.667, memoryWaitMs: undefined, ioWaitMs: 1, load1: 0.15, swappedPages: 9, throttles: 2
    })
  })

  it('is read of the processors that matter, and of the boxes', () => {
    const files = { atNs: 0n, cores: 4, load: '', vmstat: '', pressure: { cpu: '', memory: '', io: '' }, stat: 'cpu  999 0 0 0\ncpu0 1 2 3 9 9 4 5 6\ncpu1 100 0 0 9 0 0 0 50\ncpu2 10 0 0 9 0 0 0 1\n' }

    expect(parseNoise({ ...files, processors: [0, 2], boxPressure: 'some avg10=0 total=2500\n' })).toEqual({ atNs: 0n, cores: 2, busyMs: 250, stealMs: 70, boxWaitMs: 2.5 })
    expect(parseNoise({ ...files, processors: [7] })).toEqual({ atNs: 0n, cores: 1 })
  })

  it('stays undefined where the kernel says nothing', () => {
    expect(parseNoise({ atNs: 0n, cores: 1, stat: '', load: '', vmstat: '', pressure: { cpu: '', memory: '', io: '' } }))
      .toEqual({ atNs: 0n, cores: 1 })
  })

  it.runIf(process.platform === 'linux')('sees work of others on this machine', async () => {
    const before = await readNoise()
    const until = process.hrtime.bigint() + 300_000_000n
    let spins = 0

    while (process.hrtime.bigint() < until) {
      spins++
    }

    const after = await readNoise()

    expect(spins).toBeGreaterThan(0)
    expect(after.atNs).toBeGreaterThan(before.atNs)
    expect(after.busyMs).toBeGreaterThan(before.busyMs ?? Infinity)
  })
})
