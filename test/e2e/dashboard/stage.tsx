import { render, type ComponentChildren } from 'preact'
import { useLayoutEffect, useRef } from 'preact/hooks'
import { initialLink } from '../../../src/dashboard/api/link-state.ts'
import { Link } from '../../../src/dashboard/api/link.ts'
import { App } from '../../../src/dashboard/live/app.ts'
import { Action } from '../../../src/dashboard/parts/action.tsx'
import { Announcements } from '../../../src/dashboard/parts/announce.tsx'
import { Copy } from '../../../src/dashboard/parts/copy.tsx'
import { AppContext, useStore } from '../../../src/dashboard/parts/hooks.ts'
import { keepFocus } from '../../../src/dashboard/parts/keep-focus.ts'
import { NO_JOB, reduceJob, type JobMessage } from '../../../src/dashboard/state/job.ts'
import { reduceMesh } from '../../../src/dashboard/state/mesh.ts'
import { Store } from '../../../src/dashboard/state/store.ts'
import { EMPTY_FORM } from '../../../src/dashboard/submit/form.ts'
import { Activity } from '../../../src/dashboard/views/activity.tsx'
import { AddWorker } from '../../../src/dashboard/views/add-worker.tsx'
import { Compare } from '../../../src/dashboard/views/compare.tsx'
import { History } from '../../../src/dashboard/views/history.tsx'
import { JobOutput } from '../../../src/dashboard/views/job-output.tsx'
import { Jobs } from '../../../src/dashboard/views/jobs.tsx'
import { SignInAgain } from '../../../src/dashboard/views/sign-in.tsx'
import { More } from '../../../src/dashboard/views/submit-how.tsx'
import type { MeshEvent } from '../../../src/http/exchange/mesh-changes.ts'

/*
 * Parts and views of the page, each by itself in a browser, with what a master
 * would tell them said by a test: it calls `stage`, and does the rest as a
 * reader does.
 */

const ORIGIN = 'http://master.test'

/** What the master was asked, and by the beginning of the path what it answers. */
const asked: string[] = []
const answers: Array<{ path: string, status: number, type: string, body: string }> = []

async function answer (input: unknown, init?: RequestInit): Promise<Response> {
  const path = String(input).slice(ORIGIN.length)
  const { status, type, body } = answers.findLast(({ path: begin }) => path.startsWith(begin)) ?? { status: 404, type: 'application/json', body: '{"title":"no such thing"}' }

  asked.push(`${init?.method ?? 'GET'} ${path}`)

  // a stream of events has no end of its own
  const stream = new ReadableStream<Uint8Array>({
    start (controller) {
      controller.enqueue(new TextEncoder().encode(body))

      if (type === 'text/event-stream') {
        init?.signal?.addEventListener('abort', () => { controller.error(init.signal?.reason) })
      } else {
        controller.close()
      }
    }
  })

  return new Response(stream, { status, headers: { 'content-type': type } })
}

const app = new App(new Link({ origin: ORIGIN, token: 'token', onState: () => {}, fetch: answer as typeof fetch }), new Store(initialLink(ORIGIN)), { role: 'admin', access: 'write', mesh: 'mesh', version: '0', uploads: { fileBytes: 1, totalBytes: 1 } as never })

/** Whether what a scene shows is there: a part of the page, or a question. */
const isThere = new Store(true)
const job = new Store(NO_JOB)
const form = new Store(EMPTY_FORM)

const SCENES: Record<string, () => ComponentChildren> = {
  'a part that goes away': () => {
    const root = useRef<HTMLElement>(null)

    useLayoutEffect(() => keepFocus(root.current!), [])

    return <main ref={root}><h1 tabIndex={-1}>The view</h1><section><h2>The part</h2>{useStore(isThere) ? <button>Going</button> : null}</section><p>What is read meanwhile</p></main>
  },
  'a question': () => <><Action label='Drain' busyLabel='Draining' act={async () => {}} question={useStore(isThere) ? { text: 'Sure?', yes: 'Drain it', no: 'Leave it' } : undefined} /><label>Find <input /></label></>,
  copy: () => <Copy text='what is copied' />,
  'signed out': () => <><label>Name <input /></label>{useStore(isThere) ? null : <SignInAgain problem='it has expired' onToken={async () => {}} onLeave={() => {}} />}</>,
  'more of the form': () => {
    const shown = useStore(form)

    return <More title='More' fields={['env']} form={shown} errors={new Map()} change={some => { form.update(form => ({ ...form, ...typeof some === 'function' ? some(form) : some })) }} leave={() => {}}><label>Environment <input value={shown.env} onInput={event => { form.update(form => ({ ...form, env: event.currentTarget.value })) }} /></label></More>
  },
  output: () => {
    const state = useStore(job)

    return <JobOutput job={state} id='JOB' task={[...state.tasks.keys()].at(-1)} onChoose={() => {}} titleOf={() => undefined} />
  },
  'add a worker': () => <AddWorker />,
  jobs: () => <Jobs />,
  compare: () => <Compare />,
  history: () => <History />,
  'a history of nothing': () => <History name="'; rm -rf ~ #" />,
  activity: () => <Activity />
}

const stage = {
  asked,
  /** From now on, for paths that begin so. */
  answer (path: string, body: string, { status = 200, type = 'application/json' }: { status?: number, type?: string } = {}): void {
    answers.push({ path, status, type, body })
  },
  show (name: string): void {
    const Scene = SCENES[name]!

    asked.length = 0
    isThere.set(true)
    job.set(NO_JOB)
    form.set(EMPTY_FORM)
    render(null, document.body)
    render(<AppContext.Provider value={app}><Announcements /><Scene /></AppContext.Provider>, document.body)
  },
  set (there: boolean): void {
    isThere.set(there)
  },
  tellMesh (...events: MeshEvent[]): void {
    events.forEach(event => { app.mesh.update(state => reduceMesh(state, event, event.nowMs)) })
  },
  tellJob (...events: JobMessage[]): void {
    events.forEach(event => { job.update(state => reduceJob(state, event)) })
  }
}

declare global {
  var stage: Stage
}

export type Stage = typeof stage

globalThis.stage = stage
