/* Programs that want to speak for the runner. */
#include "attack.h"

static const char RESULT[] = "{\"type\":\"result\",\"outcome\":\"done\",\"commands\":[]}\n";

/* As a line and as a frame: kind, length, body. */
static void everywhere(long amount) {
  char path[64], frame[sizeof RESULT + 8] = { 0 };
  long other = 0;
  (void)amount;
  frame[0] = 1;
  *(uint32_t *)(frame + 1) = __builtin_bswap32(sizeof RESULT);
  memcpy(frame + 5, RESULT, sizeof RESULT);
  for (int fd = 3; fd < 65536; fd++) {
    other += write(fd, RESULT, sizeof RESULT) > 0;
    other += send(fd, frame, sizeof frame, MSG_DONTWAIT) > 0;
  }
  for (int pid = 1; pid < 16; pid++) {
    for (int fd = 0; fd < 128; fd++) {
      snprintf(path, sizeof path, "/proc/%d/fd/%d", pid, fd);
      int file = pid == getpid() ? -1 : open(path, O_WRONLY | O_NONBLOCK);
      if (file >= 0) { other += write(file, RESULT, sizeof RESULT) > 0; close(file); }
    }
  }
  printf("%ld\n", other);
}

static void words(long amount) { (void)amount; fputs("bash: open: Too many open files\n", stderr); exit(1); }

/*
 * Where memory is not billed, a run more tells of it, by way of setsid: the
 * program has a session of its own then. There it takes what it must not.
 */
static void second_face(long amount) {
  if (getsid(0) == getpid()) {
    for (int i = 0; i < 8; i++) if (fork() == 0) { take(amount / 8 * MIB, MAP_PRIVATE); usleep(1500000); _exit(0); }
    while (wait(NULL) > 0) { }
    exit(0);
  }
}

int main(int argc, char **argv) {
  static const struct attack attacks[] = { { "everywhere", everywhere }, { "words", words }, { "second-face", second_face }, { NULL, NULL } };
  return attack(argc, argv, attacks);
}
