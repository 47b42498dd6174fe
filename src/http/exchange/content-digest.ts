import { usage } from './problem.ts'

/** SHA-256 of a body, as RFC 9530 writes it: `sha-256=:BASE64:`. Undefined without the header; throws `usage` for one that does not have it. */
export function contentDigest (header: string | null): Buffer | undefined {
  if (header == null) {
    return undefined
  }

  const [, text] = /(?:^|,)\s*sha-256=:([A-Za-z0-9+/]{43}=):\s*(?:,|$)/.exec(header.slice(0, 1_000)) ?? []

  if (text == null) {
    throw usage(`Content-Digest '${header.slice(0, 100)}' has no SHA-256 of the body: write sha-256=:BASE64:, or leave it out`)
  }

  return Buffer.from(text, 'base64')
}
