import { dirname, join } from 'node:path'
import { middle } from './bootstrap.js'
import { MAIN } from './local-mesh.js'

const DIST = dirname(MAIN)

await import(join(DIST, 'node/polyfill.js'))

const { connectClient } = await import(join(DIST, 'roles/client/connect.js'))
const { draftJob } = await import(join(DIST, 'roles/client/draft/draft.js'))

/** A client of a LocalMesh in this process, which stays connected; `options` as for connectClient. */
export async function connectTo (mesh, options = {}) {
  Object.assign(process.env, mesh.env)

  return connectClient({ masters: mesh.addresses, mdns: false, ...options })
}

/** What `exec` makes of its words. */
export async function draftExec (words, { on = 'any', items, with: files } = {}) {
  const { draft } = await draftJob({ kind: 'exec', words, commands: [], names: [], options: { on, ...(files == null ? {} : { with: files }) }, on: 'any', plan: { kind: 'once' }, ...(items == null ? {} : { items }) })

  return draft
}

/** What `run --on all --runs 1` makes of its words and a file to go with them. */
export async function draftRun (words, file) {
  const { draft } = await draftJob({ kind: 'run', words, commands: [], names: [], options: { on: 'all', with: [file] }, on: 'all', plan: { kind: 'fixed', runs: 1, warmup: 0 } })

  return draft
}

/** Of a task whose worker has not got its payload yet, as far as is known. */
const BEFORE_START = ['queued', 'reserving', 'sending']

/**
 * One job from its submission to its end, and when what happened: milliseconds
 * since 1970, on this machine's clock. Throws unless every task ended well.
 * `delivered`: every worker has said that it has the whole payload.
 */
export async function runJob (client, draft) {
  const now = () => performance.timeOrigin + performance.now()
  const submitted = now()
  const { id } = await client.submit(draft)
  const accepted = now()
  const results = []
  const delivered = new Map()
  const toldAt = []
  const notes = new Set()
  let lastResult

  for await (const event of client.attach(id)) {
    const views = event.kind === 'task' ? [event.view] : event.kind === 'job' ? event.view.tasks : []

    for (const { task, state } of views) {
      if (!BEFORE_START.includes(state) && !delivered.has(task)) {
        delivered.set(task, now())
      }
    }

    if (event.kind === 'transfer' && event.note != null) {
      notes.add(event.note)
    }

    if (event.kind === 'result') {
      results.push(event.result)
      lastResult = now()
      toldAt.push(lastResult)
    } else if (event.kind === 'end') {
      const bad = event.view.tasks.find(({ state, task }) => state !== 'done' && results.find(({ key }) => key.task === task)?.outcome !== 'done')

      if (bad != null || results.length !== event.view.tasks.length) {
        throw new Error(`job ${id} did not end well: ${JSON.stringify(bad ?? event.view).slice(0, 500)}`)
      }
    }
  }

  return {
    submitted,
    accepted,
    delivered: Math.max(...delivered.values()),
    firstStart: Math.min(...results.map(({ startedAt }) => startedAt)),
    lastStart: Math.max(...results.map(({ startedAt }) => startedAt)),
    /** Of the first of them. */
    worker: results[0].key.worker,
    lastFinish: Math.max(...results.map(({ finishedAt }) => finishedAt)),
    lastResult,
    ended: now(),
    /** Of one execution, in the middle: until its program starts, until the worker has its end from the box, until the client knows. */
    offerMs: middle(results.map(({ startedAt }) => startedAt - accepted)),
    boxMs: middle(results.map(({ startedAt, finishedAt }) => finishedAt - startedAt)),
    deliveryMs: middle(results.map(({ finishedAt }, at) => toldAt[at] - finishedAt)),
    /** What was worked around while the payload was on its way. */
    notes: [...notes]
  }
}
