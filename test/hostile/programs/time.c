/* Programs that want more time than they have, or hide what they used. */
#include "attack.h"

static void deaf(void) {
  for (int sig = 1; sig <= 64; sig++) signal(sig, SIG_IGN);
}

static void busy(long amount) { (void)amount; for (;;) { } }

static void deaf_and_busy(long amount) { deaf(); busy(amount); }

static void stopped(long amount) { (void)amount; kill(getpid(), SIGSTOP); pause(); }

static void raised(long amount) { signal((int)amount, SIG_DFL); raise((int)amount); }

static void crash(long amount) { (void)amount; *(volatile int *)0 = 0; }

/* Nobody waits, and the kernel bills nobody for those who ended. */
static void hidden(long amount) {
  signal(SIGCHLD, SIG_IGN);
  if (fork() == 0) { burn(amount); _exit(0); }
  wait(NULL);
}

/* Each child works for a moment only and is never billed to anybody. */
static void churn(long amount) {
  signal(SIGCHLD, SIG_IGN);
  for (;;) {
    if (fork() == 0) { burn(amount); _exit(0); }
    wait(NULL);
  }
}

static void many(long amount) {
  for (long i = 1; i < amount; i++) if (fork() == 0) busy(0);
  busy(0);
}

static void orphan(long amount) {
  int fds[2];
  char c;
  if (pipe(fds) != 0) exit(2);
  if (fork() == 0) {
    if (fork() == 0) { burn(amount); if (write(fds[1], "x", 1) != 1) _exit(1); pause(); }
    _exit(0);
  }
  wait(NULL);
  if (read(fds[0], &c, 1) != 1) exit(2);
}

/* The name is written into the line in which the kernel tells of CPU time. */
static void disguised(long amount) {
  (void)amount;
  prctl(PR_SET_NAME, ") Z 1 1 1 (\n", 0, 0, 0);
  busy(0);
}

static void *spin(void *arg) { busy(0); return arg; }

/* Its first thread is gone; the process is not. */
static void leaderless(long amount) {
  pthread_t thread;
  (void)amount;
  if (pthread_create(&thread, NULL, spin, NULL) != 0) exit(2);
  puts("end");
  pthread_exit(NULL);
}

static void ticked(int sig) { (void)sig; }

/* A timer that never lets it rest. */
static void ticking(long amount) {
  struct itimerval often = { { 0, 1 }, { 0, 1 } };
  signal(SIGALRM, ticked);
  setitimer(ITIMER_REAL, &often, NULL);
  busy(amount);
}

/* The parent waits inside the kernel for what its child will never do. */
static void vforked(long amount) {
  (void)amount;
  deaf();
  if (vfork() == 0) for (;;) pause();
}

static void again(long amount) {
  (void)amount;
  execl("/proc/self/exe", "time", "again", (char *)NULL);
}

static void own_limits(long amount) {
  struct rlimit limit;
  (void)amount;
  getrlimit(RLIMIT_CPU, &limit);
  limit.rlim_cur = limit.rlim_max;
  tried("soft limit of CPU time", setrlimit(RLIMIT_CPU, &limit));
  limit.rlim_cur = limit.rlim_max = RLIM_INFINITY;
  tried("hard limit of CPU time", setrlimit(RLIMIT_CPU, &limit));
  signal(SIGXCPU, SIG_IGN);
  busy(0);
}

int main(int argc, char **argv) {
  static const struct attack attacks[] = {
    { "busy", busy }, { "deaf", deaf_and_busy }, { "stopped", stopped }, { "raised", raised }, { "crash", crash }, { "hidden", hidden },
    { "churn", churn }, { "many", many }, { "orphan", orphan }, { "disguised", disguised }, { "leaderless", leaderless },
    { "ticking", ticking }, { "vforked", vforked }, { "again", again }, { "own-limits", own_limits }, { NULL, NULL }
  };
  return attack(argc, argv, attacks);
}
