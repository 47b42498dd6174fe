import type { Attack, Expected, Theme } from '../attack.ts'
import type { Mode } from '../modes.ts'

const few = { limits: { wallMs: 400, processes: 20 } }
const both: Attack['kinds'] = ['run', 'exec']
/**
 * Of the runner, whose limit a program has until it gets its own: a program
 * with a user of its own may be faster, and where no group counts its
 * processes it then has so many more.
 */
const RUNNER_THREADS = 8

const spare = ({ cgroup, twoUids }: Mode): number => twoUids && !cgroup ? RUNNER_THREADS : 0

/** As many as were allowed, and not one more. */
const BOMB = (mode: Mode): Expected => ({ outcome: 'limit', limit: 'wall', leftovers: [6, 20 + spare(mode)] })

/** Standard output is a number of at least and at most. */
const count = (least: number, most: number): Expected['check'] => ({ stdout }) => {
  const made = Number(/^(\d+)$/m.exec(stdout)?.[1])

  if (!(made >= least && made <= most)) {
    throw new Error(`${made} were made, and not ${least} to ${most}`)
  }
}

export const PROCESSES: Theme = {
  title: 'against a program that multiplies',
  attacks: [
    { name: 'is a fork bomb', program: { c: 'processes', words: ['bomb'] }, kinds: both, ...few, expect: BOMB },
    { name: 'is a fork bomb in a shell', program: { sh: 'b() { b | b & b; }; b; sleep 100' }, limits: { wallMs: 500, processes: 20 }, expect: { outcome: 'limit', limit: ['wall', 'processes'] } },
    { name: 'is a fork bomb in Python', program: { python: 'import os\nwhile True:\n  try: os.fork()\n  except OSError: pass' }, limits: { wallMs: 500, processes: 20 }, expect: BOMB },
    { name: 'is a fork bomb with sessions', program: { c: 'processes', words: ['bomb', 1] }, ...few, expect: BOMB },
    { name: 'is a bomb of vfork and exec', program: { c: 'processes', words: ['vfork-bomb'] }, ...few, expect: BOMB },
    { name: 'has a bomb for a large limit', program: { c: 'processes', words: ['bomb', 1] }, limits: { wallMs: 400, processes: 400, memoryBytes: 2 ** 32 }, expect: { outcome: 'limit', limit: 'wall', slow: true, reason: /wall limit of 400 ms/ } },
    { name: 'makes threads', program: { c: 'processes', words: ['threads', 1_000] }, limits: { processes: 40 }, expect: mode => ({ outcome: 'done', check: count(30, 39 + spare(mode)) }) },
    { name: 'makes processes until it is told no', program: { c: 'processes', words: ['count', 1_000] }, limits: { processes: 40 }, expect: mode => ({ outcome: 'done', leftovers: [30, 39 + spare(mode)], attempts: { fork: 'EAGAIN' }, check: count(30, 39 + spare(mode)) }) },
    { name: 'fails for want of processes', program: { python: 'import os, time\nfor i in range(100):\n  if os.fork() == 0: time.sleep(100)' }, limits: { processes: 20 }, expect: { outcome: 'limit', limit: 'processes' } },
    { name: 'collects the dead', program: { c: 'processes', words: ['zombies', 1_000] }, limits: { processes: 40 }, expect: mode => ({ outcome: 'done', leftovers: [0, 39 + spare(mode)], check: count(30, 39 + spare(mode)) }) },
    { name: 'hides daemons, grandchildren and clones', program: { c: 'processes', words: ['families'] }, kinds: both, runs: 3, expect: { outcome: 'done', leftovers: [6, 6] } },
    { name: 'leaves a daemon with its output open', program: { sh: 'setsid -f sleep 100000; setsid -f sh -c "trap : TERM; while :; do sleep 1000; done"; sleep 0.1' }, kinds: both, expect: { outcome: 'done', leftovers: [2, 3], wallMs: [0, 15_000] } },
    { name: 'hops from process to process', program: { c: 'processes', words: ['hopping'] }, kinds: both, limits: { processes: 64 }, expect: { outcome: 'done', leftovers: [0, 2] } },
    { name: 'leaves a bomb and ends well', program: { c: 'processes', words: ['parting'] }, kinds: both, limits: { processes: 60 }, runs: 2, expect: mode => ({ outcome: 'done', leftovers: [5, 60 + spare(mode)] }) },
    { name: 'storms the runner with signals while it cleans up', program: { c: 'processes', words: ['storm'] }, runs: 2, expect: { outcome: 'done', leftovers: [20, 20] } },
    { name: 'leaves stopped children', program: { c: 'processes', words: ['frozen', 5] }, kinds: both, expect: { outcome: 'done', leftovers: [5, 5] } },
    { name: 'leaves somebody in its memory', program: { c: 'processes', words: ['shared-memory'] }, expect: { outcome: 'done', leftovers: [1, 1] } },
    {
      name: 'starts more orphans than it may have at once, one after the other',
      program: { python: 'import os, time\nfor i in range(100):\n  pid = os.fork()\n  if pid == 0:\n    try:\n      if os.fork() == 0: time.sleep(0.001)\n    except OSError: os._exit(1)\n    os._exit(0)\n  if os.waitpid(pid, 0)[1] != 0: raise Exception(i)\n  time.sleep(0.005)\nprint("all")' },
      limits: { processes: 30 },
      expect: { outcome: 'done', stdout: 'all\n' },
      hole: 'PID 1 reaps orphans only when the run is over; until then each of them counts as a process'
    }
  ]
}
