import { tokenOfFragment } from './token.ts'

const KEY = 'meshmark.token'

/**
 * The token of this tab: of the link by which it was opened, or kept from
 * before a reload. It never leaves the tab: no cookie, no local storage, no
 * address.
 */
export function findToken (): string | undefined {
  return tokenOfAddress('#/mesh') ?? stored()
}

/** The token behind `#`, which stands there no longer than this takes. @param instead - what stands there then */
export function tokenOfAddress (instead: string): string | undefined {
  const fragment = location.hash
  const token = tokenOfFragment(fragment)

  if (fragment.startsWith('#token=')) {
    // at once: neither the history nor a bookmark is to have it
    history.replaceState(null, '', `${location.pathname}${location.search}${instead}`)
  }

  return token
}

export function keepToken (token: string | undefined): void {
  try {
    if (token == null) {
      sessionStorage.removeItem(KEY)
    } else {
      sessionStorage.setItem(KEY, token)
    }
  } catch {
    // without storage it lasts until the page is loaded anew
  }
}

function stored (): string | undefined {
  try {
    return sessionStorage.getItem(KEY) ?? undefined
  } catch {
    return undefined
  }
}
