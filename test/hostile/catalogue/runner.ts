import type { Attack, Theme } from '../attack.ts'

const both: Attack['kinds'] = ['run', 'exec']

/** Asking the runner's folder in /proc. */
const HIDDEN = ['mem', 'maps', 'smaps', 'environ', 'auxv', 'stack', 'syscall', 'pagemap', 'io', 'root', 'cwd', 'exe', 'fd', 'fdinfo', 'map_files', 'ns/mnt', 'task/1/mem']

export const RUNNER: Theme = {
  title: 'against a program that attacks its runner',
  attacks: [
    { name: 'looks into it', program: { c: 'runner', words: ['look'] }, kinds: both, expect: { outcome: 'done', stdout: /^0\nend$/m, attempts: Object.fromEntries(HIDDEN.map(file => [file, ['EACCES', 'EPERM', 'ENOENT']])) } },
    { name: 'looks into it in a shell', program: { sh: 'for f in mem maps environ fd/3 cwd root exe fd map_files; do cat /proc/1/$f >/dev/null 2>&1 && echo $f; ls /proc/1/$f/ >/dev/null 2>&1 && echo $f; readlink /proc/1/$f; done; echo end' }, expect: { outcome: 'done', stdout: 'end\n' } },
    { name: 'writes to it', program: { c: 'runner', words: ['write'] }, kinds: both, expect: { outcome: 'done', stdout: 'end\n' } },
    {
      name: 'traces it',
      program: { c: 'runner', words: ['trace'] },
      kinds: both,
      expect: { outcome: 'done', attempts: { process_vm_readv: 'EPERM', process_vm_writev: 'EPERM', attach: 'EPERM', seize: 'EPERM', traceme: 'EPERM', pidfd_open: 'EPERM', 'pidfd of a thread': ['EPERM', 'EINVAL', 'ESRCH'], pidfd_getfd: 'EPERM', process_madvise: 'EPERM', process_mrelease: 'EPERM', kcmp: 'EPERM', migrate_pages: 'ENOSYS', move_pages: 'ENOSYS', 'robust list': ['EPERM', 'EACCES'] } }
    },
    {
      name: 'sends it every signal in every way',
      program: { c: 'runner', words: ['signals'] },
      kinds: both,
      expect: { outcome: 'done', stdout: /^0\n/, attempts: { pidfd_send_signal: 'EPERM', group: 'EPERM', 'group of signals': ['ok', 'ESRCH'], 'owner of a descriptor': 'EPERM', 'signal of a descriptor': 'EPERM', 'thread as an owner': 'EPERM', FIOSETOWN: ['ENOSYS', 'EPERM'], SIOCSPGRP: ['ENOSYS', 'EPERM'] } }
    },
    { name: 'sends it every signal in a shell', program: { sh: 'n=0; for s in $(seq 1 64); do kill -$s 1 2>/dev/null && n=$((n+1)); done; echo $n' }, expect: { outcome: 'done', stdout: '0\n' } },
    { name: 'kills everybody', program: { sh: 'sleep 100 & kill -9 -1; echo end' }, kinds: both, expect: { outcome: 'done', stdout: 'end\n', leftovers: [0, 1] } },
    { name: 'sets its limits, its priority and its processors', program: { c: 'runner', words: ['limits'] }, kinds: both, expect: { outcome: 'done', stdout: /^0\n/, attempts: { 'priority of the user': 'EPERM', 'priority of the group': 'EPERM', 'I/O priority of the user': 'EPERM' } } },
    {
      name: 'sets its limits in Python',
      program: { python: 'import os, resource, errno\ndef attempt(name, f):\n  try: f(); print(name)\n  except OSError as e: assert e.errno in (errno.EPERM, errno.ESRCH), e\nfor pid in range(1, 6): attempt("prlimit %d" % pid, lambda: resource.prlimit(pid, resource.RLIMIT_CPU, (0, 0)))\nattempt("affinity", lambda: os.sched_setaffinity(1, {0}))\nattempt("priority", lambda: os.setpriority(os.PRIO_PROCESS, 1, 19))\nattempt("scheduler", lambda: os.sched_setscheduler(1, os.SCHED_IDLE, os.sched_param(0)))\nprint("end")' },
      expect: { outcome: 'done', stdout: 'end\n', stderr: '' }
    },
    { name: 'ends in strange ways', program: { c: 'runner', words: ['ends'] }, kinds: both, runs: 2, expect: { outcome: 'done', leftovers: [0, 7], attempts: { 'as a sibling': ['ENOSYS', 'EPERM'] } } },
    { name: 'opens the inspector of Node.js', program: { c: 'runner', words: ['inspector'] }, kinds: both, expect: { outcome: 'done', stdout: /^1\nend$/m, attempts: { socket: 'EAFNOSUPPORT' } } },
    { name: 'preloads a library into it by the environment', program: { sh: 'echo $NODE_OPTIONS' }, env: { NODE_OPTIONS: '--require /work/evil.js', LD_LIBRARY_PATH: '/work' }, files: { 'evil.js': 'process.exit(3)' }, runs: 2, expect: { outcome: 'done', stdout: '--require /work/evil.js\n' } }
  ]
}
