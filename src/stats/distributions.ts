/** Continued fractions end when a step changes nothing any more; none here needs a tenth of this. */
const MAX_STEPS = 10_000

/** Instead of a zero that would be divided by, in Lentz's algorithm. */
const TINY = 1e-300

/** Degrees of freedom from which on t is as good as normal after Hill's transformation, and the incomplete beta function loses digits. */
const MANY = 1e5

/** From here on the continued fraction of the normal tail is faster than the series, and keeps its relative precision. */
const FAR = 3

/** Probability that a standard normal value is at most z. Relative error about 1e-14, in the far tails too. */
export function normalCdf (z: number): number {
  return z > 0 ? 1 - normalTail(z) : normalTail(-z)
}

/** z with normalCdf(z) = p, for p from 0 to 1. */
export function normalQuantile (p: number): number {
  requireProbability(p)

  return p < 0.5 ? -normalTailQuantile(p) : normalTailQuantile(1 - p)
}

/**
 * Probability that a value of Student's t with `freedom` degrees of freedom, a
 * fraction or Infinity as well, is at most t.
 */
export function studentCdf (t: number, freedom: number): number {
  requireFreedom(freedom)

  return t > 0 ? 1 - studentTail(t, freedom) : studentTail(-t, freedom)
}

/** t with studentCdf(t, freedom) = p, for p from 0 to 1. */
export function studentQuantile (p: number, freedom: number): number {
  requireProbability(p)
  requireFreedom(freedom)

  return p < 0.5 ? -studentTailQuantile(p, freedom) : studentTailQuantile(1 - p, freedom)
}

function normalDensity (z: number): number {
  return Math.exp(-z * z / 2) / Math.sqrt(2 * Math.PI)
}

/**
 * P(Z > z) for z >= 0: near the middle 1/2 - phi(z) (z + z^3/3 + z^5/(3 5) + …),
 * Abramowitz and Stegun 26.2.11; far out phi(z) / (z + 1/(z + 2/(z + 3/(z + …)))), 26.2.14.
 */
function normalTail (z: number): number {
  if (z < FAR) {
    let term = z
    let sum = z

    for (let odd = 3; sum + term !== sum; odd += 2) {
      term *= z * z / odd
      sum += term
    }

    return 0.5 - normalDensity(z) * sum
  }

  let fraction = z

  // From the inside out; 100 terms are more than enough from FAR on.
  for (let k = 100; k > 0; k--) {
    fraction = z + k / fraction
  }

  return normalDensity(z) / fraction
}

/** z >= 0 with P(Z > z) = p <= 1/2: Abramowitz and Stegun 26.2.23, which is right to 4.5e-4, and Halley's steps on the tail. */
function normalTailQuantile (p: number): number {
  if (p === 0) {
    return Infinity
  }

  const t = Math.sqrt(-2 * Math.log(p))
  let z = t - (2.515517 + t * (0.802853 + t * 0.010328)) / (1 + t * (1.432788 + t * (0.189269 + t * 0.001308)))

  for (let step = 0; step < 3; step++) {
    const newton = (normalTail(Math.abs(z)) - p) / normalDensity(z)

    z = Math.abs(z) + newton / (1 - z * newton / 2)
  }

  return p === 0.5 ? 0 : z
}

/**
 * P(T > t) for t >= 0: half of the regularized incomplete beta function
 * I_x(freedom/2, 1/2) at x = freedom / (freedom + t^2), Abramowitz and Stegun
 * 26.7.1; with many degrees of freedom the first correction of Hill, "Algorithm
 * 395: Student's t-distribution", Communications of the ACM 13, 1970.
 */
function studentTail (t: number, freedom: number): number {
  if (freedom === Infinity || t === 0) {
    return normalTail(t)
  }

  if (freedom >= MANY) {
    const w = Math.sqrt((freedom - 0.5) * Math.log1p(t * t / freedom))

    return normalTail(w + (w ** 3 + 3 * w) / (48 * (freedom - 0.5) ** 2))
  }

  const a = freedom / 2
  const square = t * t / freedom
  // x^a (1-x)^(1/2) / B(a, 1/2), from logarithms that do not cancel.
  const front = Math.exp(-a * Math.log1p(square) - 0.5 * Math.log1p(1 / square)) * gammaRatio(a) / Math.sqrt(Math.PI)

  // The fraction converges fast only on this side of the distribution's mean.
  return 1 / (1 + square) < (a + 1) / (a + 2.5)
    ? front * betaFraction(1 / (1 + square), a, 0.5) / a / 2
    : 0.5 - front * betaFraction(1 / (1 + 1 / square), 0.5, a)
}

/** Density of Student's t. */
function studentDensity (t: number, freedom: number): number {
  return Math.exp(-(freedom + 1) / 2 * Math.log1p(t * t / freedom)) * gammaRatio(freedom / 2) / Math.sqrt(freedom * Math.PI)
}

/** t >= 0 with P(T > t) = p <= 1/2: Newton's steps on the logarithm of the tail, halving where they would leave the bracket. */
function studentTailQuantile (p: number, freedom: number): number {
  if (p === 0 || p === 0.5) {
    return p === 0 ? Infinity : 0
  }

  if (freedom === Infinity) {
    return normalTailQuantile(p)
  }

  let low = 0
  let high = 1

  while (studentTail(high, freedom) > p) {
    low = high
    high *= 2
  }

  let t = (low + high) / 2

  for (let step = 0; step < MAX_STEPS; step++) {
    const tail = studentTail(t, freedom)

    if (tail > p) {
      low = t
    } else {
      high = t
    }

    const newton = t + tail / studentDensity(t, freedom) * Math.log(tail / p)
    const next = newton > low && newton < high ? newton : (low + high) / 2

    if (Math.abs(next - t) <= 4 * Number.EPSILON * t) {
      return next
    }

    t = next
  }

  return t
}

/**
 * Gamma(a + 1/2) / Gamma(a), by its asymptotic series where that is exact to
 * the last digits and by recurrence below. Unlike a difference of two
 * logarithms of Gamma it loses nothing for large a.
 */
function gammaRatio (a: number): number {
  let factor = 1

  while (a < 20) {
    factor *= a / (a + 0.5)
    a++
  }

  const inverse = 1 / a
  const square = inverse * inverse

  return factor * Math.sqrt(a) * Math.exp(inverse * (-1 / 8 + square * (1 / 192 + square * (-1 / 640 + square * 17 / 14336))))
}

/** Continued fraction of the incomplete beta function, Abramowitz and Stegun 26.5.8, by Lentz's algorithm as modified by Thompson and Barnett. */
function betaFraction (x: number, a: number, b: number): number {
  let c = 1
  let d = 1 / awayFromZero(1 - (a + b) * x / (a + 1))
  let fraction = d

  for (let m = 1; m < MAX_STEPS; m++) {
    const even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))

    d = 1 / awayFromZero(1 + even * d)
    c = awayFromZero(1 + even / c)
    fraction *= d * c

    const odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))

    d = 1 / awayFromZero(1 + odd * d)
    c = awayFromZero(1 + odd / c)
    fraction *= d * c

    if (Math.abs(d * c - 1) <= Number.EPSILON) {
      break
    }
  }

  return fraction
}

function awayFromZero (value: number): number {
  return Math.abs(value) < TINY ? TINY : value
}

function requireProbability (p: number): void {
  if (!(p >= 0 && p <= 1)) {
    throw new RangeError(`probability ${p} is not between 0 and 1`)
  }
}

function requireFreedom (freedom: number): void {
  if (!(freedom > 0)) {
    throw new RangeError(`${freedom} degrees of freedom: must be above 0`)
  }
}
