import { reachOf } from './reach.ts'

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
  /** Origin that served the page: the one way to a master that is known to lead there. */
  home: string
  /** Origins of masters, `home` among them. */
  bases: readonly string[]
  /** Of those, the ones that have answered. */
  answered: readonly string[]
  /** Where masters answer, but not to this browser. */
  leftOut: readonly string[]
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
  return { phase: 'connecting', home: origin, bases: [origin], answered: [], leftOut: [], base: origin, failures: 0 }
}

export function reduceLink (state: LinkState, event: LinkEvent): LinkState {
  switch (event.kind) {
    case 'answered':
      return event.base === state.base && state.phase !== 'live'
        ? { ...state, phase: 'live', answered: [...new Set([...state.answered, event.base])], failures: 0, detail: undefined }
        : state
    case 'failed': {
      if (event.base !== state.base || state.phase === 'refused') {
        return state
      }

      // an address that has never led anywhere is not tried again before masters are heard of anew
      const isDead = event.base !== state.home && !state.answered.includes(event.base)
      const at = state.bases.indexOf(event.base)
      const bases = isDead ? state.bases.filter(base => base !== event.base) : state.bases
      const failures = state.failures + (isDead ? 0 : 1)

      return { ...state, phase: failures < bases.length ? 'moving' : 'waiting', bases, base: bases[(isDead ? at : at + 1) % bases.length]!, failures, detail: event.detail }
    }
    case 'refused':
      return { ...state, phase: 'refused', detail: event.detail }
    case 'renewed':
      return { ...state, phase: 'connecting', failures: 0, detail: undefined }
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
  const { bases: found, leftOut } = reachOf(state.home, urls)
  const bases = [...new Set([state.base, ...found])]

  // nothing to go to is worse than an address that may be old
  return urls.length === 0 || (bases.join() === state.bases.join() && leftOut.join() === state.leftOut.join()) ? state : { ...state, bases, leftOut }
}
