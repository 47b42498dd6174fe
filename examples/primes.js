#!/usr/bin/env node
// Counts the primes below N by trial division: CPU only, and the answer is known.
const isPrime = n => {
  if (n < 4) {
    return n > 1
  }

  if (n % 2 === 0 || n % 3 === 0) {
    return false
  }

  for (let d = 5; d * d <= n; d += 6) {
    if (n % d === 0 || n % (d + 2) === 0) {
      return false
    }
  }

  return true
}

const limit = Number(process.argv[2] ?? 200_000)
let count = 0

for (let n = 2; n < limit; n++) {
  count += isPrime(n) ? 1 : 0
}

console.log(`${count} primes below ${limit}`)
