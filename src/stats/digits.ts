/**
 * How many decimals a value with this uncertainty deserves: the uncertainty
 * keeps two digits while they are 10 to 35, and one above, so that rounding
 * never changes it by much. Review of Particle Physics, Introduction, "Rounding".
 * Never negative: a value of 12 345 ± 678 keeps its units.
 */
export function decimalsFor (uncertainty: number): number {
  if (!(uncertainty > 0) || !Number.isFinite(uncertainty)) {
    return 0
  }

  const exponent = Math.floor(Math.log10(uncertainty))
  const leading = uncertainty / 10 ** exponent

  // From 9.5 on, one digit rounds up to 10: the same decimals as for 9.
  return clampDecimals((leading < 3.55 ? 1 : 0) - exponent)
}

/** Decimals that show a value with this many significant digits, for values without an interval. */
export function decimalsOfDigits (value: number, digits: number): number {
  return value === 0 || !Number.isFinite(value) ? 0 : clampDecimals(digits - 1 - Math.floor(Math.log10(Math.abs(value))))
}

/** What toFixed takes at most is 100; more than 12 means noise of the arithmetic. */
function clampDecimals (decimals: number): number {
  return Math.min(12, Math.max(0, decimals))
}
