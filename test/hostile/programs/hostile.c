/* Attacks on a box, one per word of the command line. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MIB (1024L * 1024)

/* Says the attack's name when it worked. */
static void tried(const char *name, long result) {
  if (result >= 0) printf("%s worked: %ld\n", name, result);
}

/* CPU time of this process. */
static long used_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void burn(long ms) { while (used_ms() < ms) { } }

static char *take(long bytes, int flags) {
  char *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) return NULL;
  for (long i = 0; i < bytes; i += 4096) p[i] = 1;
  return p;
}

static void attack_runner(void) {
  char byte = 0;
  struct iovec here = { &byte, 1 }, there = { (void *)0x10000, 1 };
  struct rlimit none = { 0, 0 };
  struct sched_param param = { 0 };
  cpu_set_t cpus;
  char info[128] = { 0 };
  int fds[2];
  CPU_ZERO(&cpus);
  CPU_SET(0, &cpus);
  if (pipe(fds) != 0) exit(2);

  tried("open /proc/1/mem", open("/proc/1/mem", O_RDWR));
  tried("open /proc/1/maps", open("/proc/1/maps", O_RDONLY));
  tried("open /proc/1/environ", open("/proc/1/environ", O_RDONLY));
  tried("open /proc/1/fd/3", open("/proc/1/fd/3", O_RDWR));
  tried("open /proc/1/root", open("/proc/1/root", O_RDONLY));
  tried("process_vm_readv", process_vm_readv(1, &here, 1, &there, 1, 0));
  tried("process_vm_writev", process_vm_writev(1, &here, 1, &there, 1, 0));
  tried("ptrace attach", ptrace(PTRACE_ATTACH, 1, 0, 0));
  tried("ptrace seize", ptrace(PTRACE_SEIZE, 1, 0, 0));
  tried("pidfd_open", syscall(SYS_pidfd_open, 1, 0));
  tried("pidfd_getfd", syscall(438, fds[0], 3, 0));
  tried("kcmp", syscall(SYS_kcmp, 1, getpid(), 0, 0, 0));
  tried("process group", setpgid(0, 1));
  tried("F_SETOWN", fcntl(fds[0], F_SETOWN, 1));
  tried("F_SETSIG", fcntl(fds[0], F_SETSIG, 50));
  struct f_owner_ex owner = { F_OWNER_TID, 2 };
  tried("F_SETOWN_EX", fcntl(fds[0], F_SETOWN_EX, &owner));
  tried("FIOSETOWN", ioctl(fds[0], 0x8901, &owner.pid));
  tried("sched_setaffinity", sched_setaffinity(1, sizeof cpus, &cpus));
  tried("sched_setscheduler", sched_setscheduler(1, SCHED_IDLE, &param));
  tried("setpriority", setpriority(PRIO_PROCESS, 1, 19));
  tried("ioprio_set", syscall(SYS_ioprio_set, 1, 1, 0));

  for (int tid = 1; tid <= 5; tid++) {
    tried("prlimit", prlimit(tid, RLIMIT_CPU, &none, NULL));
    tried("tkill", syscall(SYS_tkill, tid, SIGKILL));
    tried("tgkill", syscall(SYS_tgkill, 1, tid, SIGUSR1));
    tried("rt_sigqueueinfo", syscall(SYS_rt_sigqueueinfo, tid, SIGUSR1, info));
    tried("migrate_pages", syscall(SYS_migrate_pages, tid, 0, NULL, NULL));
  }

  for (int sig = 1; sig <= 64; sig++) tried("kill", kill(1, sig));
  tried("kill with high bits", syscall(SYS_kill, 0x100000001L, SIGKILL));
}

static void attack_kernel(void) {
  static const int flags[] = { 0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000, 0x00000080 };
  char args[128] = { 0 };
  struct rlimit endless = { RLIM_INFINITY, RLIM_INFINITY };

  for (unsigned i = 0; i < sizeof flags / sizeof *flags; i++) {
    tried("unshare", unshare(flags[i]));
    if (flags[i] != 0x80) tried("clone", syscall(SYS_clone, flags[i] | SIGCHLD, 0, 0, 0, 0));
  }

  tried("setns", setns(0, 0));
  tried("clone3", syscall(435, args, 88));
  tried("mount", mount("x", "/tmp", "tmpfs", 0, ""));
  tried("umount", umount2("/tmp", MNT_DETACH));
  tried("remount", mount(NULL, "/usr", NULL, MS_REMOUNT | MS_BIND, NULL));
  tried("fsopen", syscall(430, "tmpfs", 0));
  tried("open_tree", syscall(428, -100, "/", 1));
  tried("pivot_root", syscall(SYS_pivot_root, "/tmp", "/tmp"));
  tried("chroot", chroot("/tmp"));
  tried("io_uring_setup", syscall(425, 1, args));
  tried("userfaultfd", syscall(SYS_userfaultfd, 1));
  tried("bpf", syscall(SYS_bpf, 0, args, sizeof args));
  tried("perf_event_open", syscall(SYS_perf_event_open, args, 0, -1, -1, 0));
  tried("keyctl", syscall(SYS_keyctl, 0, -3, 1, 0, 0));
  tried("add_key", syscall(SYS_add_key, "user", "k", "v", 1, -2));
  tried("memfd_create", syscall(SYS_memfd_create, "m", 0));
  tried("memfd_secret", syscall(447, 0));
  tried("seccomp", syscall(SYS_seccomp, 2, 0, NULL));
  tried("name_to_handle_at", syscall(SYS_name_to_handle_at, -100, "/usr", args, args + 64, 0));
  tried("shmget", syscall(SYS_shmget, 1, 4096, 01600));
  tried("mq_open", syscall(SYS_mq_open, "q", O_CREAT | O_RDWR, 0600, NULL));
  tried("flock", flock(open("/usr/bin/env", O_RDONLY), LOCK_SH));
  tried("TIOCSTI", ioctl(0, TIOCSTI, "x"));
  tried("device", mknod("/tmp/null", S_IFCHR | 0666, 0x103));
  tried("hard link", link("/usr/bin/env", "/work/env"));
  tried("sethostname", sethostname("x", 1));
  tried("core size", setrlimit(RLIMIT_CORE, &endless));
  tried("data size", setrlimit(RLIMIT_DATA, &endless));
  tried("processes", setrlimit(RLIMIT_NPROC, &endless));
  tried("16 TiB", mmap(NULL, 16L << 40, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -1 : 0);
  tried("read memory", open("/dev/mem", O_RDONLY));
  tried("read kernel", open("/proc/kcore", O_RDONLY));
  tried("core pattern", open("/proc/sys/kernel/core_pattern", O_WRONLY));
  tried("sysrq", open("/proc/sysrq-trigger", O_WRONLY));
  tried("oom score of 1", open("/proc/1/oom_score_adj", O_WRONLY));
  tried("system", open("/usr/x", O_CREAT | O_WRONLY, 0600));
  tried("own interpreter", open("/usr/bin/env", O_WRONLY));
  tried("runner's file", open("/box/runner.cjs", O_WRONLY));

  for (int family = 0; family < 46; family++)
    for (int type = 1; type <= 5; type++)
      if (family != AF_UNIX) tried("socket", socket(family, type, 0));
}

static void attack_identity(void) {
  if (getuid() == 0 || geteuid() == 0) puts("root");
  tried("setuid", setuid(0));
  tried("setresuid", syscall(SYS_setresuid, 0, 0, 0));
  tried("setresgid", syscall(SYS_setresgid, 0, 0, 0));
  tried("setgroups", syscall(SYS_setgroups, 0, NULL));
  tried("capset", syscall(SYS_capset, NULL, NULL));
  tried("chown", chown("/work", 0, 0));
  tried("bounding set", prctl(PR_CAPBSET_READ, 21, 0, 0, 0) == 1 ? 0 : -1);
  tried("keep capabilities", prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0));
  tried("no_new_privs off", prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0));
  tried("no_new_privs is off", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? -1 : 0);

  /* A setuid program is an ordinary one. */
  if (fork() == 0) {
    execl("/usr/bin/su", "su", "-c", "echo root", (char *)NULL);
    _exit(1);
  }
  wait(NULL);
}

static void *endless_thread(void *arg) { pause(); return arg; }

static void thread_bomb(void) {
  pthread_t thread;
  int made = 0;
  while (made < 1000 && pthread_create(&thread, NULL, endless_thread, NULL) == 0) made++;
  printf("%d\n", made);
}

static void fork_bomb(int session) {
  for (;;) if (fork() == 0 && session) setsid();
}

/* Processes that nobody waits for: a daemon, a subreaper's grandchildren, a sibling. */
static void families(void) {
  if (fork() == 0) {
    setsid();
    if (fork() == 0) pause();
    _exit(0);
  }
  if (fork() == 0) {
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    for (int i = 0; i < 3; i++) if (fork() == 0) { if (fork() == 0) pause(); _exit(0); }
    pause();
  }
  if (syscall(SYS_clone, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0) == 0) pause();
  usleep(100000);
}

/* Signals at the runner's group and threads, while there is much to clean up. */
static void storm(void) {
  signal(50, SIG_IGN);
  setpgid(0, 1);
  for (int i = 0; i < 4; i++) if (fork() == 0) for (;;) { kill(0, 50); for (int tid = 1; tid < 8; tid++) syscall(SYS_tkill, tid, 50); }
  for (int i = 0; i < 16; i++) if (fork() == 0) for (;;) { }
  usleep(150000);
}

/* What an earlier run may have left. */
static void state(void) {
  static const char *places[] = { "/tmp/mark", "/dev/shm/mark", "/work/mark", "/box/out/mark" };
  struct sockaddr_un address = { AF_UNIX, "\0mark" };
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);

  for (int i = 0; i < 4; i++) {
    if (access(places[i], F_OK) == 0) printf("found %s\n", places[i]);
    close(open(places[i], O_CREAT | O_WRONLY, 0600));
  }
  if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0) puts("found the socket");
  if (fork() == 0) { setsid(); pause(); }
}

int main(int argc, char **argv) {
  const char *attack = argc > 1 ? argv[1] : "";
  long amount = argc > 2 ? atol(argv[2]) : 0;
  setvbuf(stdout, NULL, _IOLBF, 0);

  if (strcmp(attack, "runner") == 0) attack_runner();
  else if (strcmp(attack, "kernel") == 0) attack_kernel();
  else if (strcmp(attack, "identity") == 0) attack_identity();
  else if (strcmp(attack, "threads") == 0) thread_bomb();
  else if (strcmp(attack, "forks") == 0) fork_bomb(0);
  else if (strcmp(attack, "sessions") == 0) fork_bomb(1);
  else if (strcmp(attack, "families") == 0) families();
  else if (strcmp(attack, "storm") == 0) storm();
  else if (strcmp(attack, "state") == 0) state();
  else if (strcmp(attack, "shared-memory") == 0) { if (take(amount * MIB, MAP_SHARED) == NULL) return 1; pause(); }
  else if (strcmp(attack, "private-memory") == 0) return take(amount * MIB, MAP_PRIVATE) == NULL ? 0 : 1;
  else if (strcmp(attack, "memory-of-many") == 0) { for (int i = 0; i < 4; i++) if (fork() == 0) { take(amount / 4 * MIB, MAP_PRIVATE); pause(); } pause(); }
  else if (strcmp(attack, "shared-by-many") == 0) { char *p = take(amount * MIB, MAP_SHARED); for (int i = 0; i < 7; i++) if (fork() == 0) { long s = 0; for (long at = 0; at < amount * MIB; at += 4096) s += p[at]; burn(100 + s % 2); usleep(400000); _exit(0); } while (wait(NULL) > 0) { } }
  else if (strcmp(attack, "cpu-of-many") == 0) { for (int i = 0; i < 4; i++) if (fork() == 0) for (;;) { } pause(); }
  else if (strcmp(attack, "cpu-of-orphan") == 0) { int fds[2]; char c; if (pipe(fds) != 0) return 2; if (fork() == 0) { if (fork() == 0) { burn(amount); if (write(fds[1], "x", 1) != 1) _exit(1); pause(); } _exit(0); } wait(NULL); if (read(fds[0], &c, 1) != 1) return 2; }
  else if (strcmp(attack, "sparse") == 0) { if (lseek(1, 1L << 40, SEEK_SET) < 0) return 2; for (;;) if (write(1, "x", 1) != 1) return 3; }
  else if (strcmp(attack, "deaf-to-size") == 0) { char block[65536] = { 0 }; signal(SIGXFSZ, SIG_IGN); signal(SIGPIPE, SIG_IGN); for (;;) if (write(1, block, sizeof block) < 0) usleep(1000); }
  else if (strcmp(attack, "inodes") == 0) { char name[32]; for (long i = 0; ; i++) { snprintf(name, sizeof name, "/tmp/%ld", i); close(open(name, O_CREAT | O_WRONLY, 0600)); } }
  else if (strcmp(attack, "crash") == 0) { *(volatile int *)0 = 0; }
  else if (strcmp(attack, "x32") == 0) return (int)syscall(0x40000000 | SYS_getpid);
  else return 2;

  puts("end");
  return 0;
}
