/**
 * How often do the intervals cover what they claim to? Simulated runs, whose
 * truth is known, go through the very functions that judge real ones; these are
 * handed in, so that tests can use them too, from the sources.
 */
import { Random } from './random.js'

/** Standard deviation of a run's time, as a fraction. */
const NOISE = 0.02

/** The same on every machine, or from a quarter to four times of it, drawn for each machine. */
const NOISES = {
  equal: () => NOISE,
  mixed: random => NOISE * 4 ** (2 * random.uniform() - 1)
}

/** On average the contender is this much slower. */
const EFFECT = Math.log(1.03)

/**
 * Trials of one session: n run times in a row, of which each resembles the one
 * before by `correlation`. Counts how often the interval holds the median.
 */
export function withinSession ({ medianIntervalOfSeries }, { seed, trials, n, correlation }) {
  const random = new Random(seed)
  const fresh = Math.sqrt(1 - correlation ** 2)
  let covered = 0
  let widths = 0

  for (let trial = 0; trial < trials; trial++) {
    let deviation = random.normal()
    const times = Array.from({ length: n }, () => {
      const time = Math.exp(NOISE * deviation)

      deviation = correlation * deviation + fresh * random.normal()

      return time
    })
    const { low, high } = medianIntervalOfSeries(times)

    covered += low <= 1 && high >= 1 ? 1 : 0
    widths += (high - low) / 2
  }

  return { trials, covered, halfWidth: widths / trials }
}

/**
 * What machines say of a program compared with itself, one estimate for each:
 * pairs of runs that vary by NOISE, through the function that judges real ones.
 */
export function estimatesOfNoise ({ pairedRatio, estimateOf }, { seed, count, pairs }) {
  const random = new Random(seed)
  const times = () => Array.from({ length: pairs }, () => Math.exp(NOISE * random.normal()))

  return Array.from({ length: count }, () => estimateOf(pairedRatio(times(), times())))
}

/**
 * Trials of one comparison on some machines, whose effect differs by a standard
 * deviation of `spread`. Counts how often the interval for these machines holds
 * the mean of their own effects, that for machines like these the mean of all,
 * and the prediction interval the effect on one more machine.
 *
 * What the runs of a machine say is taken from `estimates`, one after the
 * other, times its noise, plus its effect: with ranks of logarithms that is
 * what pairs of that noise and effect would have said, and it is computed once
 * for all situations instead of for each. With fewer estimates than trials
 * times machines they come again, in other company if their number is no
 * multiple of the machines'.
 */
export function acrossMachines ({ theseMachines, machinesLikeThese }, estimates, { seed, trials, noise, spread, machines }) {
  const random = new Random(seed)
  const counts = { these: { trials, covered: 0 }, like: { trials: 0, covered: 0 }, predicted: { trials: 0, covered: 0 } }
  const widths = { these: 0, like: 0, predicted: 0 }
  const count = (what, low, high, truth) => {
    counts[what].covered += Math.log(low) <= truth && Math.log(high) >= truth ? 1 : 0
    widths[what] += Math.log(high / low) / 2
  }

  for (let trial = 0; trial < trials; trial++) {
    const effects = Array.from({ length: machines }, () => EFFECT + spread * random.normal())
    const measured = effects.map((effect, i) => {
      const { log, error, freedom } = estimates[(trial * machines + i) % estimates.length]
      const scale = NOISES[noise](random) / NOISE

      return { log: effect + scale * log, error: scale * error, freedom }
    })
    const these = theseMachines(measured)
    const like = machinesLikeThese(measured)

    count('these', these.low, these.high, effects.reduce((sum, effect) => sum + effect, 0) / machines)

    if (like != null) {
      counts.like.trials++
      counts.predicted.trials++
      count('like', like.low, like.high, EFFECT)
      count('predicted', like.predictedLow, like.predictedHigh, EFFECT + spread * random.normal())
    }
  }

  return Object.entries(counts).filter(([, { trials }]) => trials > 0).map(([what, count]) => ({ what, ...count, halfWidth: widths[what] / count.trials }))
}

/** Wilson's 95 % interval of a share; "Probable inference, the law of succession, and statistical inference", 1927. */
export function wilson ({ covered, trials }) {
  const z = 1.959963984540054
  const share = covered / trials
  const middle = (share + z * z / (2 * trials)) / (1 + z * z / trials)
  const half = z / (1 + z * z / trials) * Math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))

  return { share, low: middle - half, high: middle + half }
}
