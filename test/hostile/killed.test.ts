import { chownSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import { THEMES } from './catalogue/index.ts'
import { hostState } from './host-state.ts'
import { MODES, startWorker } from './modes.ts'
import { canRun, taskOf } from './programs.ts'
import type { Attack } from './attack.ts'
import type { Mode } from './modes.ts'

const all = process.env['HOSTILE'] === 'all'
const poorest = MODES.findLast(({ builder }) => builder !== 'unshare')
const modes = all ? MODES : MODES.filter((mode, index) => index === 0 || mode === poorest)

/** Those that run until somebody ends them; of the short form, the worst. */
const FEW = ['is deaf to every signal', 'is a fork bomb with sessions', 'has stopped itself and its children in a shell', 'makes more files than it may']
const endless = THEMES.flatMap(({ attacks }) => attacks).filter(attack => {
  const { outcome, limit } = typeof attack.expect === 'function' ? attack.expect(MODES[0] as Mode) : attack.expect

  return outcome === 'limit' && ['wall', 'cpu', 'tmp-files'].some(name => name === limit) && canRun(attack) && (all || FEW.includes(attack.name))
})

/** Field 22 of proc(5): with the pid, it names a process. Undefined when nothing of it runs: whom nobody has waited for may still be listed. */
function startTime (pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')

    return /[ZX]/.test(fields[0] ?? '') ? undefined : fields[19]
  } catch {
    return undefined
  }
}

/** Nothing else than the end of its worker ends it. */
const ENDLESS = { wallMs: 60_000, memoryBytes: 2 ** 32, tmpBytes: 2 ** 32, tmpInodes: 10_000_000 }

/** 100 ms are what is promised, of a machine that does nothing else; none of the programs ends by itself before ten seconds. */
const GONE = { timeout: all ? 100 : 10_000, interval: 20 }

describe.each(modes.map(mode => [mode.name, mode] as const))('a worker (%s) that is killed', (_, mode) => {
  it.each(endless.map(attack => [attack.name, attack] as const))('leaves nothing of a program that %s', { timeout: 60_000 }, async (_, attack: Attack) => {
    const dir = mkdtempSync(join(tmpdir(), 'meshmark-killed-'))
    const stops: (() => Promise<void>)[] = []
    const start = async () => {
      const started = await startWorker(mode, { DIR: dir })

      stops.push(started.stop)
      return started
    }

    try {
      if (process.getuid?.() === 0) {
        chownSync(dir, mode.uid, mode.uid)
      }

      const { host } = await start()
      const worker = host.child.pid as number
      const { cgroups } = await host.ask('ground')
      const box = await host.ask('begin', taskOf({ ...attack, limits: { processes: attack.limits?.processes ?? 64, ...ENDLESS } }, 'run'))
      const born = new Map(box.map(pid => [pid, startTime(pid)]))

      expect(box.length).toBeGreaterThan(2)

      const exit = once(host.child, 'exit')

      host.child.kill('SIGKILL')
      await exit
      await vi.waitFor(() => { expect([...born].filter(([pid, start]) => start != null && startTime(pid) === start)).toEqual([]) }, GONE)
      expect(hostState(worker, mode.uid)['processes']).toEqual([])

      await stops.pop()?.()

      const next = await start()

      await next.host.ask('facts')
      expect(readdirSync(join(dir, 'boxes'))).toEqual([])
      // Whoever stayed root removes them, or the next worker does.
      await vi.waitFor(() => { expect(cgroups.filter(folder => existsSync(folder))).toEqual([]) }, { timeout: 10_000, interval: 20 })
      expect(hostState(worker, mode.uid)['cgroups']).toEqual([])
    } finally {
      for (const stop of stops) {
        await stop()
      }

      rmSync(dir, { recursive: true, force: true })
    }
  })
})
