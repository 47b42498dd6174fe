import { Brand } from '../parts/brand.tsx'
import { hrefOf, type Route } from '../state/route.ts'
import { useApp, useStore } from '../parts/hooks.ts'
import { Mark } from '../parts/mark.tsx'
import type { ComponentChildren } from 'preact'
import type { LinkState } from '../api/link-state.ts'
import type { Tone } from '../text/states.ts'

const PLACES: ReadonlyArray<{ title: string, href: string, views: ReadonlyArray<Route['view']>, changes?: true }> = [
  { title: 'Mesh', href: hrefOf({ view: 'mesh' }), views: ['mesh'] },
  { title: 'Jobs', href: hrefOf({ view: 'jobs' }), views: ['jobs', 'job'] },
  { title: 'Activity', href: hrefOf({ view: 'activity' }), views: ['activity'] },
  { title: 'Compare', href: hrefOf({ view: 'compare' }), views: ['compare'] },
  { title: 'History', href: hrefOf({ view: 'history' }), views: ['history'] },
  { title: 'Submit', href: hrefOf({ view: 'submit' }), views: ['submit'], changes: true }
]

/** What is around every view: where one can go, and whether what is seen is live. */
export function Frame ({ route, onSignOut, children }: { route: Route, onSignOut: () => void, children: ComponentChildren }) {
  const app = useApp()

  return (
    <>
      <a class='skip' href='#main' onClick={skip}>Skip to the content</a>
      <header class='frame-head'>
        <Brand />
        <nav aria-label='Views'>
          {PLACES.filter(({ changes }) => changes == null || app.mayChange).map(({ title, href, views }) => <a key={href} href={href} aria-current={views.includes(route.view) ? 'page' : undefined}>{title}</a>)}
        </nav>
        <Connection />
        <span class='who'>{app.who.access === 'read' ? 'read only' : app.who.role}</span>
        <button type='button' class='quiet' onClick={onSignOut}>Sign out</button>
      </header>
      <main id='main' tabIndex={-1}>{children}</main>
    </>
  )
}

/** Said aloud when it changes: what is on the page may be old. */
function Connection () {
  const { linkState, mesh } = useApp()
  const { master } = useStore(mesh)
  const state = useStore(linkState)
  const [tone, words] = connectionWords(state, master)

  return <span class='connection' role='status' title={state.detail}><Mark tone={tone}>{words}</Mark></span>
}

function connectionWords (state: LinkState, master: string | undefined): [Tone, string] {
  switch (state.phase) {
    case 'connecting': return ['wait', 'connecting']
    case 'live': return ['good', master == null ? 'live' : `live from ${master}`]
    case 'moving': return ['warn', `${master ?? 'the master'} is lost, trying another`]
    case 'waiting': return ['bad', 'no master answers, trying again']
    case 'refused': return ['bad', 'signed out']
  }
}

/** A fragment is a place of ours, so the browser must not follow this one. */
function skip (event: Event): void {
  event.preventDefault()
  document.getElementById('main')?.focus()
}
