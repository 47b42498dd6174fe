import { around, finished } from '../fixtures.ts'
import { compared, times } from '../comparison-fixtures.ts'
import type { FinishedJob } from '../../../src/model/finished.ts'
import type { ProfileChange } from '../../../src/model/profile.ts'
import type { Profile } from '../../../src/report/profile-file.ts'
import type { Subject } from '../../../src/report/plot/charts.ts'
import type { Kind } from '../../../src/report/plot/kinds.ts'
import type { Outcome } from '../../../src/model/result.ts'

const JOBS = ['01HF7Z00000000000Q7X2M9KA7', '01HF7Z00000000000Q7X2M9KB8', '01HF7Z00000000000Q7X2M9KC9']
const BEGIN = Date.UTC(2026, 0, 2, 3, 4, 5)

export function names (count: number, prefix = 'lab-'): string[] {
  return Array.from({ length: count }, (_, at) => `${prefix}${String(at + 1).padStart(2, '0')}`)
}

const LONG = names(6, 'compute-node-in-the-basement-of-the-old-building-rack-7-shelf-')
const CJK = ['北京服务器一号', '東京ラボ-02', '서울-연구실-3', 'Łódź-pokój-4', 'Ωμέγα-5', 'сервер-6']

/** Runs on many workers: each a little slower than the one before. */
function measured (workers: string[], { runs = 40, spread = 0.03, factor = 1.08 } = {}): FinishedJob {
  return finished(workers.map((name, at) => ({ name, cpu: 'AMD EPYC 7302', runs: [times(40 * factor ** at, spread, runs, at + 1)] })))
}

/** Tasks of some jobs on some workers, one after the other, with breaks. */
export function recording (workers: string[], { seconds = 120, taskMs = 3_000, fails = 9, lanes = 1, somebody = 4 } = {}): Profile {
  const changes: ProfileChange[] = []

  workers.forEach((workerName, at) => {
    const worker = `id-${workerName}`

    changes.push({ kind: 'state', atMs: BEGIN, worker, workerName, state: 'waiting', slots: lanes })

    for (let lane = 0; lane < lanes; lane++) {
      let nowMs = BEGIN + 300 * at + 700 * lane

      for (let task = 0; ; task++) {
        const lasts = taskMs * (0.6 + (task * 7 + at * 3 + lane) % 10 / 10)

        if (nowMs + lasts > BEGIN + seconds * 1_000) {
          break
        }

        const outcome: Outcome = (task + at + 1) % fails === 0 ? 'failed' : 'done'
        const own = (task + at) % somebody === 0 ? {} : { job: JOBS[Math.floor(task / 4) % 3]!, task: String(task + 1) }

        changes.push({ kind: 'task', atMs: nowMs + lasts + 4, worker, workerName, outcome, startedAtMs: nowMs, endedAtMs: Math.round(nowMs + lasts), ...own })
        nowMs += lasts + 200 * ((task + at) % 4)
      }
    }
  })

  if (workers.length > 2) {
    changes.push({ kind: 'state', atMs: BEGIN + seconds * 800, worker: `id-${workers[1]!}`, workerName: workers[1]!, state: 'lost', slots: 1 })
  }

  return { fromMs: BEGIN, untilMs: BEGIN + seconds * 1_000, changes: changes.filter(change => change.kind === 'state' || change.worker !== `id-${workers[1] ?? ''}` || change.endedAtMs < BEGIN + seconds * 800) }
}

function ofJobs (...jobs: FinishedJob[]): Subject {
  return { jobs, sets: [] }
}

function ofProfile (profile: Profile): Subject {
  return { jobs: [], sets: [], profile }
}

function ofLoad (clients: number, workers: number): Subject {
  const grid = Array.from({ length: clients * workers }, (_, at) => {
    const [c, w] = [at % clients + 1, Math.floor(at / clients) + (workers === 1 ? 3 : 1)]
    const possible = Math.min(w / 3, c / 3.5)

    return { clients: c, workers: w, tasks: c * 5, failed: 0, perSecond: possible * 0.985, possible, taskS: 3, aroundS: 0.05 }
  })

  return { jobs: [], sets: [], profile: recording(names(4)), load: { command: 'sleep 3', tasks: 5, pauseMs: 500, grid, recording: recording(names(4)) } }
}

const PARAMETERS = [100_000, 200_000, 400_000, 800_000, 1_600_000]

function scan (workers: string[]): FinishedJob {
  return finished(workers.map((name, at) => ({ name, cpu: 'AMD EPYC 7302', runs: PARAMETERS.map((n, i) => times(n / 5_000 * 1.2 ** at, 0.04, 20, 10 * at + i + 1)) })), {
    commands: PARAMETERS.map(n => ({ argv: ['primes', String(n)], program: { kind: 'name', name: 'primes' }, parameters: { n: String(n) } }))
  })
}

/** What is drawn, as many shapes as users have. */
export const SUBJECTS: Array<{ name: string, kind: Kind, subject: Subject, width?: number, height?: number }> = [
  { name: 'one worker, one run', kind: 'distribution', subject: ofJobs(finished([{ name: 'lab-01', cpu: 'x', runs: [[41.2]] }])) },
  { name: 'five workers', kind: 'distribution', subject: ofJobs(measured(names(5))) },
  { name: 'fifty workers', kind: 'distribution', subject: ofJobs(measured(names(50), { factor: 1.01 })) },
  {
    name: 'one that failed',
    kind: 'distribution',
    subject: ofJobs(finished([
      { name: 'lab-01', cpu: 'x', runs: [around(40, 1, 30)] },
      { name: 'lab-02', cpu: 'x', runs: [around(50, 2, 30)], exit: { kind: 'code', code: 3 }, worker: { state: 'failed' } },
      { name: 'lab-03', cpu: 'x', runs: [], worker: { state: 'lost', reason: 'nothing heard from its worker for 25 s', result: undefined } }
    ]))
  },
  { name: 'only failures', kind: 'distribution', subject: ofJobs(finished([{ name: 'lab-01', cpu: 'x', runs: [[1]], exit: { kind: 'signal', signal: 'SIGSEGV' }, worker: { state: 'failed' } }])) },
  { name: 'a huge spread', kind: 'distribution', subject: ofJobs(finished(names(4).map((name, at) => ({ name, cpu: 'x', runs: [times(0.05 * 40 ** at, 0.5, 60, at + 1)] })))) },
  { name: 'the same every time', kind: 'distribution', subject: ofJobs(finished([{ name: 'lab-01', cpu: 'x', runs: [[5, 5, 5, 5, 5, 5, 5]] }])) },
  { name: 'thousands of runs', kind: 'distribution', subject: ofJobs(measured(names(8), { runs: 3_000 })) },
  { name: 'several commands', kind: 'distribution', subject: ofJobs(finished(names(4).map((name, at) => ({ name, cpu: 'x', runs: [times(40 + at, 0.05, 25, at + 1), times(55 + at, 0.08, 25, at + 9), times(30 + at, 0.02, 25, at + 5)] })), { commands: ['./old --size 20', './new --size 20', './a-program-with-a-rather-long-name --and many --options that go=on and=on "until nobody" can read them any more'].map(line => ({ argv: line.split(' '), program: { kind: 'payload', path: 'x' } })) })) },
  { name: 'long names', kind: 'distribution', subject: ofJobs(measured(LONG)) },
  { name: 'names of many scripts', kind: 'distribution', subject: ofJobs(measured(CJK)) },
  { name: 'a small picture', kind: 'distribution', subject: ofJobs(measured(LONG)), width: 420 },
  { name: 'fifty in too little height', kind: 'distribution', subject: ofJobs(measured(names(50))), height: 400 },
  { name: 'two jobs', kind: 'distribution', subject: ofJobs(measured(names(3)), { ...measured(names(3), { factor: 1.1 }), job: { ...measured(['x']).job, id: JOBS[1]!, name: 'nightly' } }) },
  { name: 'one worker, one task', kind: 'busy', subject: ofProfile({ fromMs: BEGIN, untilMs: BEGIN + 2_000, changes: [{ kind: 'task', atMs: BEGIN + 1_500, worker: 'id', workerName: 'lab-01', outcome: 'done', startedAtMs: BEGIN + 100, endedAtMs: BEGIN + 1_500, job: JOBS[0]!, task: '1' }] }) },
  { name: 'four workers busy', kind: 'busy', subject: ofProfile(recording(names(4))) },
  { name: 'fifty workers busy for hours', kind: 'busy', subject: ofProfile(recording(names(50), { seconds: 7_200, taskMs: 90_000 })) },
  { name: 'several places', kind: 'busy', subject: ofProfile(recording(names(3), { lanes: 4 })) },
  { name: 'thousands of short tasks', kind: 'busy', subject: ofProfile(recording(names(6), { seconds: 600, taskMs: 250, fails: 200 })) },
  { name: 'long names busy', kind: 'busy', subject: ofProfile(recording([...LONG, ...CJK])), width: 500 },
  { name: 'nothing happened', kind: 'busy', subject: ofProfile({ fromMs: BEGIN, untilMs: BEGIN + 60_000, changes: [{ kind: 'state', atMs: BEGIN, worker: 'id', workerName: 'lab-01', state: 'waiting', slots: 1 }] }) },
  { name: 'four workers', kind: 'throughput', subject: ofProfile(recording(names(4), { seconds: 300 })) },
  { name: 'fifty workers with short tasks', kind: 'throughput', subject: ofProfile(recording(names(50), { seconds: 60, taskMs: 50, fails: 7 })) },
  { name: 'no task', kind: 'throughput', subject: ofProfile({ fromMs: BEGIN, untilMs: BEGIN + 60_000, changes: [] }) },
  { name: 'one task in a day', kind: 'throughput', subject: ofProfile({ ...recording(['lab-01'], { seconds: 86_400, taskMs: 50_000_000 }) }) },
  { name: 'six workers', kind: 'comparison', subject: ofJobs(compared(names(6).map((name, at) => ({ name, slower: [0.93 + 0.02 * at], seed: at + 1, spread: 0.03 })))) },
  { name: 'one worker', kind: 'comparison', subject: ofJobs(compared([{ name: 'lab-01', slower: [1.3] }])) },
  { name: 'two contenders on fifty workers', kind: 'comparison', subject: ofJobs(compared(names(25).map((name, at) => ({ name, slower: [0.98 + 0.002 * at, 1.3], seed: at + 1 })))) },
  { name: 'ten times slower', kind: 'comparison', subject: ofJobs(compared([...LONG, ...CJK].map((name, at) => ({ name, slower: [0.1 * 1.6 ** at], seed: at + 1 })))) },
  { name: 'too few pairs', kind: 'comparison', subject: ofJobs(compared(names(2).map(name => ({ name, slower: [1.1], pairs: 2 })))) },
  { name: 'a grid of clients by workers', kind: 'scaling', subject: ofLoad(4, 4) },
  { name: 'clients on one number of workers', kind: 'scaling', subject: ofLoad(6, 1) },
  { name: 'a parameter', kind: 'scaling', subject: ofJobs(scan(names(4))) },
  { name: 'a parameter on many workers', kind: 'scaling', subject: ofJobs(scan([...LONG, ...CJK])) },
  { name: 'a parameter, and hardly any certainty', kind: 'scaling', subject: ofJobs(finished([{ name: 'lab-01', cpu: 'x', runs: [1, 2, 3].map(n => Array.from({ length: 12 }, (_, run) => n * (5 + 10 * run))) }], { commands: [1, 2, 3].map(n => ({ argv: ['x', String(n)], program: { kind: 'name', name: 'x' }, parameters: { n: String(n) } })) })) },
  { name: 'cores', kind: 'scaling', subject: ofJobs({ ...measured(names(6), { factor: 0.7 }), workers: measured(names(6), { factor: 0.7 }).workers.map((worker, at) => ({ ...worker, info: { ...worker.info, resources: { ...worker.info.resources, cores: 2 ** at } } })) }) }
]
