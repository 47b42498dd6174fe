/*
 * Uses a known amount of CPU time and ends when all of it is used:
 *
 *   burn threads COUNT MS    in that many threads, MS altogether
 *   burn orphan MS           in a process whose parent has ended
 *   burn daemon MS           in a process of a session of its own, whose parent had ignored SIGCHLD
 *
 * Each thread looks at its own clock, which the kernel keeps to the nanosecond.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static volatile uint64_t sink;

static double used_ms (void)
{
  struct timespec now;

  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return now.tv_sec * 1e3 + now.tv_nsec / 1e6;
}

static void *burn (void *ms)
{
  double end = used_ms() + *(double *) ms;
  uint64_t x = 88172645463325252u;

  while (used_ms() < end) {
    for (int i = 0; i < 2000; i++) {
      x ^= x << 13;
      x ^= x >> 7;
      x ^= x << 17;
    }

    sink = x;
  }

  return NULL;
}

static int in_threads (int count, double ms)
{
  pthread_t threads[64];
  double share = ms / count;

  for (int i = 0; i < count; i++) {
    if (pthread_create(&threads[i], NULL, burn, &share) != 0) {
      return 1;
    }
  }

  for (int i = 0; i < count; i++) {
    pthread_join(threads[i], NULL);
  }

  return 0;
}

/* Nobody waits for the one that burns; the pipe says when it has ended. */
static int left_behind (double ms, int daemon)
{
  int ends[2];
  char nothing;

  if (pipe(ends) != 0) {
    return 1;
  }

  if (daemon) {
    signal(SIGCHLD, SIG_IGN);
  }

  if (fork() == 0) {
    close(ends[0]);

    if (daemon) {
      setsid();
    }

    if (fork() == 0) {
      burn(&ms);
    }

    _exit(0);
  }

  close(ends[1]);
  return read(ends[0], &nothing, 1) != 0;
}

int main (int argc, char **argv)
{
  if (argc == 4 && strcmp(argv[1], "threads") == 0 && atoi(argv[2]) >= 1 && atoi(argv[2]) <= 64) {
    return in_threads(atoi(argv[2]), atof(argv[3]));
  }

  if (argc == 3 && (strcmp(argv[1], "orphan") == 0 || strcmp(argv[1], "daemon") == 0)) {
    return left_behind(atof(argv[2]), argv[1][0] == 'd');
  }

  fprintf(stderr, "usage: burn threads COUNT MS | orphan MS | daemon MS\n");
  return 2;
}
