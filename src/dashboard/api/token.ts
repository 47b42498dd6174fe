/** As of src/node/token.ts: what it says is checked by the master. */
const TOKEN = /^mmh1-[A-Za-z0-9_-]{8,200}$/

/** `#token=mmh1-…`, as in a link that signs in; undefined for every other fragment. */
export function tokenOfFragment (fragment: string): string | undefined {
  const [, token] = /^#token=(.*)$/.exec(fragment) ?? []

  return token == null ? undefined : readToken(token)
}

/** Pasted text, with what a terminal or a mail put around it; undefined when it cannot be one. */
export function readToken (text: string): string | undefined {
  const token = text.trim().replace(/^(authorization:\s*)?bearer\s+/i, '').replace(/\s+/g, '')

  return TOKEN.test(token) ? token : undefined
}
