/* What the kernel must not do for a program in a box. */
#include "attack.h"

static void namespaces(long amount) {
  static const struct { const char *name; long flag; } kinds[] = {
    { "mnt", CLONE_NEWNS }, { "cgroup", CLONE_NEWCGROUP }, { "uts", CLONE_NEWUTS }, { "ipc", CLONE_NEWIPC }, { "user", CLONE_NEWUSER }, { "pid", CLONE_NEWPID }, { "net", CLONE_NEWNET }, { "time", 0x80 }
  };
  char name[64];
  (void)amount;
  for (int i = 0; i < 8; i++) {
    snprintf(name, sizeof name, "unshare %s", kinds[i].name);
    tried(name, unshare((int)kinds[i].flag));
    /* of clone, these bits say which signal tells of the end */
    if (kinds[i].flag == 0x80) continue;
    snprintf(name, sizeof name, "clone %s", kinds[i].name);
    tried(name, syscall(SYS_clone, kinds[i].flag | SIGCHLD, 0, 0, 0, 0));
    snprintf(name, sizeof name, "clone %s with high bits", kinds[i].name);
    tried(name, syscall(SYS_clone, kinds[i].flag | SIGCHLD | 0x100000000L, 0, 0, 0, 0));
  }
  tried("setns", setns(open("/proc/self/ns/net", O_RDONLY), 0));
  char args[128] = { 0 };
  tried("clone3", syscall(435, args, 88));
}

static void mounts(long amount) {
  (void)amount;
  tried("mount", mount("x", "/tmp", "tmpfs", 0, ""));
  tried("bind", mount("/usr", "/tmp", NULL, MS_BIND, NULL));
  tried("remount", mount(NULL, "/usr", NULL, MS_REMOUNT | MS_BIND, NULL));
  tried("remount the root", mount(NULL, "/", NULL, MS_REMOUNT, NULL));
  tried("umount", umount2("/tmp", MNT_DETACH));
  tried("umount a mask", umount2("/proc/kcore", MNT_DETACH));
  tried("pivot_root", syscall(SYS_pivot_root, "/tmp", "/tmp"));
  tried("chroot", chroot("/tmp"));
  tried("fsopen", syscall(430, "tmpfs", 0));
  tried("open_tree", syscall(428, -100, "/", 1));
  tried("move_mount", syscall(429, -100, "/usr", -100, "/tmp", 0));
  tried("mount_setattr", syscall(442, -100, "/usr", 0, NULL, 0));
  tried("swapon", syscall(SYS_swapon, "/tmp/x", 0));
  tried("quotactl", syscall(SYS_quotactl, 0, "/", 0, NULL));
}

static void machine(long amount) {
  char args[128] = { 0 };
  struct timeval now = { 0, 0 };
  (void)amount;
  tried("io_uring_setup", syscall(425, 1, args));
  tried("io_setup", syscall(SYS_io_setup, 1, args));
  tried("userfaultfd", syscall(SYS_userfaultfd, 1));
  tried("bpf", syscall(SYS_bpf, 0, args, sizeof args));
  tried("perf_event_open", syscall(SYS_perf_event_open, args, 0, -1, -1, 0));
  tried("keyctl", syscall(SYS_keyctl, 0, -3, 1, 0, 0));
  tried("add_key", syscall(SYS_add_key, "user", "k", "v", 1, -2));
  tried("request_key", syscall(SYS_request_key, "user", "k", NULL, 0));
  tried("memfd_secret", syscall(447, 0));
  tried("seccomp", syscall(SYS_seccomp, 2, 0, NULL));
  tried("landlock", syscall(444, NULL, 0, 1));
  tried("init_module", syscall(SYS_init_module, args, 8, ""));
  tried("kexec_load", syscall(SYS_kexec_load, 0, 0, NULL, 0));
  tried("reboot", syscall(SYS_reboot, 0xfee1dead, 672274793, 0, NULL));
  tried("acct", syscall(SYS_acct, "/tmp/x"));
  tried("syslog", syscall(SYS_syslog, 3, args, sizeof args));
  tried("settimeofday", settimeofday(&now, NULL));
  tried("adjtimex", syscall(SYS_clock_adjtime, 0, args));
  tried("sethostname", sethostname("x", 1));
  tried("vhangup", syscall(SYS_vhangup));
  tried("name_to_handle_at", syscall(SYS_name_to_handle_at, -100, "/usr", args, args + 64, 0));
  tried("open_by_handle_at", syscall(SYS_open_by_handle_at, -100, args, 0));
  tried("fanotify_init", syscall(SYS_fanotify_init, 0, 0));
  tried("inotify_init", syscall(SYS_inotify_init1, 0));
  tried("vmsplice", syscall(SYS_vmsplice, 1, NULL, 0, 0));
  tried("cachestat", syscall(451, 0, NULL, NULL, 0));
  tried("shmget", syscall(SYS_shmget, 1, 4096, 01600));
  tried("semget", syscall(SYS_semget, 1, 1, 01600));
  tried("msgget", syscall(SYS_msgget, 1, 01600));
  tried("mq_open", syscall(SYS_mq_open, "q", O_CREAT | O_RDWR, 0600, NULL));
  tried("a call to come", syscall(1000));
  tried("read memory", open("/dev/mem", O_RDONLY));
  tried("read the log", open("/dev/kmsg", O_RDONLY));
  tried("make a file system", open("/dev/fuse", O_RDWR));
  tried("virtual machine", open("/dev/kvm", O_RDWR));
  tried("network device", open("/dev/net/tun", O_RDWR));
}

static void numbers(long amount) {
  char args[128] = { 0 };
  (void)amount;
  tried("READ_IMPLIES_EXEC", syscall(SYS_personality, 0x400000));
  tried("TIOCSTI", ioctl(0, TIOCSTI, "x"));
  tried("TIOCSTI with high bits", syscall(SYS_ioctl, 0, 0x100000000L | TIOCSTI, "x"));
  tried("TIOCLINUX", ioctl(0, 0x541c, args));
  tried("TIOCSCTTY", ioctl(0, TIOCSCTTY, 1));
  tried("FS_IOC_SETFLAGS", ioctl(open("/tmp", O_RDONLY), 0x40086602, args));
  tried("PR_SET_MM", prctl(PR_SET_MM, PR_SET_MM_START_STACK, 0, 0, 0));
  tried("PR_SET_SECCOMP", prctl(PR_SET_SECCOMP, 2, 0, 0, 0));
  tried("PR_CAP_AMBIENT", prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, 21, 0, 0));
  tried("PR_SET_SECUREBITS", prctl(PR_SET_SECUREBITS, 0, 0, 0, 0));
  tried("PR_SET_PTRACER", prctl(PR_SET_PTRACER, -1L, 0, 0, 0));
  tried("PR_SCHED_CORE", prctl(62, 1, 1, 0, 0));
  tried("huge pages", syscall(SYS_memfd_create, "m", 4));
  tried("lock a program", flock(open("/usr/bin/env", O_RDONLY), LOCK_SH));
  tried("lease", fcntl(open("/usr/bin/env", O_RDONLY), F_SETLEASE, F_RDLCK));
  tried("notice", fcntl(open("/usr/bin", O_RDONLY), F_NOTIFY, 1));
  tried("filter of a socket", setsockopt(socket(AF_UNIX, SOCK_DGRAM, 0), SOL_SOCKET, SO_ATTACH_FILTER, args, 16));
  tried("what is in memory", preadv2(open("/usr/bin/env", O_RDONLY), &(struct iovec){ args, 1 }, 1, 0, 8));
  tried("iopl", syscall(SYS_iopl, 3));
  tried("modify_ldt", syscall(SYS_modify_ldt, 0, args, sizeof args));
}

static void families(long amount) {
  char name[64];
  (void)amount;
  for (int family = 0; family < 64; family++) {
    for (int type = 1; type <= 10; type++) {
      int pair[2];
      if (family == AF_UNIX) continue;
      if (socket(family, type, 0) >= 0 || errno != EAFNOSUPPORT) { snprintf(name, sizeof name, "socket %d %d", family, type); tried(name, -1); }
      if (socketpair(family, type, 0, pair) == 0 || errno != EAFNOSUPPORT) { snprintf(name, sizeof name, "pair %d %d", family, type); tried(name, -1); }
    }
  }
  tried("UNIX with high bits", syscall(SYS_socket, 0x100000001L, SOCK_STREAM, 0));
}

static void identity(long amount) {
  (void)amount;
  printf("%d %d %d %d\n", getuid(), geteuid(), getgid(), getegid());
  tried("setuid", setuid(0));
  tried("setgid", setgid(0));
  tried("setresuid to the runner's", syscall(SYS_setresuid, 0, 0, 0));
  tried("setresgid to the runner's", syscall(SYS_setresgid, 0, 0, 0));
  tried("setresuid to another", syscall(SYS_setresuid, 1, 1, 1));
  tried("setfsuid", syscall(SYS_setfsuid, 0));
  tried("setgroups", syscall(SYS_setgroups, 1, (gid_t[]){ 0 }));
  tried("capset", syscall(SYS_capset, NULL, NULL));
  tried("bounding set", prctl(PR_CAPBSET_READ, 21, 0, 0, 0) == 1 ? 0 : -1);
  tried("no_new_privs off", prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0));
  printf("%d\n", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
  /* A setuid program is an ordinary one. */
  if (fork() == 0) {
    execl("/usr/bin/su", "su", "-c", "echo root", (char *)NULL);
    _exit(1);
  }
  wait(NULL);
}

static void raised(long amount) {
  static const struct { const char *name; int resource; } all[] = {
    { "core", RLIMIT_CORE }, { "processes", RLIMIT_NPROC }, { "files", RLIMIT_NOFILE }, { "file size", RLIMIT_FSIZE }, { "locked memory", RLIMIT_MEMLOCK },
    { "queues", RLIMIT_MSGQUEUE }, { "pending signals", RLIMIT_SIGPENDING }, { "stack", RLIMIT_STACK }, { "niceness", RLIMIT_NICE }, { "real-time", RLIMIT_RTPRIO }
  };
  (void)amount;
  for (int i = 0; i < 10; i++) {
    struct rlimit limit = { RLIM_INFINITY, RLIM_INFINITY }, old;
    getrlimit(all[i].resource, &old);
    tried(all[i].name, setrlimit(all[i].resource, &limit));
    /* of its child: it has no more than its parent */
    tried("", syscall(SYS_prlimit64, getpid(), all[i].resource, &limit, NULL));
    if (old.rlim_max == RLIM_INFINITY) printf("%s has no limit\n", all[i].name);
  }
}

static void foreign(long amount) {
#if defined(__x86_64__)
  if (amount == 32) { int r; __asm__ volatile("int $0x80" : "=a"(r) : "a"(20)); printf("%d\n", r); }
  else printf("%ld\n", syscall(0x40000000 | SYS_getpid));
#else
  (void)amount;
#endif
}

int main(int argc, char **argv) {
  static const struct attack attacks[] = {
    { "namespaces", namespaces }, { "mounts", mounts }, { "machine", machine }, { "numbers", numbers }, { "families", families }, { "identity", identity },
    { "raised", raised }, { "foreign", foreign }, { NULL, NULL }
  };
  return attack(argc, argv, attacks);
}
