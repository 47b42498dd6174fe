/** Which addresses of masters a page can go to. */
export interface Reach {
  /** Origins. */
  bases: string[]
  /** Those that would mean something else where the page is: nothing is sent there. */
  leftOut: string[]
}

/**
 * A master tells the addresses that it listens at. One of loopback is its own
 * machine: it is right for a page that was opened at such an address itself.
 * Through a tunnel, or by a name, it would be whatever listens at this port of
 * the reader's machine, which would be given the token. A page that came
 * encrypted goes nowhere else unencrypted. Pure.
 *
 * @param home - origin of the page
 * @param urls - as all masters tell them
 */
export function reachOf (home: string, urls: readonly string[]): Reach {
  const told = [...new Set(urls.flatMap(url => URL.canParse(url) && /^https?:$/.test(new URL(url).protocol) ? [new URL(url).origin] : []))]
  const isDirect = told.some(origin => plain(origin) === plain(home))
  const others = told.filter(origin => plain(origin) !== plain(home))
  const isGood = (origin: string): boolean => (!isLoopback(origin) || (isDirect && isLoopback(home))) && (origin.startsWith('https:') || !home.startsWith('https:'))

  return { bases: [home, ...others.filter(isGood)], leftOut: others.filter(origin => !isGood(origin)) }
}

/** Two names of the same. */
function plain (origin: string): string {
  return origin.replace(/^(https?:\/\/)localhost(?=:|$)/, '$1127.0.0.1')
}

function isLoopback (origin: string): boolean {
  return /^(localhost|127\.[\d.]+|0\.0\.0\.0|\[::1?\])$/.test(new URL(origin).hostname)
}
