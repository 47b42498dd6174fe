/** The kernel knows no machine with more. */
export const MAX_PROCESSORS = 8_192

/**
 * The kernel's list format (cpuset(7)): `0-3,8,10-11`, ascending, without
 * doubles. Returns undefined for what is no such list; an empty text is an
 * empty list, as it stands for a memory node without processors.
 */
export function parseProcessorList (text: string): number[] | undefined {
  const found = new Set<number>()

  for (const part of text.trim() === '' ? [] : text.trim().split(',')) {
    const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(part.trim())

    if (match == null) {
      return undefined
    }

    const first = Number(match[1])
    const last = Number(match[2] ?? match[1])

    if (last < first || last >= MAX_PROCESSORS) {
      return undefined
    }

    for (let id = first; id <= last; id++) {
      found.add(id)
    }
  }

  return [...found].sort((a, b) => a - b)
}

/** `0-3,8`: what parseProcessorList reads. */
export function formatProcessorList (ids: Iterable<number>): string {
  const sorted = [...new Set(ids)].sort((a, b) => a - b)
  const ranges: Array<[first: number, last: number]> = []

  for (const id of sorted) {
    const range = ranges.at(-1)

    if (range != null && range[1] === id - 1) {
      range[1] = id
    } else {
      ranges.push([id, id])
    }
  }

  return ranges.map(([first, last]) => first === last ? `${first}` : `${first}-${last}`).join(',')
}
