/* Arithmetic that depends on itself: no memory, no system call. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int main (int argc, char **argv)
{
  uint64_t x = 88172645463325252u;
  long rounds = argc > 1 ? atol(argv[1]) : 20000000;

  for (long i = 0; i < rounds; i++) {
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
  }

  printf("%llu\n", (unsigned long long) x);
  return 0;
}
