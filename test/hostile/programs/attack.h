/* What all attacks share. Each prints a line per attempt: its name, a tab, `ok` or the name of the error. */
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
#include <sys/eventfd.h>
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
#define UNUSED __attribute__((unused))

static UNUSED void tried(const char *name, long result) {
  const char *error = result >= 0 ? "ok" : strerrorname_np(errno);
  printf("%s\t%s\n", name, error == NULL ? "unknown" : error);
}

/* CPU time of this process. */
static UNUSED long used_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static UNUSED void burn(long ms) { while (used_ms() < ms) { } }

static UNUSED char *take(long bytes, int flags) {
  char *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) return NULL;
  for (long i = 0; i < bytes; i += 4096) p[i] = 1;
  return p;
}

struct attack { const char *word; void (*run)(long amount); };

static UNUSED int attack(int argc, char **argv, const struct attack *table) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  for (; argc > 1 && table->word != NULL; table++) {
    if (strcmp(table->word, argv[1]) == 0) {
      table->run(argc > 2 ? atol(argv[2]) : 0);
      puts("end");
      return 0;
    }
  }
  return 2;
}
