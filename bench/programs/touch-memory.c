/*
 * touch-memory PROCESSES MB: writes to that much memory, shared out among so
 * many processes, all of which hold theirs until everybody has it.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static void hold (size_t bytes, int ready, int go)
{
  char nothing;

  if (bytes > 0) {
    char *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED) {
      perror("mmap");
      _exit(1);
    }

    memset(memory, 1, bytes);
  }

  if (write(ready, "x", 1) != 1) {
    _exit(1);
  }

  _exit(read(go, &nothing, 1) != 0);
}

int main (int argc, char **argv)
{
  int processes = argc == 3 ? atoi(argv[1]) : 0;
  int ready[2], go[2], status, failed = 0;
  char nothing;

  if (processes < 1 || processes > 100 || pipe(ready) != 0 || pipe(go) != 0) {
    fprintf(stderr, "usage: touch-memory PROCESSES MB\n");
    return 2;
  }

  for (int i = 0; i < processes; i++) {
    if (fork() == 0) {
      close(go[1]);
      hold((size_t) (atof(argv[2]) * 1024 * 1024 / processes), ready[1], go[0]);
    }
  }

  close(ready[1]);

  for (int i = 0; i < processes; i++) {
    failed |= read(ready[0], &nothing, 1) != 1;
  }

  close(go[1]);

  while (wait(&status) > 0) {
    failed |= status != 0;
  }

  return failed;
}
