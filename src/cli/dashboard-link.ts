import { MeshmarkError } from '../model/errors.ts'
import { isLoopback, placeOf } from '../roles/place.ts'
import type { HttpMaster } from '../node/protocol/submit/messages.ts'

/** Where a page is opened. */
export interface PageAddress {
  url: string
  /** Name of the master; absent where the user has said the address. */
  master?: string
}

/** A master on this machine answers in a few milliseconds, one behind a VPN within this. */
const PROBE_MS = 3_000

/**
 * The first address at which a page of this mesh answers, those of `preferred`
 * (a peer id) first. A loopback address of another machine is none: whatever
 * listens there on this one would be given the token. Throws `unreachable` with
 * what to do.
 */
export async function findPage (masters: readonly HttpMaster[], preferred: string, probe: (url: string) => Promise<string | undefined> = probePage, place = placeOf()): Promise<PageAddress> {
  const known = [...masters].sort((a, b) => Number(b.peerId === preferred) - Number(a.peerId === preferred))
  const tried: string[] = []
  const elsewhere: Array<{ name: string, url: string }> = []

  for (const { name, urls, place: its } of known) {
    for (const url of urls.filter(url => URL.canParse(url))) {
      if (isLoopback(url) && its !== place) {
        elsewhere.push({ name, url })
        continue
      }

      const trouble = await probe(url)

      if (trouble == null) {
        return { url: new URL(url).origin, master: name }
      }

      tried.push(`${name} at ${url}: ${trouble}`)
    }
  }

  throw new MeshmarkError('unreachable', nowhere(tried, elsewhere))
}

function nowhere (tried: readonly string[], [first]: ReadonlyArray<{ name: string, url: string }>): string {
  const words = tried.length === 0 ? '' : `no page answers (${tried.join('; ')})`

  if (first != null) {
    const port = new URL(first.url).port || '80'

    return `${words === '' ? '' : `${words}; `}${first.name} answers over HTTP at ${first.url} on its own machine alone: open a tunnel with ssh -N -L ${port}:127.0.0.1:${port} HOST, then type meshmark dashboard --url http://127.0.0.1:${port}`
  }

  return words === ''
    ? 'no master of this mesh answers over HTTP: start one with meshmark master --http (or meshmark up --http, to try)'
    : `${words}: start a master with --http, or say with --url where a proxy or a tunnel reaches one`
}

/** Why no page of ours is there, in a few words; undefined = one is. Nothing secret is sent. */
async function probePage (url: string): Promise<string | undefined> {
  try {
    const response = await fetch(new URL('/', url), { redirect: 'error', signal: AbortSignal.timeout(PROBE_MS) })
    const text = await response.text()

    return !response.ok ? `it answers ${response.status}` : text.includes('<title>Meshmark</title>') ? undefined : 'that is something else'
  } catch {
    return 'no answer'
  }
}

/** Behind `#`: a browser sends that to nobody, and tells it no other page. */
export function signInLink (url: string, token: string): string {
  return `${url}/#token=${token}`
}

/** Throws `usage` for what is no origin. */
export function readUrl (text: string): string {
  if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol) || new URL(text).pathname !== '/' || new URL(text).search !== '' || new URL(text).hash !== '') {
    throw new MeshmarkError('usage', `--url '${text}' is no address of a master: write e.g. --url http://127.0.0.1:4748, without a path`)
  }

  return new URL(text).origin
}
