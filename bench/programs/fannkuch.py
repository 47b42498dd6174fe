"""fannkuch-redux of the Computer Language Benchmarks Game."""
import sys
from itertools import islice


def permutations(n):
    first, count, r = list(range(n)), [0] * n, n
    while True:
        while r != 1:
            count[r - 1] = r
            r -= 1
        yield first[:]
        while True:
            if r == n:
                return
            first.insert(r, first.pop(0))
            count[r] -= 1
            if count[r] > 0:
                break
            r += 1


def flips(perm):
    total = 0
    while (k := perm[0]) != 0:
        perm[:k + 1] = perm[k::-1]
        total += 1
    return total


n = int(sys.argv[1]) if len(sys.argv) > 1 else 7
counts = [flips(perm) for perm in islice(permutations(n), None)]
print(f"{sum(counts[::2]) - sum(counts[1::2])}\nPfannkuchen({n}) = {max(counts)}")
