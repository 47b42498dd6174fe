/**
 * What a program may ask of the kernel, as a table. Two filters are stacked:
 * the allow-list, and one that protects the runner, which shares the program's
 * uid. The kernel applies the stricter answer of the two.
 *
 * One comparison per rule: merging several has been a source of errors in
 * libseccomp. Rules that deny compare 32 bits (`masked`), since the kernel
 * looks at no more and kill(0x1_0000_0001, 9) would pass a 64-bit comparison.
 */
export type Action = 'allow' | { errno: number }

export type Condition =
  | { arg: number, is: 'equal' | 'not-equal', value: number }
  /** (argument & mask) === value */
  | { arg: number, is: 'masked', mask: number, value: number }

export interface Rule {
  /** A name that the architecture does not have is left out. */
  call: string
  when?: Condition
  action: Action
  reason: string
}

export interface Policy {
  default: Action
  rules: Rule[]
}

/** Calls of another architecture (int 0x80, x32) end the process with SIGSYS. */
export const FOREIGN_ARCHITECTURE_SIGNAL = 'SIGSYS'

const EPERM: Action = { errno: 1 }
const ENOSYS: Action = { errno: 38 }
const EAFNOSUPPORT: Action = { errno: 97 }

const ALLOWED: Record<string, string> = {
  'ends a thread or process': 'exit exit_group',
  'own memory': 'brk mmap munmap mremap mprotect madvise msync mincore mlock mlock2 munlock mlockall munlockall membarrier pkey_alloc pkey_free pkey_mprotect',
  'own processes': 'fork vfork execve execveat wait4 waitid pidfd_open kill tkill tgkill prlimit64 getrlimit setrlimit getrusage',
  'own threads': 'futex futex_waitv set_robust_list get_robust_list set_tid_address rseq set_thread_area get_thread_area arch_prctl gettid restart_syscall',
  'own signals': 'rt_sigaction rt_sigprocmask rt_sigreturn rt_sigpending rt_sigsuspend rt_sigtimedwait sigaltstack pause signalfd signalfd4',
  'clocks and timers': 'clock_gettime clock_getres clock_nanosleep nanosleep gettimeofday time times timer_create timer_settime timer_gettime timer_getoverrun timer_delete timerfd_create timerfd_settime timerfd_gettime alarm getitimer setitimer',
  'reading and writing': 'read write readv writev pread64 pwrite64 preadv pwritev preadv2 pwritev2 lseek open openat openat2 creat close close_range dup dup2 dup3 fcntl sendfile splice tee copy_file_range readahead fadvise64',
  'files of the box': 'stat fstat lstat newfstatat statx access faccessat faccessat2 readlink readlinkat getdents getdents64 getcwd chdir fchdir mkdir mkdirat rmdir rename renameat renameat2 link linkat symlink symlinkat unlink unlinkat truncate ftruncate fallocate chmod fchmod fchmodat fchmodat2 utime utimes utimensat futimesat umask statfs fstatfs fsync fdatasync sync_file_range sync syncfs getxattr lgetxattr fgetxattr listxattr llistxattr flistxattr',
  'waiting for events': 'pipe pipe2 poll ppoll select pselect6 epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_wait epoll_pwait epoll_pwait2 eventfd eventfd2 inotify_init inotify_init1 inotify_add_watch inotify_rm_watch',
  'sockets inside the box; which families exist is decided by socket': 'socketpair bind listen accept accept4 connect getsockname getpeername sendto recvfrom sendmsg recvmsg sendmmsg recvmmsg shutdown setsockopt getsockopt',
  'questions about itself': 'getpid getppid getuid geteuid getgid getegid getresuid getresgid getgroups getpgid getpgrp getsid setpgid setsid getpriority capget sysinfo uname getrandom getcpu',
  'scheduling, without a say in it': 'sched_yield sched_getaffinity sched_getparam sched_getscheduler sched_getattr sched_get_priority_max sched_get_priority_min sched_rr_get_interval'
}

const REFUSED: Record<string, string> = {
  'other processes are none of its business': 'ptrace process_vm_readv process_vm_writev kcmp pidfd_getfd pidfd_send_signal process_madvise process_mrelease rt_sigqueueinfo rt_tgsigqueueinfo',
  'namespaces and mounts': 'mount umount2 pivot_root chroot unshare setns',
  'kernel keyrings are not namespaced': 'add_key request_key keyctl',
  'large attack surface': 'bpf perf_event_open userfaultfd remap_file_pages vmsplice modify_ldt seccomp uselib ustat sysfs _sysctl nfsservctl',
  'belongs to the administrator': 'init_module finit_module delete_module kexec_load kexec_file_load reboot swapon swapoff acct quotactl quotactl_fd syslog iopl ioperm vhangup sethostname setdomainname settimeofday clock_settime clock_adjtime adjtimex stime',
  'files outside its view': 'name_to_handle_at open_by_handle_at fanotify_init fanotify_mark lookup_dcookie',
  'memory placement would change what is measured': 'mbind set_mempolicy get_mempolicy migrate_pages move_pages set_mempolicy_home_node',
  'scheduling would change what is measured': 'setpriority ioprio_set ioprio_get sched_setaffinity sched_setparam sched_setscheduler sched_setattr',
  'identity is fixed': 'setuid setgid setreuid setregid setresuid setresgid setfsuid setfsgid setgroups capset',
  'owners, attributes and locks would outlast a run or reach another box': 'chown fchown lchown fchownat setxattr lsetxattr fsetxattr removexattr lremovexattr fremovexattr flock'
}

/** As if the kernel were older: programs know how to go on without them. */
const ABSENT: Record<string, string> = {
  'programs fall back to clone, whose flags can be checked': 'clone3',
  'large attack surface; programs fall back': 'io_uring_setup io_uring_enter io_uring_register io_setup io_submit io_getevents io_cancel io_destroy memfd_secret landlock_create_ruleset landlock_add_rule landlock_restrict_self',
  'shared memory and queues that outlast a run': 'shmget shmat shmctl shmdt semget semop semctl semtimedop msgget msgsnd msgrcv msgctl mq_open mq_unlink mq_timedsend mq_timedreceive mq_notify mq_getsetattr',
  'namespaces and mounts': 'open_tree move_mount fsopen fsconfig fsmount fspick mount_setattr'
}

/** CLONE_NEWTIME | NEWCGROUP | NEWUTS | NEWIPC | NEWUSER | NEWPID | NEWNET; NEWNS is 0x20000. */
const CLONE_NAMESPACES = 0x7e020000

const AF_UNIX = 1
const PERSONALITIES = [0, 8, 0x40000, 0xffffffff]
const PRCTL: Record<string, number[]> = {
  'die with its parent, be dumped, its name': [1, 2, 3, 4, 15, 16],
  'seccomp mode, capabilities: questions': [21, 23],
  'timer slack, subreaper, no_new_privs, tid address, huge pages': [29, 30, 36, 37, 38, 39, 40, 41, 42],
  'names of memory areas': [0x53564d41]
}

/** Terminal attributes, window size, process group, FIONREAD, FIONBIO, FIOASYNC, FIOCLEX, FIONCLEX; not TIOCSTI, TIOCLINUX. */
const IOCTL = [0x5401, 0x5402, 0x5403, 0x5404, 0x5413, 0x540f, 0x5410, 0x541b, 0x5421, 0x5450, 0x5451, 0x5452]

const S_IFMT = 0o170000
const S_IFIFO = 0o010000

/** The allow-list. `memfd` only where a cgroup bounds memory: memfds are not in RLIMIT_DATA. */
export function allowList ({ memfd }: { memfd: boolean }): Policy {
  return {
    default: ENOSYS,
    rules: [
      ...rows(ALLOWED, 'allow'),
      { call: 'memfd_create', action: memfd ? 'allow' : ENOSYS, reason: 'memory that only a cgroup bounds' },
      { call: 'clone', when: { arg: 0, is: 'masked', mask: CLONE_NAMESPACES, value: 0 }, action: 'allow', reason: 'threads and processes, without new namespaces' },
      { call: 'socket', when: { arg: 0, is: 'equal', value: AF_UNIX }, action: 'allow', reason: 'inside the box' },
      { call: 'socket', when: { arg: 0, is: 'not-equal', value: AF_UNIX }, action: EAFNOSUPPORT, reason: 'no network, no kernel interfaces' },
      ...PERSONALITIES.map(value => ({ call: 'personality', when: { arg: 0, is: 'equal' as const, value }, action: 'allow' as const, reason: 'Linux, with or without address randomisation; the question' })),
      ...Object.entries(PRCTL).flatMap(([reason, values]) => values.map(value => ({ call: 'prctl', when: { arg: 0, is: 'equal' as const, value }, action: 'allow' as const, reason }))),
      ...IOCTL.map(value => ({ call: 'ioctl', when: { arg: 1, is: 'equal' as const, value }, action: 'allow' as const, reason: 'terminals and pipes' })),
      { call: 'mknod', when: { arg: 1, is: 'masked', mask: S_IFMT, value: S_IFIFO }, action: 'allow', reason: 'named pipes' },
      { call: 'mknodat', when: { arg: 2, is: 'masked', mask: S_IFMT, value: S_IFIFO }, action: 'allow', reason: 'named pipes' },
      ...rows(REFUSED, EPERM),
      ...rows(ABSENT, ENOSYS)
    ]
  }
}

const INT = 0xffffffff

/** F_SETOWN, F_SETSIG, F_SETOWN_EX: the kernel would send the signals of a descriptor to whoever is named. */
const FCNTL_SIGNALS = [8, 10, 15]

/**
 * Keeps a program's hands off the runner. Loaded before the allow-list, which
 * forbids to load more.
 *
 * @param tids - thread ids of the runner inside the box; the first is 1
 */
export function runnerGuard (tids: readonly number[]): Policy {
  const rules: Rule[] = []

  for (const tid of tids) {
    for (const call of ['kill', 'tgkill', 'tkill', 'pidfd_open', 'prlimit64']) {
      rules.push({ call, when: { arg: 0, is: 'masked', mask: INT, value: tid }, action: EPERM, reason: 'the runner' })
    }
  }

  // Whoever is in its process group could signal the whole group.
  rules.push({ call: 'setpgid', when: { arg: 1, is: 'masked', mask: INT, value: 1 }, action: EPERM, reason: 'the runner leads group 1' })

  for (const value of FCNTL_SIGNALS) {
    rules.push({ call: 'fcntl', when: { arg: 1, is: 'masked', mask: INT, value }, action: EPERM, reason: 'signals by way of a descriptor' })
  }

  return { default: 'allow', rules }
}

function rows (table: Record<string, string>, action: Action): Rule[] {
  return Object.entries(table).flatMap(([reason, calls]) => calls.split(' ').map(call => ({ call, action, reason })))
}
