import { describe, expect, it } from 'vitest'
import { orderOfRound } from '../../src/measure/order.ts'
import { pairedPValue, pairedRatio } from '../../src/stats/paired-ratio.ts'
import { signedRankP, signedRanks } from '../../src/stats/signed-rank.ts'

/** Logarithms of what disturbs runs one after the other, at a spread per run. */
type Noise = (runs: number, spread: number) => number[]

const TRIALS = 1_000
const SPREAD = 0.02
/** False alarms of a rule that claims 5 % are above this in one of a thousand such simulations: the binomial distribution's upper 0.1 %. */
const ALLOWED = 0.05 + 3.09 * Math.sqrt(0.05 * 0.95 / TRIALS)

/** Lehmer's generator (Park and Miller, 1988); every simulation starts it anew. */
let state = 1
const uniform = (): number => {
  state = state * 48_271 % 2_147_483_647
  return state / 2_147_483_647
}
const normal = (): number => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform())
const series = (runs: number, next: (run: number) => number): number[] => Array.from({ length: runs }, (_, run) => next(run))
const sum = (...noises: Noise[]): Noise => (runs, spread) => noises.map(noise => noise(runs, spread)).reduce((a, b) => a.map((value, i) => value + (b[i] as number)))

const independent: Noise = (runs, spread) => series(runs, () => spread * normal())
const correlated = (r: number): Noise => (runs, spread) => {
  let value = normal()

  return series(runs, () => {
    value = r * value + Math.sqrt(1 - r * r) * normal()
    return spread * value
  })
}
const line: Noise = (runs, spread) => {
  const slope = 0.1 * spread * normal()

  return series(runs, run => slope * run)
}
const walk: Noise = (runs, spread) => {
  let value = 0

  return series(runs, () => (value += 0.3 * spread * normal()))
}
/** Some runs in a row that take a tenth to a third longer. */
const bursts = (rate: number, length: number): Noise => runs => {
  let left = 0
  let size = 0

  return series(runs, () => {
    if (left < 1 && uniform() < rate) {
      left = 1 - Math.log(uniform()) * length
      size = 0.1 + 0.2 * uniform()
    }

    return left-- >= 1 ? size * (0.8 + 0.4 * uniform()) : 0
  })
}
const rhythm: Noise = (runs, spread) => {
  const phase = 2 * Math.PI * uniform()
  const speed = 2 * Math.PI / (3 + 6 * uniform())

  return series(runs, run => 2 * spread * Math.sin(phase + speed * run))
}

const NOISES: Array<[what: string, Noise]> = [
  ['independent', independent],
  ['with a correlation of 0.15 between neighbours', correlated(0.15)],
  ['with a correlation of 0.3 between neighbours', correlated(0.3)],
  ['with a correlation of 0.3 and drift', sum(correlated(0.3), line, walk)],
  ['with a correlation of 0.3 and bursts', sum(correlated(0.3), bursts(0.03, 3))],
  ['with a correlation of 0.3 and single disturbed runs', sum(correlated(0.3), bursts(0.08, 0))],
  ['with a rhythm', sum(independent, rhythm)]
]

describe.each(NOISES)('noise that is %s', (_, noise) => {
  it('makes no difference of a program and itself in more than 5 % of 30 pairs', () => {
    expect(shareOf(30, 1, noise, isDifferent)).toBeLessThan(ALLOWED)
  })

  it('makes no evidence of a regression in more than 5 %', () => {
    expect(shareOf(30, 1.05, noise, (a, b) => pairedPValue(a, b, 0.05) <= 0.05)).toBeLessThan(ALLOWED)
  })
})

describe('a difference of 2 % at a spread of 2 % per run', () => {
  it.each(NOISES.slice(0, 4))('is found by 30 pairs in 85 % at least, in noise that is %s', (_, noise) => {
    expect(shareOf(30, 1.02, noise, isDifferent)).toBeGreaterThan(0.85)
  })

  it('is found among disturbed runs, which count no more than others', () => {
    expect(shareOf(30, 1.02, sum(correlated(0.3), bursts(0.03, 3)), isDifferent)).toBeGreaterThan(0.8)
    expect(shareOf(30, 1.02, sum(correlated(0.3), bursts(0.08, 0)), isDifferent)).toBeGreaterThan(0.6)
  })
})

describe('fewer pairs than are tested in blocks', () => {
  it.each(NOISES.slice(0, 6))('make no difference of a program and itself in more than 5 %, in noise that is %s', (_, noise) => {
    for (const pairs of [6, 11, 15]) {
      expect(shareOf(pairs, 1, noise, isDifferent), `${pairs} pairs`).toBeLessThan(ALLOWED)
    }
  })
})

describe('pairs that are taken for independent', () => {
  it('are fooled by a rhythm: what the blocks are for', () => {
    const single = (a: readonly number[], b: readonly number[]): boolean => {
      const ranks = signedRanks(a.map((value, i) => Math.log(b[i] as number) - Math.log(value)), 1)

      return Math.min(signedRankP(ranks, 0, 'above'), signedRankP(ranks, 0, 'below')) <= 0.025
    }

    expect(shareOf(30, 1, sum(independent, rhythm), single)).toBeGreaterThan(ALLOWED)
  })
})

function isDifferent (reference: readonly number[], contender: readonly number[]): boolean {
  const found = pairedRatio(reference, contender)

  return found != null && (found.low > 1 || found.high < 1)
}

/** In what share of all trials the rule says yes of a contender that takes `ratio` times as long. */
function shareOf (pairs: number, ratio: number, noise: Noise, rule: (reference: readonly number[], contender: readonly number[]) => boolean): number {
  let found = 0

  state = 20

  for (let trial = 0; trial < TRIALS; trial++) {
    const values: [number[], number[]] = [[], []]
    const disturbances = noise(2 * pairs, SPREAD)
    let order: (0 | 1)[] | undefined

    for (let round = 0; round < pairs; round++) {
      order = orderOfRound<0 | 1>([0, 1], round, order, uniform)

      for (const [place, command] of order.entries()) {
        values[command].push((command === 1 ? ratio : 1) * Math.exp(disturbances[2 * round + place] as number))
      }
    }

    found += rule(...values) ? 1 : 0
  }

  return found / TRIALS
}
