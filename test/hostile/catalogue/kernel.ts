import type { Attack, Theme } from '../attack.ts'

const both: Attack['kinds'] = ['run', 'exec']
const all = (names: string, answer: string | string[]): Record<string, string | string[]> => Object.fromEntries(names.split(', ').map(name => [name, answer]))

export const KERNEL: Theme = {
  title: 'against a program that asks the kernel for more',
  attacks: [
    {
      name: 'makes namespaces',
      program: { c: 'kernel', words: ['namespaces'] },
      kinds: both,
      expect: {
        outcome: 'done',
        attempts: {
          ...all('unshare mnt, unshare cgroup, unshare uts, unshare ipc, unshare user, unshare pid, unshare net, unshare time, setns', 'EPERM'),
          ...Object.fromEntries(['mnt', 'cgroup', 'uts', 'ipc', 'user', 'pid', 'net'].flatMap(name => [[`clone ${name}`, ['ENOSYS', 'EPERM']], [`clone ${name} with high bits`, ['ENOSYS', 'EPERM']]])),
          clone3: 'ENOSYS'
        }
      }
    },
    { name: 'makes namespaces in a shell', program: { sh: 'unshare --user --mount sh -c "mount -t tmpfs x /tmp" 2>/dev/null && echo mounted; nsenter -t 1 -n true 2>/dev/null && echo entered; echo end' }, expect: { outcome: 'done', stdout: 'end\n' } },
    {
      name: 'mounts',
      program: { c: 'kernel', words: ['mounts'] },
      kinds: both,
      expect: { outcome: 'done', attempts: { ...all('mount, bind, remount, remount the root, umount, umount a mask, pivot_root, chroot, swapon, quotactl', 'EPERM'), ...all('fsopen, open_tree, move_mount, mount_setattr', 'ENOSYS') } }
    },
    {
      name: 'calls what is not for it',
      program: { c: 'kernel', words: ['machine'] },
      kinds: both,
      expect: {
        outcome: 'done',
        attempts: {
          ...all('io_uring_setup, io_setup, memfd_secret, landlock, inotify_init, cachestat, shmget, semget, msgget, mq_open, a call to come', 'ENOSYS'),
          ...all('userfaultfd, bpf, perf_event_open, keyctl, add_key, request_key, seccomp, init_module, kexec_load, reboot, acct, syslog, settimeofday, adjtimex, sethostname, vhangup, name_to_handle_at, open_by_handle_at, fanotify_init, vmsplice', 'EPERM'),
          ...all('read memory, read the log, make a file system, virtual machine, network device', 'ENOENT')
        }
      }
    },
    {
      name: 'hides what it wants in an argument',
      program: { c: 'kernel', words: ['numbers'] },
      kinds: both,
      expect: ({ cgroup }) => ({
        outcome: 'done',
        attempts: {
          ...all('READ_IMPLIES_EXEC, TIOCSTI, TIOCSTI with high bits, TIOCLINUX, TIOCSCTTY, FS_IOC_SETFLAGS, PR_SET_MM, PR_SET_SECCOMP, PR_CAP_AMBIENT, PR_SET_SECUREBITS, PR_SET_PTRACER, PR_SCHED_CORE', ['ENOSYS', 'EPERM']),
          'huge pages': cgroup ? ['ENOSYS', 'EINVAL'] : 'ENOSYS',
          ...all('lock a program, lease, notice, filter of a socket, iopl, modify_ldt', 'EPERM'),
          'what is in memory': 'EOPNOTSUPP'
        }
      })
    },
    { name: 'opens sockets of every family', program: { c: 'kernel', words: ['families'] }, kinds: both, expect: { outcome: 'done', attempts: { 'UNIX with high bits': 'EAFNOSUPPORT' } } },
    { name: 'opens sockets in Python', program: { python: 'import socket\nfor f in range(0, 46):\n  for t in (1, 2, 3, 5):\n    try:\n      socket.socket(f, t); print(f)\n    except OSError as e: pass\n' }, expect: { outcome: 'done', stdout: '1\n1\n1\n1\n', check: () => {} } },
    { name: 'asks for a name and the address of the cloud in Node.js', program: { node: 'const { lookup } = require("dns"); require("http").get("http://169.254.169.254/").on("error", e => { console.log(e.code ?? e.errors?.[0]?.code); lookup("example.com", e => console.log(e.code)) })' }, expect: { outcome: 'done', stdout: /^(EAFNOSUPPORT|ENETUNREACH|EPERM)\n(ENOTFOUND|EAI_AGAIN)\n$/ } },
    {
      name: 'becomes somebody else',
      program: { c: 'kernel', words: ['identity'] },
      kinds: both,
      expect: {
        outcome: 'done',
        stdout: /^1000 1000 1000 1000\n[^]*\n1\nend\n$/,
        attempts: { ...all("setuid, setgid, setresuid to the runner's, setresgid to the runner's, setresuid to another, setgroups, capset, setfsuid", ['EPERM', 'EINVAL']), 'bounding set': ['EPERM', 'ENOSYS', 'EINVAL', 'unknown'], 'no_new_privs off': ['EINVAL', 'ENOSYS'] }
      }
    },
    { name: 'becomes root in a shell', program: { sh: 'for p in su sudo mount umount newgrp passwd pkexec; do command -v $p >/dev/null && $p -c id </dev/null 2>/dev/null | grep -q "uid=0" && echo $p; done; id -u' }, expect: { outcome: 'done', stdout: '1000\n' } },
    {
      name: 'raises its limits',
      program: { c: 'kernel', words: ['raised'] },
      kinds: both,
      expect: { outcome: 'done', attempts: all('core, processes, files, file size, locked memory, queues, pending signals, stack, niceness, real-time', 'EPERM'), stdout: /^((?!has no limit)[^])*$/ }
    },
    { name: 'calls by int 0x80', program: { c: 'kernel', words: ['foreign', 32] }, kinds: both, skip: () => process.arch !== 'x64', expect: { outcome: 'failed', reason: 'killed by SIGSYS' } },
    { name: 'calls by the numbers of x32', program: { c: 'kernel', words: ['foreign'] }, skip: () => process.arch !== 'x64', expect: { outcome: 'failed', reason: 'killed by SIGSYS' } },
    { name: 'wants a terminal', program: { python: 'import os, fcntl, termios\nfor path in ["/dev/tty", "/dev/console", "/dev/tty0", "/dev/ttyS0"]:\n  try: fd = os.open(path, os.O_RDWR); fcntl.ioctl(fd, termios.TIOCSTI, b"x"); print(path)\n  except OSError: pass\nprint("end")' }, expect: { outcome: 'done', stdout: 'end\n' } },
    { name: 'crashes with a core as large as can be', program: { sh: 'ulimit -c unlimited 2>/dev/null && echo raised; ulimit -c; python3 -c "import os; os.abort()" 2>/dev/null; ls' }, expect: { outcome: 'done', stdout: '0\n' } }
  ]
}
