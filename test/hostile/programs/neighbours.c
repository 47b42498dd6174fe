/* Two programs in two boxes: one leaves whatever it can, the other looks for it. */
#include "attack.h"
#include <dirent.h>

static const char *const PLACES[] = { "/tmp/neighbour", "/dev/shm/neighbour", "/work/neighbour", "/var/tmp/neighbour", "/run/neighbour", "/dev/mqueue/neighbour" };
static const struct sockaddr_un ADDRESS = { AF_UNIX, "\0neighbour" };

static struct msghdr *carrying(int count) {
  static char byte, control[CMSG_SPACE(64 * sizeof(int))];
  static struct iovec io = { &byte, 1 };
  static struct msghdr message;
  message = (struct msghdr){ .msg_iov = &io, .msg_iovlen = 1, .msg_control = control, .msg_controllen = CMSG_SPACE(count * sizeof(int)) };
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET; header->cmsg_type = SCM_RIGHTS; header->cmsg_len = CMSG_LEN(count * sizeof(int));
  for (int i = 0; i < count; i++) ((int *)CMSG_DATA(header))[i] = 1;
  return &message;
}

static void leave(long amount) {
  (void)amount;
  prctl(PR_SET_NAME, "neighbour", 0, 0, 0);
  for (int i = 0; i < 6; i++) close(open(PLACES[i], O_CREAT | O_WRONLY, 0666));
  int listening = socket(AF_UNIX, SOCK_STREAM, 0);
  bind(listening, (const struct sockaddr *)&ADDRESS, sizeof ADDRESS);
  listen(listening, 5);
  struct flock lock = { .l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = 4747, .l_len = 1 };
  fcntl(open("/usr/bin/env", O_RDONLY), F_SETLK, &lock);
  fcntl(open("/usr/bin/cat", O_RDONLY), F_OFD_SETLK, &lock);
  flock(open("/usr/bin/ls", O_RDONLY), LOCK_EX);
  fcntl(open("/usr/bin/ls", O_RDONLY), F_SETLEASE, F_RDLCK);
  syscall(SYS_shmget, 4747, 4096, 01666);
  syscall(SYS_msgget, 4747, 01666);
  syscall(SYS_semget, 4747, 1, 01666);
  syscall(SYS_add_key, "user", "neighbour", "v", 1, -4);
  utimensat(AT_FDCWD, "/usr/bin/env", NULL, 0);
  utimensat(AT_FDCWD, "/dev/null", NULL, 0);
  for (int i = 0; i < 20; i++) open("/dev/ptmx", O_RDWR | O_NOCTTY);
  for (int i = 0; i < 100; i++) { int pair[2]; if (pipe(pair) == 0) fcntl(pair[1], F_SETPIPE_SZ, MIB); }
  for (int child = 0; child < 8; child++) {
    if (fork() != 0) continue;
    for (int i = 0; i < 100; i++) { int pair[2]; if (socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) == 0) { sendmsg(pair[0], carrying(60), MSG_DONTWAIT); close(pair[0]); } }
    for (;;) pause();
  }
  puts("left");
  for (;;) pause();
}

static void locked(const char *name, const char *path, int command) {
  struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 4747, .l_len = 1 };
  int result = fcntl(open(path, O_RDONLY), command, &lock);
  printf("%s\t%s\n", name, result == 0 ? lock.l_type == F_UNLCK ? "free" : "locked" : strerrorname_np(errno));
}

static void look(long amount) {
  char text[4096];
  int pair[2], found = 0, others = 0;
  (void)amount;
  for (int i = 0; i < 6; i++) tried(PLACES[i], access(PLACES[i], F_OK));
  tried("abstract socket", connect(socket(AF_UNIX, SOCK_STREAM, 0), (const struct sockaddr *)&ADDRESS, sizeof ADDRESS));
  tried("shared memory", syscall(SYS_shmget, 4747, 0, 0));
  tried("message queue", syscall(SYS_msgget, 4747, 0));
  tried("semaphore", syscall(SYS_semget, 4747, 0, 0));
  tried("POSIX queue", syscall(SYS_mq_open, "neighbour", O_RDONLY, 0, NULL));
  tried("key", syscall(SYS_request_key, "user", "neighbour", NULL, 0));
  locked("lock of a file of the system", "/usr/bin/env", F_GETLK);
  locked("open file lock", "/usr/bin/cat", F_OFD_GETLK);
  tried("flock", flock(open("/usr/bin/ls", O_RDONLY), LOCK_SH | LOCK_NB));
  tried("lease", fcntl(open("/usr/bin/ls", O_RDONLY), F_GETLEASE));
  DIR *proc = opendir("/proc");
  for (struct dirent *entry; (entry = readdir(proc)) != NULL; ) {
    int pid = atoi(entry->d_name), fd;
    if (pid <= 0) continue;
    others++;
    snprintf(text, sizeof text, "/proc/%d/comm", pid);
    if ((fd = open(text, O_RDONLY)) >= 0) { text[0] = 0; if (read(fd, text, sizeof text) > 0) found |= strncmp(text, "neighbour", 9) == 0 && pid != getpid(); close(fd); }
  }
  printf("processes\t%d %s\n", others, found ? "found" : "alone");
  int signalled = 0;
  for (int pid = 2; pid < 100000; pid++) if (pid != getpid()) signalled += kill(pid, 0) == 0 || errno == EPERM;
  /* its runner's threads answer EPERM */
  printf("signals\t%s\n", signalled < 16 ? "none" : "some");
  int fd = open("/proc/locks", O_RDONLY);
  printf("list of locks\t%s\n", fd >= 0 && read(fd, text, sizeof text) > 0 ? "some" : "empty");
  fd = open("/proc/sys/kernel/pty/nr", O_RDONLY);
  long length = fd < 0 ? 0 : read(fd, text, sizeof text - 1);
  text[length > 0 ? length : 0] = 0;
  printf("count of terminals\t%s\n", fd < 0 || length <= 0 ? "hidden" : atoi(text) >= 20 ? "seen" : "none");
  int terminal = open("/dev/ptmx", O_RDWR | O_NOCTTY);
  tried("first terminal", terminal < 0 ? 0 : access("/dev/pts/0", F_OK));
  tried("other terminals", access("/dev/pts/5", F_OK));
  if (pipe(pair) != 0) exit(2);
  printf("room in a pipe\t%d\n", fcntl(pair[0], F_GETPIPE_SZ));
  printf("room in a large pipe\t%d\n", fcntl(pair[0], F_SETPIPE_SZ, MIB));
  if (socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) != 0) exit(2);
  tried("descriptor on its way", sendmsg(pair[0], carrying(1), MSG_DONTWAIT));
}

int main(int argc, char **argv) {
  static const struct attack attacks[] = { { "leave", leave }, { "look", look }, { NULL, NULL } };
  return attack(argc, argv, attacks);
}
