import { render } from 'preact'
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'
import { signIn, type App } from './live/app.ts'
import { ApiError } from './api/link.ts'
import { findToken, keepToken, tokenOfAddress } from './api/session.ts'
import { AppContext, useFragment, useStore } from './parts/hooks.ts'
import { Later } from './parts/later.tsx'
import { Empty, Failure, Loading } from './parts/notice.tsx'
import { focusTitle, Title } from './parts/title.tsx'
import { hrefOf, parseRoute, placeOf, type Route } from './state/route.ts'
import { Activity } from './views/activity.tsx'
import { Compare } from './views/compare.tsx'
import { Frame } from './views/frame.tsx'
import { History } from './views/history.tsx'
import { JobPage } from './views/job.tsx'
import { Jobs } from './views/jobs.tsx'
import { Mesh } from './views/mesh.tsx'
import { SignIn, SignInAgain } from './views/sign-in.tsx'

/** Until what was asked for first is there. */
const IDLE_MS = 3_000

const TITLES: Record<Route['view'], string> = { mesh: 'Mesh', jobs: 'Jobs', job: 'Job', activity: 'Activity', compare: 'Compare', history: 'History', submit: 'Submit', unknown: 'Not found' }

function Page ({ token }: { token: string | undefined }) {
  const [app, setApp] = useState<App>()
  const [problem, setProblem] = useState<string>()
  const [unreachable, setUnreachable] = useState<string>()
  const [isTrying, setTrying] = useState(token != null)

  const enter = async (token: string): Promise<void> => {
    if (await app?.renew(token) === true) {
      return
    }

    const next = await signIn(token)

    app?.close()
    setApp(next)
    setProblem(undefined)
  }
  const leave = (why?: string): void => {
    app?.close()
    keepToken(undefined)
    setApp(undefined)
    setProblem(why)
  }
  const resume = (): void => {
    setUnreachable(undefined)
    setTrying(true)
    enter(token!).catch(err => {
      if (err instanceof ApiError && err.status === 401) {
        setProblem(err.message)
      } else {
        setUnreachable(err.message)
      }
    }).finally(() => { setTrying(false) })
  }

  useEffect(() => {
    if (token != null) {
      resume()
    }
  }, [])

  // a link that is opened in a tab that shows the page already changes nothing but the fragment
  useEffect(() => {
    linked = token => {
      enter(token).catch(err => { setProblem(err.message) })
    }
  })

  if (app != null) {
    return <AppContext.Provider value={app}><SignedIn app={app} onLeave={leave} onToken={enter} /></AppContext.Provider>
  }

  return isTrying
    ? <main id='main'><Loading what='the mesh' /></main>
    : unreachable != null
      ? <main id='main'><Failure title='The master does not answer' detail={unreachable} onRetry={resume} /></main>
      : <SignIn key={problem} problem={problem} onToken={async token => enter(token).then(focusTitle)} />
}

function SignedIn ({ app, onLeave, onToken }: { app: App, onLeave: (why?: string) => void, onToken: (token: string) => Promise<void> }) {
  const { phase, detail } = useStore(app.linkState)
  const route = parseRoute(useFragment())

  useEffect(() => {
    if (phase === 'refused') {
      keepToken(undefined)
    }
  }, [phase])

  const place = placeOf(route)
  const shown = useRef(place)

  // whoever goes to another view is there with the keyboard too; who opens the page begins at its beginning
  useLayoutEffect(() => {
    if (shown.current !== place) {
      shown.current = place
      focusTitle()
    }
  }, [place])

  // the master that served the page may be gone when it is wanted
  useEffect(() => {
    const timer = setTimeout(() => { loadSubmit().catch(() => {}) }, IDLE_MS)

    return () => { clearTimeout(timer) }
  }, [])

  useEffect(() => { document.title = `${TITLES[route.view]} · Meshmark` }, [route.view])

  return (
    <>
      <Frame route={route} onSignOut={() => { onLeave() }}>{viewOf(route)}</Frame>
      {phase === 'refused' ? <SignInAgain problem={detail} onToken={onToken} onLeave={() => { onLeave() }} /> : null}
    </>
  )
}

async function loadSubmit () {
  return import('./views/submit.tsx')
}

function viewOf (route: Route) {
  switch (route.view) {
    case 'mesh': return <Mesh worker={route.worker} />
    case 'jobs': return <Jobs />
    case 'job': return <JobPage key={route.id} id={route.id} />
    case 'compare': return <Compare base={route.base} other={route.other} />
    case 'history': return <History name={route.name} />
    case 'activity': return <Activity />
    case 'submit': return <Later what='the form' load={loadSubmit}>{({ SubmitPage }) => <SubmitPage from={route.from} />}</Later>
    case 'unknown': return <><Title>Not found</Title><Empty title='There is no such view'><p><a href={hrefOf({ view: 'mesh' })}>To the mesh</a></p></Empty></>
  }
}

let linked: (token: string) => void = () => {}

// before the views hear of it, which would take the token for a place of theirs
window.addEventListener('hashchange', ({ oldURL }) => {
  const token = tokenOfAddress(new URL(oldURL).hash)

  if (token != null) {
    linked(token)
  }
})

render(<Page token={findToken()} />, document.getElementById('page')!)
