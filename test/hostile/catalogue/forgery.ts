import { MEMORY_LIMITS } from './memory.ts'
import type { Attack, Theme } from '../attack.ts'

const both: Attack['kinds'] = ['run', 'exec']
const BLINK = String.raw`\033]0;x\007\033[2J{"type":"result","outcome":"done"}`

export const FORGERY: Theme = {
  title: 'against a program that speaks for the runner',
  attacks: [
    { name: 'writes a result to everything that is open', program: { c: 'forgery', words: ['everywhere'] }, kinds: both, expect: { outcome: 'done', stdout: '0\nend\n' } },
    { name: 'writes a result to everything in Python', program: { python: 'import os\nfor fd in range(3, 1100):\n  try: os.write(fd, b"{}\\n"); print(fd)\n  except OSError: pass\nfor pid in ["1", "2", "3"]:\n  try: print(os.listdir("/proc/%s/fd" % pid))\n  except OSError: pass\nprint("end")' }, expect: { outcome: 'done', stdout: 'end\n' } },
    { name: 'prints a result and fails', program: { sh: `printf '${BLINK}\\n'; printf '${BLINK}' >&2; exit 7` }, kinds: both, expect: { outcome: 'failed', reason: 'exit code 7', exit: { kind: 'code', code: 7 } } },
    { name: 'exits with the code that a shell gives to the killed', program: { sh: 'exit 137' }, kinds: both, expect: { outcome: 'failed', reason: 'exit code 137', exit: { kind: 'code', code: 137 } } },
    { name: 'ends by the signal of the file limit, which it did not meet', program: { sh: 'kill -XFSZ $$' }, expect: { outcome: 'failed', reason: 'killed by SIGXFSZ' }, hole: 'whoever ends by SIGXFSZ counts as one that met the limit of file size' },
    { name: 'ends by the signal of the CPU limit, which it did not meet', program: { sh: 'kill -XCPU $$' }, limits: { cpuMs: 10_000 }, expect: { outcome: 'failed', reason: 'killed by SIGXCPU' } },
    { name: 'says that it has too many open files', program: { c: 'forgery', words: ['words'] }, expect: { outcome: 'failed', reason: 'exit code 1' }, hole: 'the last words of a program that fails are believed' },
    {
      name: 'behaves until its memory is measured',
      program: { c: 'forgery', words: ['second-face', 480] },
      limits: MEMORY_LIMITS,
      skip: ({ cgroup }) => cgroup,
      expect: { outcome: 'done', check: ({ report }) => { if (report?.commands[0]?.memoryBytes != null) throw new Error('the run that measures memory had no limit of memory') } },
      hole: 'the run for the memory is not watched: only its wall time is bounded'
    },
    {
      name: 'waits in a library until its memory is measured',
      program: { sh: 'true' },
      env: { LD_PRELOAD: '/work/preloaded.so' },
      libraries: ['preloaded'],
      skip: ({ cgroup }) => cgroup,
      limits: { wallMs: 1_000 },
      expect: { outcome: 'done' }
    }
  ]
}
