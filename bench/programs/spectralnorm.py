"""spectral-norm of the Computer Language Benchmarks Game."""
import sys
from math import sqrt


def a(i, j):
    return 1.0 / ((i + j) * (i + j + 1) // 2 + i + 1)


def times(v, transposed):
    n = range(len(v))
    if transposed:
        return [sum(a(j, i) * v[j] for j in n) for i in n]
    return [sum(a(i, j) * v[j] for j in n) for i in n]


def both(v):
    return times(times(v, False), True)


u = [1.0] * (int(sys.argv[1]) if len(sys.argv) > 1 else 100)
for _ in range(10):
    v = both(u)
    u = both(v)
print(f"{sqrt(sum(x * y for x, y in zip(u, v)) / sum(x * x for x in v)):.9f}")
