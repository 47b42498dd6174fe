/* Programs that multiply, hide or outlive themselves. */
#include "attack.h"

static void bomb(long sessions) { for (;;) if (fork() == 0 && sessions) setsid(); }

/* A child that executes is not in the address space of its parent any more. */
static void vfork_bomb(long amount) {
  (void)amount;
  for (;;) if (vfork() == 0) { execl("/proc/self/exe", "processes", "vfork-bomb", (char *)NULL); _exit(1); }
}

static void *endless_thread(void *arg) { pause(); return arg; }

static void threads(long amount) {
  pthread_t thread;
  int made = 0;
  while (made < amount && pthread_create(&thread, NULL, endless_thread, NULL) == 0) made++;
  printf("%d\n", made);
}

/* Says how many it got, and goes on without the others. */
static void count(long amount) {
  long made = 0;
  for (; made < amount; made++) {
    pid_t pid = fork();
    if (pid == 0) { pause(); _exit(0); }
    if (pid < 0) { tried("fork", -1); break; }
  }
  printf("%ld\n", made);
}

/* Dead ones that nobody waits for have a number, too. */
static void zombies(long amount) {
  long made = 0;
  for (; made < amount; made++) {
    pid_t pid = fork();
    if (pid == 0) _exit(0);
    if (pid < 0) break;
  }
  printf("%ld\n", made);
}

/* Processes that nobody waits for: a daemon, a subreaper's grandchildren, one that tells nobody of its end. */
static void families(long amount) {
  (void)amount;
  if (fork() == 0) {
    setsid();
    if (fork() == 0) pause();
    _exit(0);
  }
  if (fork() == 0) {
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    for (int i = 0; i < 3; i++) if (fork() == 0) { if (fork() == 0) pause(); _exit(0); }
    pause();
  }
  if (syscall(SYS_clone, 0, 0, 0, 0, 0) == 0) pause();
  usleep(100000);
}

/* Whoever it is, it has gone when somebody looks. */
static void hopping(long amount) {
  pid_t first = getpid();
  (void)amount;
  for (int hops = 0; ; hops++) {
    if (fork() != 0) {
      if (getpid() == first) usleep(50000);
      _exit(0);
    }
  }
}

/* The program ends well, and leaves a bomb. */
static void parting(long amount) {
  (void)amount;
  if (fork() == 0) bomb(1);
  usleep(50000);
}

/* Signals at the runner's group and threads, while there is much to clean up. */
static void storm(long amount) {
  (void)amount;
  signal(50, SIG_IGN);
  setpgid(0, 1);
  for (int i = 0; i < 4; i++) if (fork() == 0) for (;;) { kill(0, 50); for (int tid = 1; tid < 8; tid++) syscall(SYS_tkill, tid, 50); }
  for (int i = 0; i < 16; i++) if (fork() == 0) for (;;) { }
  usleep(150000);
}

/* Stopped processes do not run, not even to die of a signal that can be caught. */
static void frozen(long amount) {
  for (long i = 0; i < amount; i++) if (fork() == 0) { kill(getpid(), SIGSTOP); pause(); }
  usleep(50000);
}

static int waits(void *arg) { (void)arg; for (;;) pause(); }

/* Shares its memory with its child, which is no thread. */
static void shared_memory(long amount) {
  (void)amount;
  if (clone(waits, (char *)malloc(65536) + 65536, CLONE_VM | SIGCHLD, NULL) < 0) exit(2);
  usleep(20000);
}

int main(int argc, char **argv) {
  static const struct attack attacks[] = {
    { "bomb", bomb }, { "vfork-bomb", vfork_bomb }, { "threads", threads }, { "count", count }, { "zombies", zombies }, { "families", families },
    { "hopping", hopping }, { "parting", parting }, { "storm", storm }, { "frozen", frozen }, { "shared-memory", shared_memory }, { NULL, NULL }
  };
  return attack(argc, argv, attacks);
}
