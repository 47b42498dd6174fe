import { DEFAULT_LIMITS } from '../model/limits.ts'
import { median } from '../stats/quantile.ts'
import { floorProgram } from './floor-program.ts'
import type { WorkerInfo } from '../model/machine.ts'
import type { Box } from './box.ts'

/** Enough for a steady median; they take some tenths of a second together. */
const RUNS = 100
const WARMUP = 5

/** One run takes a fraction of a millisecond: a machine that needs longer is no measure of anything. */
const WALL_MS = 1_000
const BUDGET_MS = 2_000

/**
 * What it costs to start a program in a box: wall times of one that does
 * nothing, measured as any other. Uses the box up; the caller closes it.
 * Undefined where there is no such program for this machine, or it did not
 * run. Rejects with the signal's reason.
 */
export async function measureFloor (box: Box, { signal, arch = process.arch }: { signal?: AbortSignal, arch?: string } = {}): Promise<WorkerInfo['floor']> {
  const program = floorProgram(arch)

  if (program == null) {
    return undefined
  }

  const report = await box.run({
    kind: 'run',
    commands: [{ argv: ['floor'], program: { kind: 'payload', path: 'floor' } }],
    files: [{ path: 'floor', size: program.length, executable: true, read: async function * () { yield program } }],
    env: {},
    limits: { ...DEFAULT_LIMITS, wallMs: WALL_MS },
    plan: { kind: 'precision', precision: 1e-6, budgetMs: BUDGET_MS, minRuns: 1, maxRuns: RUNS, warmup: WARMUP }
  }, { signal, onEvent: () => {} })
  const walls = report.commands[0]?.samples.map(({ wallNs }) => wallNs) ?? []

  return report.outcome !== 'done' || walls.length === 0 ? undefined : { minNs: Math.min(...walls), medianNs: Math.round(median(walls)) }
}
