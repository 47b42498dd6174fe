/** The one that comes first, byte by byte. */
export function smaller (a: Uint8Array, b: Uint8Array): Uint8Array {
  return Buffer.compare(a, b) <= 0 ? a : b
}

/** Undefined when it is no JSON. */
export function parseJson (bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString('utf8'))
  } catch {
    return undefined
  }
}

export function asRecord (value: unknown): Record<string, unknown> | undefined {
  return typeof value === 'object' && value != null && !Array.isArray(value) ? value as Record<string, unknown> : undefined
}

/** JSON with the names of each object in order: one text for one value. */
export function canonical (value: unknown): string {
  return JSON.stringify(value, (_, inner) => {
    const record = asRecord(inner)

    return record == null ? inner : Object.fromEntries(Object.entries(record).sort(([a], [b]) => a < b ? -1 : 1))
  }) ?? 'null'
}
