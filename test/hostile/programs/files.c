/* Programs that fill, bury and leave files, and hold on to them. */
#include "attack.h"

static const char *const FOLDERS[] = { "/tmp", "/dev/shm", "/work" };

static void fill(long folder) {
  static char block[MIB];
  char name[64];
  snprintf(name, sizeof name, "%s/large", FOLDERS[folder]);
  int fd = open(name, O_CREAT | O_WRONLY, 0600);
  for (;;) if (write(fd, block, sizeof block) < 0) { tried("write", -1); pause(); }
}

/* Takes room without writing a byte. */
static void allocate(long amount) {
  for (int i = 0; ; i++) {
    char name[64];
    snprintf(name, sizeof name, "%s/%d", FOLDERS[i % 3], i);
    if (fallocate(open(name, O_CREAT | O_WRONLY, 0600), 0, 0, amount * MIB) != 0) { tried("allocate", -1); pause(); }
  }
}

/* Without a name, and still there. */
static void unlinked(long amount) {
  static char block[MIB];
  for (long i = 0; i < amount; i++) {
    int fd = open("/tmp", O_TMPFILE | O_WRONLY, 0600);
    if (write(fd, block, sizeof block) < 0) { tried("write", -1); break; }
  }
  pause();
}

static void inodes(long amount) {
  char name[64];
  (void)amount;
  for (long i = 0; ; i++) {
    snprintf(name, sizeof name, "/tmp/%ld", i);
    if (mknod(name, S_IFIFO | 0600, 0) != 0) { tried("make", -1); pause(); }
  }
}

/* Names of one file. */
static void names(long amount) {
  char name[300];
  (void)amount;
  close(open("/tmp/a", O_CREAT | O_WRONLY, 0600));
  for (long i = 0; ; i++) {
    snprintf(name, sizeof name, "/tmp/%0250ld", i);
    if (link("/tmp/a", name) != 0) { tried("link", -1); pause(); }
  }
}

static void deep(long amount) {
  for (long i = 0; i < amount; i++) {
    if (mkdir("d", 0700) != 0 || chdir("d") != 0) { tried("deeper", -1); return; }
  }
}

static void descriptors(long amount) {
  long made = 0;
  for (; made < amount; made++) if (open("/dev/null", O_RDONLY) < 0) { int error = errno; tried("open", -1); errno = error; break; }
  int error = errno;
  printf("%ld\n", made);
  errno = error;
  if (made < amount && amount <= 10000) perror("files");
  if (made < amount) exit(1);
}

static void too_long(long amount) {
  static char block[MIB];
  int fd = open("long", O_CREAT | O_WRONLY, 0600);
  if (amount != 0) signal(SIGXFSZ, SIG_IGN);
  for (;;) if (write(fd, block, sizeof block) < 0) { tried("write", -1); return; }
}

/* What an earlier run may have left. */
static void state(long amount) {
  static const char *places[] = { "/tmp/mark", "/dev/shm/mark", "/work/mark", "/work/folder/mark", "/box/out/mark", "/dev/mqueue/mark" };
  struct sockaddr_un address = { AF_UNIX, "\0mark" };
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  (void)amount;
  mkdir("/work/folder", 0700);
  for (int i = 0; i < 6; i++) {
    if (access(places[i], F_OK) == 0) printf("found %s\n", places[i]);
    close(open(places[i], O_CREAT | O_WRONLY, 0600));
  }
  if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0) puts("found the socket");
  if (fork() == 0) { setsid(); chdir("/tmp"); pause(); }
}

/* Everything that whoever cleans up might stumble over. */
static void traps(long amount) {
  (void)amount;
  tried("socket's name", bind(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&(struct sockaddr_un){ AF_UNIX, "/work/socket" }, sizeof(struct sockaddr_un)));
  tried("pipe", mkfifo("/work/pipe", 0));
  tried("link to a secret", symlink("/etc/shadow", "/work/link"));
  tried("link to the runner", symlink("/proc/1/environ", "/tmp/link"));
  tried("link to itself", symlink("loop", "/work/loop"));
  tried("folder", mkdir("/work/closed", 0700));
  tried("file in it", open("/work/closed/x", O_CREAT, 0));
  tried("no rights", chmod("/work/closed", 0));
  tried("name of bytes", open("/work/\xff\n\x1b[2J", O_CREAT | O_WRONLY, 0600));
  tried("strange mode", chmod("/work", 0));
  tried("folder of a link", rename("/work/loop", "/tmp/loop"));
}

/* The payload as the next run finds it. */
static void payload(long amount) {
  char text[16] = { 0 };
  int fd = open("data", O_RDONLY | O_NONBLOCK | O_NOFOLLOW);
  (void)amount;
  if (read(fd, text, sizeof text - 1) < 0) exit(3);
  printf("%s\n", text);
  if (read(0, text, sizeof text - 1) < 0) exit(4);
  tried("remove itself", unlink("/work/files"));
  tried("own place", symlink("/usr/bin/env", "/work/files"));
  tried("remove data", unlink("data"));
  tried("data is a pipe", mkfifo("data", 0600));
}

/* Whose content stays as it was is still written to: by a mapping. */
static void mapped(long amount) {
  int fd = open("data", O_RDWR);
  char *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  (void)amount;
  if (p == MAP_FAILED) exit(3);
  printf("%.4s\n", p);
  memcpy(p, "evil", 4);
  if (fork() == 0) { setsid(); for (;;) p[0] = 'e'; }
}

static void links(long amount) {
  (void)amount;
  tried("program of the system", link("/usr/bin/env", "/work/env"));
  tried("by its descriptor", linkat(open("/usr/bin/env", O_RDONLY), "", AT_FDCWD, "/work/env", AT_EMPTY_PATH));
  tried("by /proc", linkat(AT_FDCWD, "/proc/self/exe", AT_FDCWD, "/tmp/self", AT_SYMLINK_FOLLOW));
  tried("from folder to folder", rename("/work/files", "/tmp/files"));
  tried("device", mknod("/tmp/null", S_IFCHR | 0666, 0x103));
  tried("block device", mknod("/tmp/disk", S_IFBLK | 0666, 0x800));
  tried("setuid", chmod("/work/files", 04755));
  tried("capability", (long)syscall(SYS_setxattr, "/work/files", "security.capability", "\1\0\0\2\377\377\377\377\0\0\0\0\0\0\0\0\0\0\0\0", 20, 0));
  tried("give away", chown("/work/files", 0, 0));
  tried("write to the system", open("/usr/x", O_CREAT | O_WRONLY, 0600));
  tried("write to the root", open("/x", O_CREAT | O_WRONLY, 0600));
  tried("write to /etc", open("/etc/x", O_CREAT | O_WRONLY, 0600));
  tried("write to /dev", open("/dev/x", O_CREAT | O_WRONLY, 0600));
  tried("write to a program", open("/usr/bin/env", O_WRONLY));
  tried("write to the runner", open("/box/runner.cjs", O_WRONLY));
  tried("replace the runner", rename("/box/runner.cjs", "/box/x"));
  tried("remove a program", unlink("/usr/bin/env"));
  tried("times of a program", utimensat(AT_FDCWD, "/usr/bin/env", NULL, 0));
  tried("times of a device", utimensat(AT_FDCWD, "/dev/null", NULL, 0));
  tried("mode of a device", chmod("/dev/null", 0600));
}

int main(int argc, char **argv) {
  static const struct attack attacks[] = {
    { "fill", fill }, { "allocate", allocate }, { "unlinked", unlinked }, { "inodes", inodes }, { "names", names }, { "deep", deep }, { "descriptors", descriptors },
    { "too-long", too_long }, { "state", state }, { "traps", traps }, { "payload", payload }, { "mapped", mapped }, { "links", links }, { NULL, NULL }
  };
  return attack(argc, argv, attacks);
}
