const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Bytes in JSON: as text where they are, else in base 64. */
export type JsonBytes = { text: string } | { base64: string }

export function jsonBytes (data: Uint8Array): JsonBytes {
  try {
    return { text: UTF8.decode(data) }
  } catch {
    return { base64: Buffer.from(data).toString('base64') }
  }
}

/** For JSON.stringify: bytes anywhere inside. */
export function withBytes (value: unknown): unknown {
  if (value instanceof Uint8Array) {
    return jsonBytes(value)
  }

  if (Array.isArray(value)) {
    return value.map(withBytes)
  }

  return value === null || typeof value !== 'object' ? value : Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, withBytes(inner)]))
}
