import { connect } from 'meshmark'

// One connection for the whole program; it closes when main() is over.
await main(await connect())

async function main (mesh) {
  try {
    const count = mesh.distribute(async function count ({ from, to }) {
      const { isPrime } = await import('./is-prime.js')
      let primes = 0

      for (let n = from; n < to; n++) {
        primes += isPrime(n) ? 1 : 0
      }

      return { from, to, primes }
    }, {
      modules: { './is-prime.js': new URL('is-prime.js', import.meta.url) },
      timeout: '30s',
      memory: '256M'
    })

    let total = 0

    for await (const { from, to, primes } of count.map(ranges(200_000, 25_000))) {
      console.log(`${from} to ${to}: ${primes}`)
      total += primes
    }

    console.log(`total: ${total}`)
  } finally {
    await mesh.close()
  }
}

/** Inputs are taken as results are: there may be any number of them. */
function * ranges (end, step) {
  for (let from = 0; from < end; from += step) {
    yield { from, to: from + step }
  }
}
