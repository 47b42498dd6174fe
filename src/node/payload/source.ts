/** Content that is kept somewhere and read in parts; what is read twice is the same. */
export interface KeptContent {
  size: number
  /** Fills `into` from this position on, which is never beyond the end. */
  read: (into: Uint8Array, position: number) => Promise<void>
}

/** Path on this machine, or the content itself. */
export type Source = string | Uint8Array | KeptContent

export function contentSize (source: Exclude<Source, string>): number {
  return source instanceof Uint8Array ? source.byteLength : source.size
}

/** All of it. */
export async function contentBytes (source: Exclude<Source, string>): Promise<Uint8Array> {
  if (source instanceof Uint8Array) {
    return source
  }

  const bytes = new Uint8Array(source.size)

  await source.read(bytes, 0)

  return bytes
}

export interface FileToPack {
  source: Source
  /** Path inside the payload. */
  path: string
  /** @default the mode of the file; false for content */
  executable?: boolean
}
