import { useEffect, useLayoutEffect, useRef } from 'preact/hooks'
import { announce, Announcements } from '../parts/announce.tsx'
import { Brand } from '../parts/brand.tsx'
import { hrefOf, type Route } from '../state/route.ts'
import { useApp, useStore } from '../parts/hooks.ts'
import { keepFocus } from '../parts/keep-focus.ts'
import { Mark } from '../parts/mark.tsx'
import type { ComponentChildren } from 'preact'
import type { LinkState } from '../api/link-state.ts'
import type { MeshState } from '../state/mesh.ts'
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
  const main = useRef<HTMLElement>(null)

  useLayoutEffect(() => keepFocus(main.current!), [])

  return (
    <>
      <Announcements />
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
      <Lost />
      <main id='main' tabIndex={-1} ref={main}>{children}</main>
    </>
  )
}

/** Whether what is on the page may be old. */
function Connection () {
  const { linkState, mesh: store } = useApp()
  const mesh = useStore(store)
  const state = useStore(linkState)
  const [tone, words] = connectionWords(state, mesh.master)

  useConnectionSaid(state.phase, mesh)

  return <span class='connection'><Mark tone={tone}>{words}</Mark></span>
}

/** Says that the connection is lost, and that it is there again once the next master has told who it is. */
function useConnectionSaid (phase: LinkState['phase'], mesh: MeshState): void {
  const before = useRef<MeshState>(undefined)

  useEffect(() => {
    if (phase === 'moving' || phase === 'waiting') {
      if (before.current == null) {
        announce(phase === 'waiting' ? 'No master answers: they are tried again' : `The connection to ${mesh.master ?? 'the master'} is lost: another one is tried`)
      } else if (phase === 'waiting') {
        announce('No master answers: they are tried again')
      }

      before.current = mesh
    } else if (phase === 'live' && before.current != null && before.current !== mesh) {
      before.current = undefined
      announce(`Live again, from ${mesh.master ?? 'a master'}`)
    }
  }, [phase, before.current == null || before.current === mesh])
}

/** What is seen is old, and why: only while nobody answers. */
function Lost () {
  const { phase, detail, bases, home, leftOut } = useStore(useApp().linkState)

  return phase !== 'waiting'
    ? null
    : (
      <p class='lost'>
        <b>What you see may be old.</b> {detail ?? 'No master answers'}; {bases.map(hostOf).join(', ')} {bases.length === 1 ? 'is' : 'are'} asked again and again.
        {leftOut.length === 0 ? null : ` Not asked: ${leftOut.map(hostOf).join(', ')}. From ${hostOf(home)}, where this page was opened, that leads elsewhere or is not encrypted; through a tunnel, open the page at the port of a master that runs.`}
      </p>
      )
}

function connectionWords (state: LinkState, master: string | undefined): [Tone, string] {
  switch (state.phase) {
    case 'connecting': return ['wait', 'connecting']
    case 'live': return ['good', master == null ? 'live' : `live from ${master}`]
    case 'moving': return ['warn', `lost ${master ?? 'the master'}, trying another`]
    case 'waiting': return ['bad', 'no master answers']
    case 'refused': return ['bad', 'signed out']
  }
}

function hostOf (origin: string): string {
  return new URL(origin).host
}

/** A fragment is a place of ours, so the browser must not follow this one. */
function skip (event: Event): void {
  event.preventDefault()
  document.getElementById('main')?.focus()
}
