/* Counts the primes below N by trial division: CPU only, and the answer is known. */
#include <stdio.h>
#include <stdlib.h>

static int is_prime (unsigned long n)
{
  if (n < 4) {
    return n > 1;
  }

  if (n % 2 == 0 || n % 3 == 0) {
    return 0;
  }

  for (unsigned long d = 5; d * d <= n; d += 6) {
    if (n % d == 0 || n % (d + 2) == 0) {
      return 0;
    }
  }

  return 1;
}

int main (int argc, char **argv)
{
  unsigned long limit = argc > 1 ? strtoul(argv[1], NULL, 10) : 200000;
  unsigned long count = 0;

  for (unsigned long n = 2; n < limit; n++) {
    count += is_prime(n);
  }

  printf("%lu primes below %lu\n", count, limit);

  return 0;
}
