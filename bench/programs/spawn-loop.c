/*
 * The least that can be done to start a program and time it: what a sandbox is
 * compared with. spawn-loop OUTPUT PROGRAM [ARGUMENT...] reads numbers from
 * stdin, one a line, starts the program that often, one after the other, and
 * answers with as many wall times in nanoseconds, and an empty line.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static void check (int error, const char *what)
{
  if (error != 0) {
    fprintf(stderr, "spawn-loop: %s: %s\n", what, strerror(error));
    exit(1);
  }
}

static int must_open (const char *path, int flags)
{
  int fd = open(path, flags | O_CLOEXEC, 0600);

  if (fd < 0) {
    perror(path);
    exit(1);
  }

  return fd;
}

static long long ns_between (const struct timespec *from, const struct timespec *to)
{
  return (to->tv_sec - from->tv_sec) * 1000000000LL + (to->tv_nsec - from->tv_nsec);
}

int main (int argc, char **argv)
{
  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
  sigset_t all, none;
  long count;

  if (argc < 3) {
    fprintf(stderr, "usage: spawn-loop OUTPUT PROGRAM [ARGUMENT...]\n");
    return 2;
  }

  int in = must_open("/dev/null", O_RDONLY);
  int out = must_open(argv[1], O_WRONLY | O_CREAT | O_APPEND);

  check(posix_spawn_file_actions_init(&files), "file actions");
  check(posix_spawn_file_actions_adddup2(&files, in, 0), "stdin");
  check(posix_spawn_file_actions_adddup2(&files, out, 1), "stdout");
  check(posix_spawn_file_actions_adddup2(&files, out, 2), "stderr");

  sigfillset(&all);
  sigemptyset(&none);
  check(posix_spawnattr_init(&attributes), "attributes");
  check(posix_spawnattr_setpgroup(&attributes, 0), "process group");
  check(posix_spawnattr_setsigdefault(&attributes, &all), "signals");
  check(posix_spawnattr_setsigmask(&attributes, &none), "signal mask");
  check(posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK), "flags");

  while (scanf("%ld", &count) == 1) {
    for (long i = 0; i < count; i++) {
      struct timespec start, end;
      struct rusage usage;
      pid_t pid;
      int status;

      if (ftruncate(out, 0) != 0) {
        perror(argv[1]);
        return 1;
      }

      clock_gettime(CLOCK_MONOTONIC, &start);
      int error = posix_spawn(&pid, argv[2], &files, &attributes, argv + 2, environ);
      pid_t ended = error == 0 ? wait4(pid, &status, 0, &usage) : -1;
      clock_gettime(CLOCK_MONOTONIC, &end);

      check(error, argv[2]);

      if (ended != pid || status != 0) {
        fprintf(stderr, "spawn-loop: %s failed with status %d\n", argv[2], status);
        return 1;
      }

      printf("%lld\n", ns_between(&start, &end));
    }

    printf("\n");
    fflush(stdout);
  }

  return 0;
}
