/* Attacks on the runner: PID 1 of the box, and its threads. */
#include "attack.h"

static void look(long amount) {
  static const char *const files[] = { "mem", "maps", "smaps", "environ", "auxv", "stack", "syscall", "pagemap", "io", "root", "cwd", "exe", "fd", "fdinfo", "map_files", "ns/mnt", "task/1/mem" };
  char path[64], text[64];
  int any = 0;
  (void)amount;
  for (unsigned i = 0; i < sizeof files / sizeof *files; i++) {
    snprintf(path, sizeof path, "/proc/1/%s", files[i]);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    tried(files[i], fd < 0 ? -1 : read(fd, text, sizeof text) < 0 && errno != EISDIR ? -1 : 0);
  }
  for (int fd = 0; fd < 1024; fd++) {
    for (int flags = O_RDONLY; flags <= O_RDWR; flags++) {
      snprintf(path, sizeof path, "/proc/1/fd/%d", fd);
      any += open(path, flags | O_NONBLOCK) >= 0;
    }
  }
  printf("%d\n", any);
}

static void write_to(long amount) {
  static const char *const files[] = { "mem", "oom_score_adj", "oom_adj", "clear_refs", "coredump_filter", "autogroup", "comm", "timerslack_ns", "sched", "uid_map", "gid_map", "setgroups", "loginuid", "attr/current", "timens_offsets" };
  char path[64];
  (void)amount;
  for (unsigned i = 0; i < sizeof files / sizeof *files; i++) {
    snprintf(path, sizeof path, "/proc/1/%s", files[i]);
    int fd = open(path, O_RDWR);
    if (fd < 0) fd = open(path, O_WRONLY);
    if (fd >= 0 || (errno != EACCES && errno != EPERM && errno != EROFS && errno != ENOENT)) printf("%s %s\n", files[i], fd >= 0 ? "opened" : strerrorname_np(errno));
  }
}

static void trace(long amount) {
  char byte = 0;
  struct iovec here = { &byte, 1 }, there = { (void *)0x10000, 1 };
  int fds[2];
  (void)amount;
  if (pipe(fds) != 0) exit(2);
  tried("process_vm_readv", process_vm_readv(1, &here, 1, &there, 1, 0));
  tried("process_vm_writev", process_vm_writev(1, &here, 1, &there, 1, 0));
  tried("attach", ptrace(PTRACE_ATTACH, 1, 0, 0));
  tried("seize", ptrace(PTRACE_SEIZE, 1, 0, 0));
  tried("traceme", ptrace(PTRACE_TRACEME, 0, 0, 0));
  tried("pidfd_open", syscall(SYS_pidfd_open, 1, 0));
  tried("pidfd of a thread", syscall(SYS_pidfd_open, 2, 0x80));
  tried("pidfd_getfd", syscall(438, fds[0], 3, 0));
  tried("process_madvise", syscall(440, fds[0], &there, 1, MADV_COLD, 0));
  tried("process_mrelease", syscall(448, fds[0], 0));
  tried("kcmp", syscall(SYS_kcmp, 1, getpid(), 0, 0, 0));
  tried("migrate_pages", syscall(SYS_migrate_pages, 1, 0, NULL, NULL));
  tried("move_pages", syscall(SYS_move_pages, 1, 0, NULL, NULL, NULL, 0));
  tried("robust list", syscall(SYS_get_robust_list, 1, &here.iov_base, &there.iov_len));
}

static void signals(long amount) {
  char info[128] = { 0 };
  long worked = 0;
  struct f_owner_ex owner = { F_OWNER_TID, 2 };
  int fds[2];
  (void)amount;
  if (pipe(fds) != 0) exit(2);
  for (int tid = 1; tid <= 8; tid++) {
    for (int sig = 1; sig <= 64; sig++) {
      int done = syscall(SYS_kill, tid, sig) == 0;
      /* the C library's own signals end no thread of the runner either */
      done |= syscall(SYS_tkill, tid, sig) == 0;
      done |= syscall(SYS_tgkill, 1, tid, sig) == 0;
      done |= syscall(SYS_rt_sigqueueinfo, tid, sig, info) == 0;
      done |= syscall(SYS_rt_tgsigqueueinfo, 1, tid, sig, info) == 0;
      done |= syscall(SYS_kill, 0x100000000L | tid, sig) == 0;
      if (done && tid != getpid()) worked++;
    }
  }
  printf("%ld\n", worked);
  tried("pidfd_send_signal", syscall(SYS_pidfd_send_signal, open("/proc/1", O_DIRECTORY), SIGKILL, NULL, 0));
  tried("group", setpgid(0, 1));
  tried("group of signals", kill(-1, 0) == 0 ? 0 : -1);
  tried("owner of a descriptor", fcntl(fds[0], F_SETOWN, 1));
  tried("signal of a descriptor", fcntl(fds[0], F_SETSIG, 50));
  tried("thread as an owner", fcntl(fds[0], F_SETOWN_EX, &owner));
  tried("FIOSETOWN", ioctl(fds[0], 0x8901, &owner.pid));
  tried("SIOCSPGRP", ioctl(socket(AF_UNIX, SOCK_STREAM, 0), 0x8902, &owner.pid));
}

static void limits(long amount) {
  static const int resources[] = { RLIMIT_CPU, RLIMIT_NOFILE, RLIMIT_AS, RLIMIT_FSIZE, RLIMIT_NPROC, RLIMIT_STACK };
  struct rlimit none = { 0, 0 };
  struct sched_param param = { 0 };
  char attributes[56] = { 56 };
  cpu_set_t cpus;
  long worked = 0;
  (void)amount;
  CPU_ZERO(&cpus);
  CPU_SET(0, &cpus);
  for (long tid = 1; tid <= 8; tid++) {
    if (tid == getpid()) continue;
    for (int i = 0; i < 6; i++) {
      worked += syscall(SYS_prlimit64, tid, resources[i], &none, NULL) == 0;
      worked += syscall(SYS_prlimit64, tid | 0x500000000L, resources[i], &none, NULL) == 0;
    }
    worked += sched_setaffinity((int)tid, sizeof cpus, &cpus) == 0;
    worked += sched_setscheduler((int)tid, SCHED_IDLE, &param) == 0;
    worked += setpriority(PRIO_PROCESS, (unsigned)tid, 19) == 0;
    worked += syscall(SYS_sched_setattr, tid, attributes, 0) == 0;
    worked += syscall(SYS_ioprio_set, 1, tid, 0x6000) == 0;
  }
  printf("%ld\n", worked);
  tried("priority of the user", setpriority(PRIO_USER, 0, 19));
  tried("priority of the group", setpriority(PRIO_PGRP, 1, 19));
  tried("I/O priority of the user", syscall(SYS_ioprio_set, 3, getuid(), 0x6000));
}

/* An end that is told by another signal than usual, to whoever becomes the parent. */
static void strange_ends(long amount) {
  static const int signals[] = { 0, SIGKILL, SIGSTOP, SIGUSR1, SIGSEGV, 33, 64 };
  (void)amount;
  for (int i = 0; i < 7; i++) {
    if (fork() == 0) {
      long pid = syscall(SYS_clone, signals[i], 0, 0, 0, 0);
      if (pid == 0) { usleep(20000 + i * 1000); _exit(i); }
      _exit(0);
    }
  }
  while (wait(NULL) > 0) { }
  tried("as a sibling", syscall(SYS_clone, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0));
  usleep(60000);
}

/* Node listens at this port when it is told to by SIGUSR1. */
static void inspector(long amount) {
  (void)amount;
  for (int tid = 1; tid <= 8; tid++) { kill(tid, SIGUSR1); syscall(SYS_tgkill, 1, tid, SIGUSR1); }
  signal(SIGUSR1, SIG_IGN);
  kill(-1, SIGUSR1);
  usleep(100000);
  tried("socket", socket(AF_INET, SOCK_STREAM, 0));
  char text[4096] = { 0 };
  int fd = open("/proc/net/tcp", O_RDONLY);
  long length = read(fd, text, sizeof text - 1);
  int lines = 0;
  for (long i = 0; i < length; i++) lines += text[i] == '\n';
  /* the heading */
  printf("%d\n", lines);
}

int main(int argc, char **argv) {
  static const struct attack attacks[] = {
    { "look", look }, { "write", write_to }, { "trace", trace }, { "signals", signals }, { "limits", limits }, { "ends", strange_ends }, { "inspector", inspector }, { NULL, NULL }
  };
  signal(SIGUSR1, SIG_IGN);
  for (int sig = 1; sig <= 64; sig++) signal(sig, SIG_IGN);
  signal(SIGCHLD, SIG_DFL);
  return attack(argc, argv, attacks);
}
