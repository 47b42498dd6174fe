/**
 * Which master the page speaks to, and how that goes. Pure: what has happened
 * goes in, where to go next comes out.
 */
export interface LinkState {
  phase:
    /** Nothing has been answered yet. */
    | 'connecting'
    | 'live'
    /** The master was lost; the next one is being tried. */
    | 'moving'
    /** None of them answers; all are tried again after a while. */
    | 'waiting'
    /** The token does not count (any more). */
    | 'refused'
  /** Origins of masters, never empty. */
  bases: readonly string[]
  /** The one in use. */
  base: string
  /** In a row. */
  failures: number
  /** Why it is not live, one line. */
  detail?: string
}

export type LinkEvent =
  | { kind: 'answered', base: string }
  /** Only of the one in use: whoever was late to notice changes nothing. */
  | { kind: 'failed', base: string, detail: string }
  | { kind: 'refused', detail: string }
  /** Another token is used from now on. */
  | { kind: 'renewed' }
  /** Where masters answer, as one of them says. */
  | { kind: 'masters', urls: readonly string[] }

const FIRST_WAIT_MS = 500
const MAX_WAIT_MS = 10_000

export function initialLink (origin: string): LinkState {
  return { phase: 'connecting', bases: [origin], base: origin, failures: 0 }
}

export function reduceLink (state: LinkState, event: LinkEvent): LinkState {
  switch (event.kind) {
    case 'answered':
      return event.base === state.base && state.phase !== 'live'
        ? { phase: 'live', bases: state.bases, base: state.base, failures: 0 }
        : state
    case 'failed': {
      if (event.base !== state.base || state.phase === 'refused') {
        return state
      }

      const failures = state.failures + 1
      const next = state.bases[(state.bases.indexOf(state.base) + 1) % state.bases.length] ?? state.base

      return { ...state, phase: failures < state.bases.length ? 'moving' : 'waiting', base: next, failures, detail: event.detail }
    }
    case 'refused':
      return { ...state, phase: 'refused', detail: event.detail }
    case 'renewed':
      return { phase: 'connecting', bases: state.bases, base: state.base, failures: 0 }
    case 'masters':
      return withMasters(state, event.urls)
  }
}

/** How long to wait before the next attempt: not at all until every master has been tried once. */
export function waitMs ({ failures, bases }: LinkState): number {
  const rounds = Math.floor(failures / bases.length)

  return failures === 0 || rounds === 0 ? 0 : Math.min(MAX_WAIT_MS, FIRST_WAIT_MS * 2 ** (rounds - 1))
}

/** The one in use stays, even where it is reached by another name than the one it tells. */
function withMasters (state: LinkState, urls: readonly string[]): LinkState {
  const origins = urls.flatMap(url => URL.canParse(url) && /^https?:$/.test(new URL(url).protocol) ? [new URL(url).origin] : [])
  const bases = [state.base, ...new Set(origins.filter(origin => origin !== state.base))]

  // nothing to go to is worse than an address that may be old
  return origins.length === 0 || bases.join() === state.bases.join() ? state : { ...state, bases }
}
