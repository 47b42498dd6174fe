#!/usr/bin/env python3
"""Counts the primes below N by trial division: CPU only, and the answer is known."""
import sys


def is_prime(n):
    if n < 4:
        return n > 1
    if n % 2 == 0 or n % 3 == 0:
        return False
    d = 5
    while d * d <= n:
        if n % d == 0 or n % (d + 2) == 0:
            return False
        d += 6
    return True


limit = int(sys.argv[1]) if len(sys.argv) > 1 else 200_000
print(f'{sum(map(is_prime, range(2, limit)))} primes below {limit}')
