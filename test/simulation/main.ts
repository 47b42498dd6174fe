import { live } from './life.ts'

/** Called by scripts/simulation.js with the first seed, the number of seeds, and the step from one to the next. */
const [first = 1, count = 1, step = 1] = process.argv.slice(2).map(Number)

for (let i = 0; i < count; i++) {
  const seed = first + i * step
  const { faults } = await live(seed)

  process.send?.({ seed, faults })
}

process.disconnect?.()
