/* A library that a job asks to be loaded, and that waits to be loaded into something that is not the job's program. */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <unistd.h>

__attribute__((constructor)) static void loaded(void) {
  if (strcmp(program_invocation_short_name, "setsid") == 0) for (;;) pause();
}
