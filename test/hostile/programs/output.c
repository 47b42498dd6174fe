/* Programs that print more than they may, or make of their output something else. */
#include "attack.h"

static char block[65536];

static void flood(int fd) { for (;;) if (write(fd, block, sizeof block) < 0) usleep(1000); }

static void deaf_flood(long fd) { signal(SIGXFSZ, SIG_IGN); signal(SIGPIPE, SIG_IGN); flood((int)fd); }

static void plain_flood(long fd) { flood((int)fd); }

static void sparse(long amount) {
  (void)amount;
  if (lseek(1, 1L << 40, SEEK_SET) < 0) exit(2);
  for (;;) if (write(1, "x", 1) != 1) exit(3);
}

/* Opened anew it is a file like any other. */
static void reopened(long amount) {
  int fd = open("/proc/self/fd/1", O_WRONLY);
  if (fd < 0) exit(2);
  if (lseek(fd, amount * MIB, SEEK_SET) < 0 || write(fd, "x", 1) != 1) exit(3);
}

static void longer(long amount) { if (ftruncate(1, amount * MIB) != 0) exit(3); }

/* Its own output, whatever it does to it. */
static void changed(long amount) {
  int seals = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW;
  (void)amount;
  tried("seal", fcntl(1, F_ADD_SEALS, seals));
  tried("lease", fcntl(1, F_SETLEASE, F_WRLCK));
  tried("name", linkat(AT_FDCWD, "/proc/self/fd/1", AT_FDCWD, "/tmp/name", AT_SYMLINK_FOLLOW));
  tried("mode", fchmod(1, 0));
  tried("attribute", (long)syscall(SYS_fsetxattr, 1, "user.x", "x", 1, 0));
  tried("flags", ioctl(1, 0x40086602, &seals));
}

/* After the program's end, somebody still writes. */
static void afterwards(long amount) {
  (void)amount;
  if (fork() == 0) { setsid(); signal(SIGXFSZ, SIG_IGN); for (;;) if (write(1, "later\n", 6) < 0) usleep(1000); }
  usleep(20000);
}

/* Has the output's two ends itself, and takes back what it wrote. */
static void taken_back(long amount) {
  char piece[64];
  int fd = open("/proc/self/fd/1", O_RDONLY | O_NONBLOCK);
  (void)amount;
  fcntl(1, F_SETPIPE_SZ, 4096);
  fcntl(1, F_SETFL, O_NONBLOCK);
  for (int i = 0; i < 2000; i++) {
    if (write(1, block, 64) < 0) usleep(100);
    if (fd >= 0 && read(fd, piece, sizeof piece) < 0) usleep(10);
  }
}

static void bytes(long amount) {
  (void)amount;
  for (int i = 0; i < 256; i++) putchar(i);
  for (int i = 0; i < 256; i++) fputc(255 - i, stderr);
  fflush(stdout);
  exit(0);
}

int main(int argc, char **argv) {
  static const struct attack attacks[] = {
    { "flood", plain_flood }, { "deaf", deaf_flood }, { "sparse", sparse }, { "reopened", reopened }, { "longer", longer }, { "changed", changed },
    { "afterwards", afterwards }, { "taken-back", taken_back }, { "bytes", bytes }, { NULL, NULL }
  };
  return attack(argc, argv, attacks);
}
