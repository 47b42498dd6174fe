/**
 * What a program may ask of the kernel, as a table. Two filters are stacked:
 * the allow-list, and the guard, which holds what must not be done with calls
 * that are allowed. The kernel applies the stricter answer of the two.
 *
 * One comparison per rule: merging several has been a source of errors in
 * libseccomp, the last one found in 2026. The conditions of one call never
 * overlap, so the order of rules means nothing.
 *
 * Arguments are 64 bits wide in a filter, and the kernel drops the upper half
 * of those that it declares as int. Rules that deny must therefore compare 32
 * bits (`int`, `masked`), or kill(0x1_0000_0001, 9) would pass. Rules that
 * allow may compare either way: 32 bits are what the kernel will act on, and
 * an `equal` over 64 bits only refuses more.
 */
export type Action = 'allow' | { errno: number }

export type Condition =
  /** All 64 bits. */
  | { arg: number, is: 'equal' | 'not-equal', value: number }
  /** (argument & mask) === value, both of 32 bits: the upper half does not count. */
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

/** What differs between boxes. */
export interface PolicyOptions {
  /** A cgroup bounds memory: memfds are not in RLIMIT_DATA. */
  memfd: boolean
  /** The thread that starts programs becomes their user and back. */
  twoUids: boolean
}

/** Nothing happens and the program is told that it did. */
const DONE: Action = { errno: 0 }
const EPERM: Action = { errno: 1 }
const ENOMEM: Action = { errno: 12 }
const ENOSYS: Action = { errno: 38 }
const EOPNOTSUPP: Action = { errno: 95 }
const EAFNOSUPPORT: Action = { errno: 97 }

const ALLOWED: Record<string, string> = {
  'ends a thread or process': 'exit exit_group',
  'its own memory': 'brk mmap munmap mremap mprotect madvise msync mincore mlock mlock2 munlock mlockall munlockall membarrier pkey_alloc pkey_free pkey_mprotect mseal map_shadow_stack',
  'its own processes': 'fork vfork execve execveat wait4 waitid pidfd_open kill tkill tgkill rt_sigqueueinfo rt_tgsigqueueinfo prlimit64 getrlimit setrlimit getrusage',
  'its own threads': 'futex futex_waitv futex_wake futex_wait futex_requeue set_robust_list get_robust_list set_tid_address rseq set_thread_area get_thread_area arch_prctl gettid restart_syscall',
  'its own signals': 'rt_sigaction rt_sigprocmask rt_sigreturn rt_sigpending rt_sigsuspend rt_sigtimedwait sigaltstack pause signalfd signalfd4',
  'clocks and timers': 'clock_gettime clock_getres clock_nanosleep nanosleep gettimeofday time times timer_create timer_settime timer_gettime timer_getoverrun timer_delete timerfd_create timerfd_settime timerfd_gettime alarm getitimer setitimer',
  'reading and writing': 'read write readv writev pread64 pwrite64 preadv pwritev preadv2 pwritev2 lseek open openat openat2 creat close close_range dup dup2 dup3 fcntl sendfile splice tee copy_file_range readahead fadvise64',
  'files of the box': 'stat fstat lstat newfstatat statx access faccessat faccessat2 readlink readlinkat getdents getdents64 getcwd chdir fchdir mkdir mkdirat rmdir rename renameat renameat2 link linkat symlink symlinkat unlink unlinkat truncate ftruncate fallocate chmod fchmod fchmodat fchmodat2 utime utimes utimensat futimesat umask statfs fstatfs fsync fdatasync sync_file_range getxattr lgetxattr fgetxattr getxattrat listxattr llistxattr flistxattr listxattrat',
  'its own files, to itself: it has no capability to give them away': 'chown fchown lchown fchownat',
  'waiting for events': 'pipe pipe2 poll ppoll select pselect6 epoll_create epoll_create1 epoll_ctl epoll_wait epoll_pwait epoll_pwait2 eventfd eventfd2',
  'sockets inside the box, whose families socket and socketpair decide': 'bind listen accept accept4 connect getsockname getpeername sendto recvfrom sendmsg recvmsg sendmmsg recvmmsg shutdown setsockopt getsockopt',
  'questions about itself': 'getpid getppid getuid geteuid getgid getegid getresuid getresgid getgroups getpgid getpgrp getsid setpgid setsid getpriority capget sysinfo uname getrandom getcpu',
  'scheduling, without a say in it': 'sched_yield sched_getaffinity sched_getparam sched_getscheduler sched_getattr sched_get_priority_max sched_get_priority_min sched_rr_get_interval',
  'a probe that the administrator set; ends whoever calls it otherwise': 'uretprobe uprobe'
}

const NOTHING_TO_DO: Record<string, string> = {
  'nothing in the box is on a disk, and the disks of the machine are not its own': 'sync syncfs'
}

const REFUSED: Record<string, string> = {
  'other processes are none of its business': 'ptrace process_vm_readv process_vm_writev kcmp pidfd_getfd pidfd_send_signal process_madvise process_mrelease',
  'namespaces and mounts': 'mount umount2 pivot_root chroot unshare setns',
  'kernel keyrings are not namespaced': 'add_key request_key keyctl',
  'large attack surface': 'bpf perf_event_open userfaultfd remap_file_pages vmsplice modify_ldt seccomp uselib ustat sysfs _sysctl nfsservctl',
  'belongs to the administrator': 'init_module finit_module delete_module kexec_load kexec_file_load reboot swapon swapoff acct quotactl quotactl_fd syslog iopl ioperm vhangup sethostname setdomainname settimeofday clock_settime clock_adjtime adjtimex stime',
  'files outside its view': 'name_to_handle_at open_by_handle_at fanotify_init fanotify_mark lookup_dcookie',
  'scheduling would change what is measured': 'setpriority ioprio_set ioprio_get sched_setaffinity sched_setparam sched_setscheduler sched_setattr',
  'identity is fixed': 'setuid setgid setreuid setregid setfsuid setfsgid capset',
  'a file of the system can be locked by whoever can read it, and another box would see that': 'flock'
}

/** Attributes and access lists would be one more place to keep things in; cp and tar know file systems that have none. */
const NOT_SUPPORTED: Record<string, string> = {
  'the files of a box have no further attributes': 'setxattr lsetxattr fsetxattr setxattrat removexattr lremovexattr fremovexattr removexattrat'
}

/** As if the kernel were older or built without: programs know how to go on. */
const ABSENT: Record<string, string> = {
  'programs fall back to clone, whose flags can be checked': 'clone3',
  'large attack surface; programs fall back': 'io_uring_setup io_uring_enter io_uring_register io_setup io_submit io_getevents io_cancel io_destroy memfd_secret landlock_create_ruleset landlock_add_rule landlock_restrict_self',
  'shared memory and queues that outlast a run': 'shmget shmat shmctl shmdt semget semop semctl semtimedop msgget msgsnd msgrcv msgctl mq_open mq_unlink mq_timedsend mq_timedreceive mq_notify mq_getsetattr',
  'namespaces and mounts': 'open_tree open_tree_attr move_mount fsopen fsconfig fsmount fspick mount_setattr statmount listmount listns',
  'watching a file of the system shows when another box uses it; programs fall back to looking': 'inotify_init inotify_init1 inotify_add_watch inotify_rm_watch',
  'what of a shared file is in memory shows what another box has read': 'cachestat',
  'memory placement would change what is measured; as on a machine with one node': 'mbind set_mempolicy get_mempolicy migrate_pages move_pages set_mempolicy_home_node',
  'scheduling would change what is measured': 'rseq_slice_yield',
  'belongs to the administrator': 'lsm_get_self_attr lsm_set_self_attr lsm_list_modules file_getattr file_setattr'
}

/** Of the thread that starts programs. It keeps no capability, so that these change nothing that is not its own. */
const USERS = 'setresuid setresgid setgroups'

/** CLONE_NEWCGROUP | NEWUTS | NEWIPC | NEWUSER | NEWPID | NEWNET | NEWNS, and CLONE_PARENT: a child of the runner. */
const CLONE_FORBIDDEN = 0x7e028000
const MFD_HUGETLB = 4

const AF_UNIX = 1
/** PER_LINUX, PER_LINUX32, ADDR_NO_RANDOMIZE, and the question. */
const PERSONALITIES = [0, 8, 0x40000, 0xffffffff]

const PRCTL: Record<string, number[]> = {
  'dies with its parent, can be dumped, its name': [1, 2, 3, 4, 15, 16],
  'questions about seccomp and capabilities': [21, 23],
  'timer slack, subreaper, no_new_privs, tid address, huge pages': [29, 30, 36, 37, 38, 39, 40, 41, 42],
  'vector length, tagged addresses, pointer keys of aarch64': [50, 51, 54, 55, 56, 60, 61, 63, 64],
  'names of memory areas': [0x53564d41]
}

/** No TIOCSTI and no TIOCLINUX, which put words into somebody's terminal, and nothing of file systems, disks and networks. */
const IOCTL: Record<string, number[]> = {
  'terminal attributes: TCGETS, TCSETS, TCSETSW, TCSETSF and the same with a 2': [0x5401, 0x5402, 0x5403, 0x5404, 0x802c542a, 0x402c542b, 0x402c542c, 0x402c542d],
  'window size and process group: TIOCGWINSZ, TIOCGPGRP, TIOCSPGRP': [0x5413, 0x540f, 0x5410],
  'pipes, sockets, descriptors: FIONREAD, FIONBIO, FIOASYNC, FIOCLEX, FIONCLEX': [0x541b, 0x5421, 0x5450, 0x5451, 0x5452]
}

const S_IFMT = 0o170000
const S_IFIFO = 0o010000

/** What the box's programs may call at all; the default, also for calls yet to be invented, is that there is no such call. */
export function allowList ({ memfd, twoUids }: PolicyOptions): Policy {
  return {
    default: ENOSYS,
    rules: [
      ...rows(ALLOWED, 'allow'),
      memfd
        ? { call: 'memfd_create', when: { arg: 1, is: 'masked', mask: MFD_HUGETLB, value: 0 }, action: 'allow', reason: 'a cgroup bounds its memory, unless it consists of huge pages' }
        : { call: 'memfd_create', action: ENOSYS, reason: 'memory that only a cgroup bounds' },
      { call: 'clone', when: { arg: 0, is: 'masked', mask: CLONE_FORBIDDEN, value: 0 }, action: 'allow', reason: 'threads and processes, without new namespaces, as children of the caller' },
      ...['socket', 'socketpair'].flatMap((call): Rule[] => [
        // Over 64 bits, so that the two cover everything; what has bits in the upper half is refused.
        { call, when: { arg: 0, is: 'equal', value: AF_UNIX }, action: 'allow', reason: 'UNIX sockets, inside the box' },
        { call, when: { arg: 0, is: 'not-equal', value: AF_UNIX }, action: EAFNOSUPPORT, reason: 'no network, no kernel interfaces' }
      ]),
      ...PERSONALITIES.map((value): Rule => ({ call: 'personality', when: int(0, value), action: 'allow', reason: 'Linux, with or without address randomisation; the question' })),
      ...choices('prctl', 0, PRCTL),
      ...choices('ioctl', 1, IOCTL),
      { call: 'mknod', when: { arg: 1, is: 'masked', mask: S_IFMT, value: S_IFIFO }, action: 'allow', reason: 'named pipes' },
      { call: 'mknodat', when: { arg: 2, is: 'masked', mask: S_IFMT, value: S_IFIFO }, action: 'allow', reason: 'named pipes' },
      ...rows(twoUids ? { 'the runner becomes the user of the programs; they have no capability to become another': USERS } : {}, 'allow'),
      ...rows(twoUids ? {} : { 'identity is fixed': USERS }, EPERM),
      ...rows(NOTHING_TO_DO, DONE),
      ...rows(REFUSED, EPERM),
      ...rows(NOT_SUPPORTED, EOPNOTSUPP),
      ...rows(ABSENT, ENOSYS)
    ]
  }
}

/** F_SETOWN, F_SETSIG, F_SETOWN_EX: the kernel would send the signals of a descriptor to whoever is named. */
const FCNTL_SIGNALS = [8, 10, 15]
/** F_SETLEASE, F_GETLEASE, F_NOTIFY: they tell about every open of a file, by whomever. */
const FCNTL_WATCHES = [1024, 1025, 1026]
const MAP_HUGETLB = 0x40000
const RWF_NOWAIT = 8
const POSIX_FADV_DONTNEED = 4
/** SO_ATTACH_FILTER, SO_ATTACH_BPF, SO_ATTACH_REUSEPORT_CBPF and _EBPF. */
const SOCKET_PROGRAMS = [26, 50, 51, 52]

/**
 * What must not be done with calls that are allowed: hands off the runner, and
 * off what boxes have in common. Loaded before the allow-list, which forbids
 * to load more.
 *
 * @param tids - thread ids of the runner inside the box; the first is 1
 */
export function guard (tids: readonly number[]): Policy {
  const rules: Rule[] = []

  for (const tid of tids) {
    for (const call of ['kill', 'tgkill', 'tkill', 'rt_sigqueueinfo', 'rt_tgsigqueueinfo', 'pidfd_open', 'prlimit64']) {
      rules.push({ call, when: int(0, tid), action: EPERM, reason: 'the runner' })
    }
  }

  return {
    default: 'allow',
    rules: [
      ...rules,
      // Whoever is in its process group could signal the whole group.
      { call: 'setpgid', when: int(1, 1), action: EPERM, reason: 'the runner leads group 1' },
      ...FCNTL_SIGNALS.map((value): Rule => ({ call: 'fcntl', when: int(1, value), action: EPERM, reason: 'signals by way of a descriptor' })),
      ...FCNTL_WATCHES.map((value): Rule => ({ call: 'fcntl', when: int(1, value), action: EPERM, reason: 'leases and notices tell when another box opens a file of the system' })),
      { call: 'mmap', when: { arg: 3, is: 'masked', mask: MAP_HUGETLB, value: MAP_HUGETLB }, action: ENOMEM, reason: 'huge pages are bounded by no limit; as if none were set aside' },
      { call: 'preadv2', when: { arg: 5, is: 'masked', mask: RWF_NOWAIT, value: RWF_NOWAIT }, action: EOPNOTSUPP, reason: 'what of a shared file is in memory shows what another box has read' },
      { call: 'fadvise64', when: int(3, POSIX_FADV_DONTNEED), action: DONE, reason: 'advice may be ignored; this would take files of the system out of everybody\'s memory' },
      ...SOCKET_PROGRAMS.map((value): Rule => ({ call: 'setsockopt', when: int(2, value), action: EPERM, reason: 'programs that run in the kernel' }))
    ]
  }
}

/** An argument that the kernel declares as int: 32 bits of it count. */
function int (arg: number, value: number): Condition {
  return { arg, is: 'masked', mask: 0xffffffff, value }
}

function choices (call: string, arg: number, table: Record<string, number[]>): Rule[] {
  return Object.entries(table).flatMap(([reason, values]) => values.map((value): Rule => ({ call, when: int(arg, value), action: 'allow', reason })))
}

function rows (table: Record<string, string>, action: Action): Rule[] {
  return Object.entries(table).flatMap(([reason, calls]) => calls.split(' ').map((call): Rule => ({ call, action, reason })))
}
