/** Where a key leads from a row of a list; undefined for keys that lead nowhere. Pure. */
export function rowOfKey (key: string, at: number, rows: number, page: number): number | undefined {
  const to = ({
    ArrowDown: at + 1,
    ArrowUp: at - 1,
    PageDown: at + page,
    PageUp: at - page,
    Home: 0,
    End: rows - 1
  } as Partial<Record<string, number>>)[key]

  return to == null || rows === 0 ? undefined : Math.max(0, Math.min(rows - 1, to))
}
