import { constants } from 'node:os'
import type { Attack, Expected, Theme } from '../attack.ts'

const WALL: Expected = { outcome: 'limit', limit: 'wall', exit: { kind: 'signal', signal: 'SIGKILL' }, wallMs: [200, Infinity] }
const wall = { limits: { wallMs: 200 } }
const CPU: Expected = { outcome: 'limit', limit: 'cpu' }
const both: Attack['kinds'] = ['run', 'exec']

/** They end it, and are told as what they are. */
const OWN_SIGNALS = ['SIGTERM', 'SIGINT', 'SIGABRT', 'SIGSEGV', 'SIGKILL', 'SIGBUS', 'SIGFPE', 'SIGSYS', 'SIGXCPU', 'SIGALRM', 'SIGHUP', 'SIGPIPE'] as const

export const TIME: Theme = {
  title: 'against a program that takes time',
  attacks: [
    { name: 'is busy for ever', program: { c: 'time', words: ['busy'] }, kinds: both, ...wall, expect: WALL },
    { name: 'is busy for ever in a shell', program: { sh: 'while :; do :; done' }, ...wall, expect: WALL },
    { name: 'is busy for ever in Python', program: { python: 'while True: pass' }, limits: { wallMs: 400 }, expect: { ...WALL, wallMs: [400, Infinity] } },
    { name: 'sleeps for ever', program: { sh: 'sleep 100000' }, kinds: both, ...wall, expect: { ...WALL, cpuMs: [0, 150] } },
    { name: 'waits for input that never comes', program: { sh: 'mkfifo p; cat < p' }, ...wall, expect: { ...WALL, leftovers: [0, 1] } },
    { name: 'is deaf to every signal', program: { c: 'time', words: ['deaf'] }, kinds: both, ...wall, expect: WALL },
    { name: 'is deaf in a shell', program: { sh: "trap '' TERM INT HUP XCPU; while :; do :; done" }, ...wall, expect: WALL },
    { name: 'has stopped itself', program: { c: 'time', words: ['stopped'] }, kinds: both, ...wall, expect: WALL },
    { name: 'has stopped itself and its children in a shell', program: { sh: 'sleep 100000 & kill -STOP $! $$' }, ...wall, expect: { ...WALL, leftovers: [1, 1] } },
    { name: 'hangs in its vfork', program: { c: 'time', words: ['vforked'] }, kinds: both, ...wall, expect: { ...WALL, leftovers: [0, 1] } },
    { name: 'executes itself for ever', program: { c: 'time', words: ['again'] }, ...wall, expect: WALL },
    { name: 'is woken by a timer a million times a second', program: { c: 'time', words: ['ticking'] }, kinds: both, ...wall, expect: WALL },
    { name: 'goes on without its first thread', program: { c: 'time', words: ['leaderless'] }, kinds: both, ...wall, expect: WALL },
    { name: 'has a limit of CPU time', program: { c: 'time', words: ['busy'] }, kinds: both, limits: { cpuMs: 200 }, expect: { ...CPU, cpuMs: [200, 2_000] } },
    { name: 'has a limit of CPU time in Python', program: { python: 'while True: pass' }, limits: { cpuMs: 300 }, expect: CPU },
    { name: 'shares its limit of CPU time with its children', program: { c: 'time', words: ['many', 6] }, kinds: both, limits: { cpuMs: 400 }, expect: { ...CPU, leftovers: [5, 5], cpuMs: [400, 3_000] } },
    { name: 'has a name that looks like the kernel\'s words', program: { c: 'time', words: ['disguised'] }, limits: { cpuMs: 200 }, expect: CPU },
    // It may be faster than the runner is to set it; the whole run's is not the process's.
    { name: 'raises its own limit of CPU time', program: { c: 'time', words: ['own-limits'] }, limits: { cpuMs: 300 }, expect: { ...CPU, attempts: { 'soft limit of CPU time': 'ok', 'hard limit of CPU time': ['EPERM', 'ok'] } } },
    {
      name: 'hides what its child burns',
      program: { c: 'time', words: ['hidden', 300] },
      expect: ({ cgroup }) => ({ outcome: 'done', stdout: 'end\n', ...(cgroup ? { cpuMs: [300, 3_000] } : {}), check: ({ report }) => { if (!cgroup && report?.commands[0]?.cpuMethod !== 'rusage') throw new Error('it is not said how CPU time is known') } })
    },
    { name: 'has children that each work for a moment only', program: { c: 'time', words: ['churn', 10] }, limits: { cpuMs: 400, wallMs: 4_000 }, expect: ({ cgroup }) => ({ outcome: 'limit', limit: cgroup ? 'cpu' : ['cpu', 'wall'] }) },
    { name: 'lets an orphan work', program: { c: 'time', words: ['orphan', 300] }, expect: { outcome: 'done', leftovers: [1, 1], cpuMs: [300, 3_000] } },
    { name: 'crashes', program: { c: 'time', words: ['crash'] }, kinds: both, expect: { outcome: 'failed', reason: 'killed by SIGSEGV', exit: { kind: 'signal', signal: 'SIGSEGV' } } },
    ...OWN_SIGNALS.map((signal): Attack => ({
      name: `ends itself by ${signal}`,
      program: { sh: `kill -${constants.signals[signal]} $$; sleep 1` },
      expect: { outcome: 'failed', reason: `killed by ${signal}`, exit: { kind: 'signal', signal } }
    }))
  ]
}
