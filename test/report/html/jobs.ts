import { around, finished, LAB } from '../fixtures.ts'
import { compared, times } from '../comparison-fixtures.ts'
import { FULL_SANDBOX } from '../../model/sandbox-facts.ts'
import type { FinishedJob } from '../../../src/model/finished.ts'

/** Everything at once that could become markup, leave a quoted attribute, turn a terminal or call somebody. */
export const HOSTILE = '"\'><img src=x onerror=alert(1)><script>alert(2)</script></title></style>\u001b]0;x\u0007\u202e|`@everyone #1 https://evil.example'

const T0 = Date.UTC(2026, 0, 2, 3, 4, 6)

const RAN = { startedAt: T0, finishedAt: T0 + 12_345, sandbox: FULL_SANDBOX }
const XZ: FinishedJob['job']['commands'] = ['-1', '-9'].map(level => ({ argv: ['xz', level, 'f'], program: { kind: 'name', name: 'xz' } }))

export function measured (): FinishedJob {
  return finished(LAB.map((worker, at) => ({ ...worker, runs: [0, 1].map(slower => times([63, 41.2, 171][at]! * (1 + 0.07 * slower), 0.03, 60, at * 7 + slower)), result: { ...RAN, ...worker.result } })), { commands: XZ }, { startSkewNs: 412_000 })
}

export function regression (): FinishedJob {
  return compared([
    { name: 'lab-01', slower: [1.487], result: RAN },
    { name: 'lab-02', slower: [1.02], seed: 3, result: RAN },
    { name: 'pi', slower: [0.97], spread: 0.1, seed: 5, result: { ...RAN, noise: { grade: 'D', reasons: ['other processes used 70 % of its cores while measuring'] } } }
  ], { failIfSlower: 0.05 })
}

export function single (): FinishedJob {
  return finished([{ name: 'lab-01', cpu: 'AMD EPYC 7302', runs: [[121]], result: RAN }])
}

export function hostile (): FinishedJob {
  return finished([
    { name: HOSTILE, cpu: HOSTILE, runs: [around(40, 1, 12)], exit: { kind: 'code', code: 3 }, result: { ...RAN, environment: [HOSTILE], noise: { grade: 'C', reasons: [HOSTILE] } }, worker: { state: 'failed', reason: HOSTILE } },
    { name: '🚀 日本語 with spaces', cpu: 'x'.repeat(300), runs: [around(50, 1, 12)], result: RAN }
  ], { name: HOSTILE, commands: [{ argv: ['sh', '-c', HOSTILE], program: { kind: 'name', name: 'sh' } }] })
}

export function items (count: number): FinishedJob {
  const fails = (at: number): boolean => at % 23 === 5

  return finished(Array.from({ length: count }, (_, at) => ({
    name: `lab-0${at % 3 + 1}`,
    cpu: 'AMD EPYC 7302',
    runs: [[100 + at * 37 % 50]],
    exit: { kind: 'code' as const, code: fails(at) ? 2 : 0 },
    result: { ...RAN, noise: undefined, startedAt: T0 + at * 60, finishedAt: T0 + at * 60 + 140, outcome: fails(at) ? 'failed' as const : 'done' as const },
    worker: { task: String(at + 1), ...fails(at) ? { state: 'failed' as const, reason: 'exited with 2' } : {} }
  })), { kind: 'exec', plan: { kind: 'once' }, placement: { on: 'any', where: [] }, commands: [{ argv: ['./convert', '{}'], program: { kind: 'payload', path: 'convert' } }], each: { items: Array.from({ length: count }, (_, at) => fails(at) ? `<b>${at}` : `file-${at}.png`) } })
}

export function many (workers: number): FinishedJob {
  return finished(Array.from({ length: workers }, (_, at) => ({
    name: `lab-${String(at).padStart(4, '0')}`,
    cpu: ['AMD EPYC 7302', 'Intel Xeon Gold 6338', 'Cortex-A76'][at % 3]!,
    runs: [0, 1].map(slower => times(40 + at % 3 * 12 + 4 * slower, 0.05, 10, 2 * at + slower)),
    result: { ...RAN, noise: { grade: at % 50 === 7 ? 'C' as const : 'A' as const, reasons: at % 50 === 7 ? [`other processes used ${at % 90} % of its cores`] : [] } }
  })), { commands: XZ })
}
