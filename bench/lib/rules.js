/** How others decide whether two commands differ: each takes two lists of times and says so. */

/** hyperfine prints a ratio of means with a propagated standard deviation; whoever reads it calls different what does not reach 1. */
export function hyperfineRule (a, b) {
  const [first, second] = [moments(a), moments(b)]
  const ratio = second.mean / first.mean
  const deviation = ratio * Math.hypot(first.deviation / first.mean, second.deviation / second.mean)

  return Math.abs(ratio - 1) > deviation
}

/** As hyperfine's scripts/welch_ttest.py does: p below 5 %. */
export function welchRule ({ studentQuantile }) {
  return (a, b) => {
    const [first, second] = [moments(a), moments(b)]
    const [u, v] = [first.deviation ** 2 / a.length, second.deviation ** 2 / b.length]
    const freedom = (u + v) ** 2 / (u ** 2 / (a.length - 1) + v ** 2 / (b.length - 1))

    return Math.abs(first.mean - second.mean) / Math.sqrt(u + v) > studentQuantile(0.975, freedom)
  }
}

function moments (values) {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length

  return { mean, deviation: Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1)) }
}
