/**
 * In which order the commands of a round run: in the first of two rounds at
 * random, in the second the other way round. Whatever drifts evenly then meets
 * all commands alike (ABBA), and whatever follows a rhythm meets them by chance.
 *
 * @param before - the order of the round before; absent for the first one
 * @param round - counted from 0
 * @param random - from 0 to 1, without 1
 */
export function orderOfRound<T> (due: readonly T[], round: number, before: readonly T[] | undefined, random: () => number): T[] {
  if (round % 2 === 0 || before == null) {
    return shuffled(due, random)
  }

  const turned = before.toReversed().filter(item => due.includes(item))

  return [...turned, ...due.filter(item => !turned.includes(item))]
}

/** Fisher-Yates. */
function shuffled<T> (items: readonly T[], random: () => number): T[] {
  const all = [...items]

  for (let i = all.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1))

    ;[all[i], all[j]] = [all[j] as T, all[i] as T]
  }

  return all
}
