/* Programs that want more memory than they have, in all the places where there is some. */
#include "attack.h"

/* Private memory until there is none; how many MiB. */
static void private_memory(long amount) {
  long got = 0;
  while (got < amount && take(MIB, MAP_PRIVATE) != NULL) got++;
  printf("%ld\n", got);
  if (got < amount) exit(1);
}

static void shared_memory(long amount) { if (take(amount * MIB, MAP_SHARED) == NULL) exit(1); pause(); }

static void of_many(long amount) {
  for (int i = 0; i < 8; i++) if (fork() == 0) { take(amount / 8 * MIB, MAP_PRIVATE); pause(); }
  pause();
}

static void among_many(long amount) {
  char *p = take(amount * MIB, MAP_SHARED);
  for (int i = 0; i < 7; i++) {
    if (fork() == 0) {
      long s = 0;
      for (long at = 0; at < amount * MIB; at += 4096) s += p[at];
      burn(100 + s % 2);
      usleep(400000);
      _exit(0);
    }
  }
  while (wait(NULL) > 0) { }
}

/* Nobody may ask such a process how much of its memory is its own. */
static void undumpable(long amount) { prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); of_many(amount); }

static void huge(long amount) {
  tried("map", mmap(NULL, (size_t)amount << 40, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -1 : 0);
  tried("huge pages", mmap(NULL, 2 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0) == MAP_FAILED ? -1 : 0);
  tried("lock", mlock(take(16 * MIB, MAP_PRIVATE), 16 * MIB));
  tried("lock all", mlockall(MCL_CURRENT | MCL_FUTURE));
}

static int deeper(volatile int depth) { return depth < 0 ? 0 : 1 + deeper(depth + 1); }

static void recursion(long amount) { printf("%d\n", deeper((int)amount)); }

static void memfds(long amount) {
  char *block = take(MIB, MAP_PRIVATE);
  for (long i = 0; i < amount; i++) {
    int fd = (int)syscall(SYS_memfd_create, "m", 0);
    if (fd < 0) { tried("memfd_create", -1); return; }
    if (write(fd, block, MIB) != MIB) { tried("write", -1); return; }
  }
  pause();
}

/* Messages that nobody takes. How many MiB went in. */
static void sockets(long amount) {
  char *block = take(64 * 1024, MAP_PRIVATE);
  long sent = 0;
  for (long i = 0; i < amount; i++) {
    int pair[2], size = 64 * MIB;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) != 0) { tried("socketpair", -1); break; }
    setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    tried(i == 0 ? "larger by force" : "", setsockopt(pair[0], SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size));
    for (long n; (n = write(pair[0], block, 64 * 1024)) > 0; ) sent += n;
  }
  printf("%ld\n", sent / MIB);
}

static void pipes(long amount) {
  char *block = take(MIB, MAP_PRIVATE);
  long sent = 0;
  for (long i = 0; i < amount; i++) {
    int pair[2];
    if (pipe2(pair, O_NONBLOCK) != 0) { tried("pipe", -1); break; }
    fcntl(pair[1], F_SETPIPE_SZ, MIB);
    for (long n; (n = write(pair[1], block, MIB)) > 0; ) sent += n;
  }
  printf("%ld\n", sent / MIB);
}

/*
 * Reading memory that was never written takes nothing of it, but one page of
 * the kernel for each 2 MiB, to note where nothing is.
 */
static void page_tables(long amount) {
  long span = amount << 29, step = 2 * MIB;
  volatile char *p = mmap(NULL, span, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  long sum = 0;
  if (p == MAP_FAILED) exit(3);
  madvise((void *)p, span, MADV_NOHUGEPAGE);
  for (long at = 0; at < span; at += step) sum += p[at];
  puts("taken");
  usleep(2000000);
  exit((int)sum);
}

/* Locks of parts of a file are the kernel's memory. `amount` thousands, in so many files that none has a long list. */
static void locks(long amount) {
  long made = 0;
  for (long file = 0; file < amount; file++) {
    char name[64];
    snprintf(name, sizeof name, "/tmp/%ld", file % 200);
    int fd = open(name, O_CREAT | O_RDWR, 0600);
    if (fd < 0) { tried("open", -1); break; }
    for (long at = 0; at < 1000; at++, made++) {
      struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = (file / 200 * 1000 + at) * 2, .l_len = 1 };
      if (fcntl(fd, F_SETLK, &lock) != 0) { tried("lock", -1); printf("%ld\n", made); exit(1); }
    }
    /* the descriptor stays open: closing any would drop them */
  }
  printf("%ld\n", made);
}

/* Descriptors on their way through a socket that nobody reads from. */
static void in_flight(long amount) {
  long made = 0;
  for (; made < amount; made++) {
    int pair[2], fds[64];
    char control[CMSG_SPACE(sizeof fds)] = { 0 }, byte = 0;
    struct iovec io = { &byte, 1 };
    struct msghdr message = { .msg_iov = &io, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control };
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    if (socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) != 0) { tried("socketpair", -1); break; }
    for (int i = 0; i < 64; i++) fds[i] = 1;
    header->cmsg_level = SOL_SOCKET; header->cmsg_type = SCM_RIGHTS; header->cmsg_len = CMSG_LEN(sizeof fds);
    memcpy(CMSG_DATA(header), fds, sizeof fds);
    if (sendmsg(pair[0], &message, MSG_DONTWAIT) < 0) { tried("send", -1); break; }
    close(pair[0]);
  }
  printf("%ld\n", made);
}

int main(int argc, char **argv) {
  static const struct attack attacks[] = {
    { "private", private_memory }, { "shared", shared_memory }, { "of-many", of_many }, { "among-many", among_many }, { "undumpable", undumpable },
    { "huge", huge }, { "recursion", recursion }, { "memfds", memfds }, { "sockets", sockets }, { "pipes", pipes }, { "page-tables", page_tables },
    { "locks", locks }, { "in-flight", in_flight }, { NULL, NULL }
  };
  return attack(argc, argv, attacks);
}
