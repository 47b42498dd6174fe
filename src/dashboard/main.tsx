import { render } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { signIn, type App } from './live/app.ts'
import { ApiError } from './api/link.ts'
import { findToken, keepToken } from './api/session.ts'
import { AppContext, useFragment, useStore } from './parts/hooks.ts'
import { Empty, Failure, Loading } from './parts/notice.tsx'
import { hrefOf, parseRoute, type Route } from './state/route.ts'
import { Frame } from './views/frame.tsx'
import { JobPage } from './views/job.tsx'
import { Jobs } from './views/jobs.tsx'
import { Mesh } from './views/mesh.tsx'
import { SignIn } from './views/sign-in.tsx'

const TITLES: Record<Route['view'], string> = { mesh: 'Mesh', jobs: 'Jobs', job: 'Job', unknown: 'Not found' }

function Page ({ token }: { token: string | undefined }) {
  const [app, setApp] = useState<App>()
  const [problem, setProblem] = useState<string>()
  const [unreachable, setUnreachable] = useState<string>()
  const [isTrying, setTrying] = useState(token != null)

  const enter = async (token: string): Promise<void> => {
    setApp(await signIn(token))
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

  if (app != null) {
    return <AppContext.Provider value={app}><SignedIn app={app} onLeave={leave} /></AppContext.Provider>
  }

  return isTrying
    ? <main id='main'><Loading what='the mesh' /></main>
    : unreachable != null
      ? <main id='main'><Failure title='The master does not answer' detail={unreachable} onRetry={resume} /></main>
      : <SignIn key={problem} problem={problem} onToken={enter} />
}

function SignedIn ({ app, onLeave }: { app: App, onLeave: (why?: string) => void }) {
  const { phase, detail } = useStore(app.linkState)
  const route = parseRoute(useFragment())

  useEffect(() => {
    if (phase === 'refused') {
      onLeave(detail)
    }
  }, [phase])

  useEffect(() => { document.title = `${TITLES[route.view]} · Meshmark` }, [route.view])

  return <Frame route={route} onSignOut={() => { onLeave() }}>{viewOf(route)}</Frame>
}

function viewOf (route: Route) {
  switch (route.view) {
    case 'mesh': return <Mesh worker={route.worker} />
    case 'jobs': return <Jobs />
    case 'job': return <JobPage key={route.id} id={route.id} />
    case 'unknown': return <><h1>Not found</h1><Empty title='There is no such view'><p><a href={hrefOf({ view: 'mesh' })}>To the mesh</a></p></Empty></>
  }
}

render(<Page token={findToken()} />, document.getElementById('page')!)
