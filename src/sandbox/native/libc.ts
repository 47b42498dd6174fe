import type { Koffi, Pointer } from './koffi.ts'

/** int and long are plain numbers here; nothing that is called returns more than 2^53. */
export interface Libc {
  errno: () => number
  address: (value: Uint8Array) => bigint
  prctl: (option: number, a: number, b: number, c: number, d: number) => number
  signal: (signum: number, handler: bigint) => bigint
  kill: (pid: number, signal: number) => number
  sigfillset: (set: Pointer) => number
  sigemptyset: (set: Pointer) => number
  sigdelset: (set: Pointer, signum: number) => number
  posix_spawn: (pid: Pointer, path: Pointer, actions: Pointer, attributes: Pointer, argv: Pointer, envp: Pointer) => number
  posix_spawnattr_init: (attributes: Pointer) => number
  posix_spawnattr_setflags: (attributes: Pointer, flags: number) => number
  posix_spawnattr_setsigdefault: (attributes: Pointer, set: Pointer) => number
  posix_spawnattr_setsigmask: (attributes: Pointer, set: Pointer) => number
  posix_spawn_file_actions_init: (actions: Pointer) => number
  posix_spawn_file_actions_adddup2: (actions: Pointer, fd: number, newfd: number) => number
  wait4: (pid: number, status: Pointer, options: number, rusage: Pointer) => number
  poll: (fds: Pointer, count: number, timeoutMs: number) => number
  prlimit: (pid: number, resource: number, next: Pointer, old: Pointer) => number
  memfd_create: (name: string, flags: number) => number
  pipe2: (fds: Pointer, flags: number) => number
  dup3: (oldfd: number, newfd: number, flags: number) => number
  fcntl: (fd: number, command: number, arg: number) => number
  /** `message`: struct msghdr. */
  sendmsg: (fd: number, message: Pointer, flags: number) => number
  recvmsg: (fd: number, message: Pointer, flags: number) => number
  sendfile: (to: number, from: number, offset: Pointer, count: number) => number
  lseek: (fd: number, offset: number, whence: number) => number
  /** `path` ends with a NUL; `times`: two times seconds and nanoseconds, 64 bits each. */
  utimensat: (folder: number, path: Pointer, times: Pointer, flags: number) => number
  /** syscall(2); fixed arguments are the same as variable ones on x86-64 and on AArch64 Linux. */
  syscall: (number: number, a: Pointer | number, b: Pointer | number, c: Pointer | number, d: Pointer | number) => number
  /** To interrupt blocking calls: SA_RESTART off for a signal. */
  siginterrupt: (signum: number, flag: number) => number
  /** Address of a function that does nothing to speak of, may run at any time and takes an int, as a signal handler must. */
  harmlessHandler: () => bigint
  /** timer_create(2), timer_settime(2) and gettid(2) as the kernel has them; older C libraries keep them elsewhere or not at all. */
  timerCreate: (clock: number, event: Pointer, id: Pointer) => number
  timerSettime: (id: number, flags: number, next: Pointer) => number
  gettid: () => number
  getpagesize: () => number
  /** `time`: seconds and nanoseconds, 64 bits each. */
  clock_gettime: (clock: number, time: Pointer) => number
  unshare: (flags: number) => number
  setns: (fd: number, kind: number) => number
  pivotRoot: (next: string, old: string) => number
  sethostname: (name: Pointer, length: number) => number
  setsid: () => number
  socket: (family: number, type: number, protocol: number) => number
  ioctl: (fd: number, request: number, argument: Pointer) => number
  execve: (path: Pointer, argv: Pointer, envp: Pointer) => number
  chdir: (path: string) => number
  mount: (source: string, target: string, type: string, flags: number, data: string) => number
  umount2: (target: string, flags: number) => number
  statfs: (path: string, buffer: Pointer) => number
  /** mount_setattr(2): Linux 5.12 and later. */
  mountSetattr: (folder: number, path: string, flags: number, attributes: Pointer, size: number) => number
  openat: (folder: number, path: string, flags: number, mode: number) => number
  /** perf_event_open(2), which C libraries do not wrap. */
  perfEventOpen: (attribute: Pointer, pid: number, cpu: number, group: number, flags: number) => number
  /** syscall(2) with a pointer as its third argument, and with two pointers. */
  syscallPointer: (number: number, a: number, b: number, c: Pointer) => number
  syscallPointers: (number: number, a: Pointer, b: Pointer) => number
}

export function loadLibc (koffi: Koffi): Libc {
  const lib = koffi.load(null)
  const syscallPointer = lib.func('syscall', 'long', ['long', 'long', 'long', 'void *'])
  const timerCreate = lib.func('syscall', 'long', ['long', 'long', 'void *', 'void *'])
  const timerSettime = lib.func('syscall', 'long', ['long', 'long', 'long', 'void *', 'void *'])
  const perfEventOpen = lib.func('syscall', 'long', ['long', 'void *', 'int', 'int', 'int', 'ulong'])
  const syscallPaths = lib.func('syscall', 'long', ['long', 'str', 'str'])
  const syscallPath = lib.func('syscall', 'long', ['long', 'int', 'str', 'uint', 'void *', 'ulong'])
  const syscall = lib.func('syscall', 'long', ['long', 'long', 'long', 'long', 'long'])

  return {
    errno: () => koffi.errno(),
    address: value => koffi.address(value),
    prctl: lib.func('int prctl(int option, ulong a, ulong b, ulong c, ulong d)'),
    signal: lib.func('intptr_t signal(int signum, intptr_t handler)'),
    kill: lib.func('int kill(int pid, int signal)'),
    sigfillset: lib.func('int sigfillset(void *set)'),
    sigemptyset: lib.func('int sigemptyset(void *set)'),
    sigdelset: lib.func('int sigdelset(void *set, int signum)'),
    posix_spawn: lib.func('int posix_spawn(void *pid, void *path, void *actions, void *attributes, void *argv, void *envp)'),
    posix_spawnattr_init: lib.func('int posix_spawnattr_init(void *attributes)'),
    posix_spawnattr_setflags: lib.func('int posix_spawnattr_setflags(void *attributes, short flags)'),
    posix_spawnattr_setsigdefault: lib.func('int posix_spawnattr_setsigdefault(void *attributes, void *set)'),
    posix_spawnattr_setsigmask: lib.func('int posix_spawnattr_setsigmask(void *attributes, void *set)'),
    posix_spawn_file_actions_init: lib.func('int posix_spawn_file_actions_init(void *actions)'),
    posix_spawn_file_actions_adddup2: lib.func('int posix_spawn_file_actions_adddup2(void *actions, int fd, int newfd)'),
    wait4: lib.func('int wait4(int pid, void *status, int options, void *rusage)'),
    poll: lib.func('int poll(void *fds, ulong count, int timeout)'),
    prlimit: lib.func('int prlimit(int pid, int resource, void *next, void *old)'),
    memfd_create: lib.func('int memfd_create(str name, unsigned int flags)'),
    pipe2: lib.func('int pipe2(void *fds, int flags)'),
    dup3: lib.func('int dup3(int oldfd, int newfd, int flags)'),
    fcntl: lib.func('int fcntl(int fd, int command, long arg)'),
    sendfile: lib.func('long sendfile(int to, int from, void *offset, ulong count)'),
    sendmsg: lib.func('long sendmsg(int fd, void *message, int flags)'),
    recvmsg: lib.func('long recvmsg(int fd, void *message, int flags)'),
    lseek: lib.func('long lseek(int fd, long offset, int whence)'),
    utimensat: lib.func('int utimensat(int folder, void *path, void *times, int flags)'),
    siginterrupt: lib.func('int siginterrupt(int signum, int flag)'),
    harmlessHandler: () => lib.symbol('abs') as bigint,
    timerCreate: (clock, event, id) => timerCreate(SYS.timer_create, clock, event, id),
    timerSettime: (id, flags, next) => timerSettime(SYS.timer_settime, id, flags, next, null),
    gettid: () => syscall(SYS.gettid, 0, 0, 0, 0),
    getpagesize: lib.func('int getpagesize()'),
    clock_gettime: lib.func('int clock_gettime(int clock, void *time)'),
    unshare: lib.func('int unshare(int flags)'),
    setns: lib.func('int setns(int fd, int kind)'),
    pivotRoot: (next, old) => syscallPaths(SYS.pivot_root, next, old),
    sethostname: lib.func('int sethostname(void *name, ulong length)'),
    setsid: lib.func('int setsid()'),
    socket: lib.func('int socket(int family, int type, int protocol)'),
    ioctl: lib.func('int ioctl(int fd, ulong request, void *argument)'),
    execve: lib.func('int execve(void *path, void *argv, void *envp)'),
    chdir: lib.func('int chdir(str path)'),
    mount: lib.func('int mount(str source, str target, str type, ulong flags, str data)'),
    umount2: lib.func('int umount2(str target, int flags)'),
    statfs: lib.func('int statfs(str path, void *buffer)'),
    mountSetattr: (folder, path, flags, attributes, size) => syscallPath(SYS.mount_setattr, folder, path, flags, attributes, size),
    // Fixed arguments are the same as variable ones, as for syscall below.
    openat: lib.func('int openat(int folder, str path, int flags, unsigned int mode)'),
    syscall,
    syscallPointer,
    perfEventOpen: (attribute, pid, cpu, group, flags) => perfEventOpen(SYS.perf_event_open, attribute, pid, cpu, group, flags),
    syscallPointers: lib.func('syscall', 'long', ['long', 'void *', 'void *'])
  }
}

/**
 * Numbers of calls that C libraries of that age do not wrap, and of those whose
 * wrappers change every thread of the process, where one is meant.
 */
export const SYS = process.arch === 'arm64'
  ? { seccomp: 277, timer_create: 107, timer_settime: 110, gettid: 178, close_range: 436, pidfd_open: 434, mount_setattr: 442, pivot_root: 41, capset: 91, setresuid: 147, setresgid: 149, setgroups: 159, perf_event_open: 241 }
  : { seccomp: 317, timer_create: 222, timer_settime: 223, gettid: 186, close_range: 436, pidfd_open: 434, mount_setattr: 442, pivot_root: 155, capset: 126, setresuid: 117, setresgid: 119, setgroups: 116, perf_event_open: 298 }

export const PR_SET_DUMPABLE = 4
export const PR_CAP_AMBIENT = 47
export const PR_CAP_AMBIENT_CLEAR_ALL = 4
export const PR_CAP_AMBIENT_RAISE = 2
export const PR_SET_NO_NEW_PRIVS = 38

export const PR_CAPBSET_DROP = 24

export const CLOCK_PROCESS_CPUTIME_ID = 2
export const CLOCK_THREAD_CPUTIME_ID = 3

export const CLONE_NEWNS = 0x20000
export const CLONE_FS = 0x200
export const CLONE_NEWCGROUP = 0x200_0000
export const MS_NOSUID = 2
export const MS_NODEV = 4
export const MS_RDONLY = 1
export const MS_REMOUNT = 32
export const MS_BIND = 4096
export const MS_REC = 16384
export const MS_NOEXEC = 8
export const AT_RECURSIVE = 0x8000
export const MNT_DETACH = 2
export const AT_FDCWD = -100
export const AT_SYMLINK_NOFOLLOW = 0x100
export const SEEK_SET = 0
export const SEEK_DATA = 3
export const SEEK_HOLE = 4
export const O_PATH = 0o10000000

export const SECCOMP_SET_MODE_FILTER = 1
/** Without it, kernels before 5.16 switch on a mitigation that slows the measured program. */
export const SECCOMP_FILTER_FLAG_SPEC_ALLOW = 4

export const SIGCHLD = 17
export const SIGSTOP = 19
export const SIGKILL = 9
export const SIG_IGN = 1n

export const POSIX_SPAWN_SETSIGDEF = 4
export const POSIX_SPAWN_SETSIGMASK = 8
export const POSIX_SPAWN_SETPGROUP = 2

export const WNOHANG = 1
/** Children that were made by clone without SIGCHLD, too. */
export const WALL = 0x4000_0000

export const POLLIN = 1
export const POLLOUT = 4

export const O_CLOEXEC = 0o2000000
export const O_NONBLOCK = 0o4000
export const F_SETFD = 2
export const FD_CLOEXEC = 1
export const F_SETFL = 4
export const F_ADD_SEALS = 1033
/** SEAL | SHRINK | GROW | WRITE */
export const ALL_SEALS = 15
export const MFD_CLOEXEC = 1
export const MFD_ALLOW_SEALING = 2
export const CLOSE_RANGE_CLOEXEC = 4

export const RLIMIT = { CPU: 0, FSIZE: 1, DATA: 2, STACK: 3, CORE: 4, NPROC: 6, NOFILE: 7, MEMLOCK: 8, SIGPENDING: 11, MSGQUEUE: 12 } as const

/** struct rlimit: two 64-bit numbers. */
export function rlimitBuffer (soft: number, hard: number): Buffer {
  const buffer = Buffer.alloc(16)

  buffer.writeBigUInt64LE(BigInt(soft), 0)
  buffer.writeBigUInt64LE(BigInt(hard), 8)
  return buffer
}

/** Large enough for the opaque structures of glibc (336, 80) and musl on every 64-bit architecture. */
export const OPAQUE_BYTES = 1024
export const SIGSET_BYTES = 128
export const RUSAGE_BYTES = 144

/** struct rusage of 64-bit Linux. Times in nanoseconds (whole microseconds). */
export interface Rusage {
  userNs: number
  systemNs: number
  /** KiB on Linux. */
  maxRssKiB: number
  minorFaults: number
  majorFaults: number
  voluntarySwitches: number
  involuntarySwitches: number
}

export function readRusage (buffer: Buffer): Rusage {
  const word = (index: number) => Number(buffer.readBigInt64LE(index * 8))

  return {
    userNs: word(0) * 1e9 + word(1) * 1e3,
    systemNs: word(2) * 1e9 + word(3) * 1e3,
    maxRssKiB: word(4),
    minorFaults: word(8),
    majorFaults: word(9),
    voluntarySwitches: word(16),
    involuntarySwitches: word(17)
  }
}
