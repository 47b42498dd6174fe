/* fannkuch-redux of the Computer Language Benchmarks Game. */
#include <stdio.h>
#include <stdlib.h>

int main (int argc, char **argv)
{
  int n = argc > 1 ? atoi(argv[1]) : 7;
  int perm[16], first[16], count[16];
  int most = 0, checksum = 0, parity = 0, r = n;

  for (int i = 0; i < n; i++) first[i] = i;

  for (;;) {
    for (; r != 1; r--) count[r - 1] = r;

    for (int i = 0; i < n; i++) perm[i] = first[i];

    int flips = 0;

    for (int k = perm[0]; k != 0; k = perm[0], flips++)
      for (int i = 0, j = k; i < j; i++, j--) {
        int swap = perm[i];
        perm[i] = perm[j];
        perm[j] = swap;
      }

    if (flips > most) most = flips;
    checksum += parity ? -flips : flips;
    parity = !parity;

    for (;; r++) {
      if (r == n) {
        printf("%d\nPfannkuchen(%d) = %d\n", checksum, n, most);
        return 0;
      }

      int front = first[0];

      for (int i = 0; i < r; i++) first[i] = first[i + 1];
      first[r] = front;

      if (--count[r] > 0) break;
    }
  }
}
