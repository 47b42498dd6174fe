import { live } from './life.ts'

/**
 * Started by scripts/simulation.js:
 *
 *   run FIRST COUNT STEP    so many seeds, each with its faults as a message
 *   tell SEED               one, and its history on stdout
 */
const [what, ...numbers] = process.argv.slice(2)
const [first = 1, count = 1, step = 1] = numbers.map(Number)

if (what === 'tell') {
  const { history, faults } = await live(first, { tells: true })

  console.log(history.join('\n'))
  process.send?.({ seed: first, faults })
} else {
  for (let i = 0; i < count; i++) {
    const seed = first + i * step

    process.send?.({ seed, faults: (await live(seed)).faults })
  }
}

process.disconnect?.()
