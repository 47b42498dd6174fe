import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { THEMES } from './catalogue/index.ts'
import { hostState } from './host-state.ts'
import { judge } from './judge.ts'
import { MODES, startWorker } from './modes.ts'
import { canRun, taskOf } from './programs.ts'
import type { Attack } from './attack.ts'
import type { HostState } from './host-state.ts'
import type { Mode, Worker } from './modes.ts'

/** All ways in which a worker can be started, or as long as a test may take: the one with all protections, and of the one with the fewest what differs there. */
const all = process.env['HOSTILE'] === 'all'
const poorest = MODES.findLast(({ builder }) => builder !== 'unshare')
const modes = all ? MODES : MODES.filter((mode, index) => index === 0 || mode === poorest)

const depends = ({ expect, hole }: Attack): boolean => typeof expect === 'function' || typeof hole === 'function'

describe.each(modes.map(mode => [mode.name, mode] as const))('a worker (%s)', (_, mode: Mode) => {
  let worker: Worker
  let folder: string
  let marks: string[]
  let before: HostState

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'meshmark-marks-'))
    marks = [folder, ...['readable', 'writable', 'secret'].map(name => join(folder, name)), join(folder, 'folder')]
    writeFileSync(join(folder, 'readable'), 'mark', { mode: 0o644 })
    writeFileSync(join(folder, 'writable'), 'mark', { mode: 0o666 })
    writeFileSync(join(folder, 'secret'), 'mark', { mode: 0o600 })
    mkdirSync(join(folder, 'folder'), { mode: 0o777 })

    worker = await startWorker(mode)
    // What a first box leaves in the worker stays for the others.
    await worker.host.ask('facts')
    before = state()
  }, 60_000)

  afterAll(async () => {
    const pid = worker.host.child.pid as number
    const { dir } = await worker.host.ask('ground')

    await worker.stop()
    rmSync(folder, { recursive: true })

    const after = hostState(pid, mode.uid)

    expect({ processes: after['processes'], cgroups: after['cgroups'], files: after['files']?.filter(path => path.startsWith(dir)) }).toEqual({ processes: [], cgroups: [], files: [] })
  }, 60_000)

  const state = () => hostState(worker.host.child.pid as number, mode.uid, marks)

  const chosen = (attack: Attack) => canRun(attack) && attack.skip?.(mode) !== true && (all || mode === modes[0] || depends(attack))

  for (const { title, attacks } of THEMES.filter(({ attacks }) => attacks.some(chosen))) {
    describe(title, () => {
      for (const attack of attacks.filter(chosen)) {
        for (const kind of (attack.kinds ?? ['run'] as const).slice(0, all ? 2 : 1)) {
          const hole = typeof attack.hole === 'function' ? attack.hole(mode) : attack.hole
          const test = hole == null ? it : it.fails

          test(`${attack.name}${all && attack.kinds?.length === 2 ? ` (${kind})` : ''}${hole == null ? '' : `: NOT HELD: ${hole}`}`, async () => {
            const seen = await worker.host.ask('run', taskOf(attack, kind))

            expect(seen.left).toBe(0)
            // A folder or a group is removed right after the box has ended.
            await vi.waitFor(() => { expect(state()).toEqual(before) }, { timeout: 5_000, interval: 20 })
            judge(seen, typeof attack.expect === 'function' ? attack.expect(mode) : attack.expect)
          })
        }
      }
    })
  }
})
