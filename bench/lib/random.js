/** A generator of its own for every seed, so that a simulation can be repeated: sfc32, from PractRand by Doty-Humphrey. */
export class Random {
  #state
  #spare

  constructor (seed) {
    this.#state = Uint32Array.of(seed, seed ^ 0x9e3779b9, 0xdeadbeef, 1)

    for (let i = 0; i < 20; i++) {
      this.uniform()
    }
  }

  /** From 0 to below 1. */
  uniform () {
    const [a, b, c, d] = this.#state
    const sum = a + b + d

    this.#state.set([b ^ b >>> 9, c + (c << 3), (c << 21 | c >>> 11) + sum, d + 1])

    return (sum >>> 0) / 2 ** 32
  }

  shuffled (values) {
    return values.map(value => ({ value, at: this.uniform() })).sort((a, b) => a.at - b.at).map(({ value }) => value)
  }

  /** Standard normal, by the polar method of Marsaglia. */
  normal () {
    if (this.#spare != null) {
      const value = this.#spare

      this.#spare = undefined

      return value
    }

    for (;;) {
      const x = 2 * this.uniform() - 1
      const y = 2 * this.uniform() - 1
      const square = x * x + y * y

      if (square > 0 && square < 1) {
        const factor = Math.sqrt(-2 * Math.log(square) / square)

        this.#spare = y * factor

        return x * factor
      }
    }
  }
}
