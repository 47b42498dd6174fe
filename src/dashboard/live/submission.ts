import { ulid } from 'ulid'
import { ApiError } from '../api/error.ts'
import { pause } from '../api/pause.ts'
import { uploadFile, type Uploaded } from '../api/upload.ts'
import { Store } from '../state/store.ts'
import { bodyOf } from '../submit/body.ts'
import { Pace, patienceMs } from '../submit/pace.ts'
import { sentFiles } from '../submit/form.ts'
import type { Form, FormFile } from '../submit/form.ts'
import type { Link, OneMaster } from '../api/link.ts'

export type Sending =
  | { step: 'idle' }
  | {
    step: 'uploading'
    /** Its name; absent before the first. */
    file?: string
    /** Bytes of all files. */
    sent: number
    total: number
    /** In a second; absent until enough is known. */
    rate?: number
    leftMs?: number
    /** What it waits for instead. */
    waiting?: Waiting
    /** Origins of masters that were given up. */
    lost: string[]
  }
  | { step: 'submitting', waiting?: Waiting, lost: string[] }

export type Waiting =
  /** The master that has a part of it does not answer; `next`: another one is gone to when it does not come back. */
  | { kind: 'master', base: string, next: boolean }
  | { kind: 'token' }

/** Where it stands while it is submitted. */
interface Trip {
  form: Form
  /** Of the job: the same one wherever it is said, for a master that died may have accepted it. */
  id: string
  signal: AbortSignal
  lost: string[]
  pace: Pace
  /** The job itself was sent to somebody. */
  isAsked: boolean
  /** By origin, milliseconds that it took to send what that master has. */
  spentMs: Map<string, number>
  /** Since when the master that is in use does not answer, and since when none does. */
  failedMs?: number
  silentMs?: number
}

/** No master answers for so long: whoever waits is told. */
const SILENT_MS = 120_000

/** Between two attempts with the same master. */
const FIRST_PAUSE_MS = 500
const PAUSE_MS = 2_000

/** It is stopped so long after somebody wants that, also where a master does not answer. */
const STOP_MS = 2_000

/** As often as a reader can follow. */
const TELL_MS = 200

/** Files and then the job, at one and the same master; goes on when its view is left. */
export class Submission {
  readonly state = new Store<Sending>({ step: 'idle' })
  readonly #link: Link
  readonly #forms: () => Form[]
  /** What masters have of a file: after a failure, or a refusal of the job, only the rest is sent. */
  readonly #uploads = new Map<Blob, Map<string, Uploaded>>()
  #stop?: AbortController

  /** @param forms - all that are being filled in: masters keep nothing of files that are in none of them any more */
  constructor (link: Link, forms: () => Form[]) {
    this.#link = link
    this.#forms = forms
    // the forms go with whoever signs out
    link.closed.addEventListener('abort', () => { void this.#drop([...this.#uploads.keys()]) })
  }

  /** Resolves with the id of the job; undefined when it was stopped, or one is being submitted already. Throws ApiError. */
  async submit (form: Form): Promise<string | undefined> {
    if (this.state.value.step !== 'idle') {
      return undefined
    }

    const stop = new AbortController()
    const trip: Trip = { form, id: ulid(), signal: AbortSignal.any([stop.signal, this.#link.closed]), lost: [], pace: new Pace(), isAsked: false, spentMs: new Map() }

    this.#stop = stop
    this.state.set(sentFiles(form).length === 0 ? { step: 'submitting', lost: [] } : { step: 'uploading', sent: 0, total: bytesOf(form), lost: [] })
    window.addEventListener('beforeunload', keepOpen)

    try {
      await this.#briefly(this.#drop(this.#leftOver(form)))
      trip.signal.throwIfAborted()

      const id = await this.#somewhere(trip)

      // the job has them
      void this.#drop(blobsOf(form))

      return id
    } catch (err) {
      if (!trip.signal.aborted) {
        throw err
      }

      await this.#briefly(this.#drop(blobsOf(form)))

      if (trip.isAsked && !this.#link.closed.aborted) {
        throw new ApiError(503, 'unreachable', 'it was stopped, but a master that does not answer may have accepted it before: look among the jobs')
      }

      return undefined
    } finally {
      window.removeEventListener('beforeunload', keepOpen)
      this.state.set({ step: 'idle' })
    }
  }

  /** Also where nobody answers; a job that is being accepted is cancelled as any other. The masters keep nothing of the files. */
  cancel (): void {
    const { value } = this.state

    if (value.step === 'uploading' || (value.step === 'submitting' && value.waiting != null)) {
      this.#stop?.abort()
    }
  }

  /** At the master that has most of it, and at the next one when it does not come back in time. */
  async #somewhere (trip: Trip): Promise<string> {
    let base = this.#fullest(trip.form)

    for (;;) {
      try {
        return await this.#sendTo(this.#link.at(base), trip)
      } catch (err) {
        trip.signal.throwIfAborted()

        if (err instanceof ApiError && err.status === 401) {
          this.#wait(trip, { kind: 'token' })
          await this.#link.renewed(trip.signal)
          trip.signal.throwIfAborted()
          continue
        }

        if (!isPassing(err)) {
          throw err
        }

        const nowMs = performance.now()
        const { bases } = this.#link.state
        const next = bases[(bases.indexOf(base) + 1) % bases.length] ?? base

        trip.failedMs ??= nowMs
        trip.silentMs ??= nowMs

        if (nowMs - trip.silentMs >= SILENT_MS) {
          const reason = err instanceof ApiError ? err.message : `${new URL(base).host} does not answer any more, and ${bases.length === 1 ? 'the page knows no other master' : 'no other master does'}`

          throw new ApiError(503, 'unreachable', `${reason}; what was filled in is still here, and what a master has of the files is not sent again: try again`)
        }

        if (next !== base && nowMs - trip.failedMs >= patienceMs(trip.spentMs.get(base) ?? 0)) {
          trip.lost = [...trip.lost.filter(other => other !== next), base]
          trip.failedMs = undefined
          base = next
          continue
        }

        this.#wait(trip, { kind: 'master', base, next: next !== base })
        await pause(nowMs - trip.failedMs < PAUSE_MS ? FIRST_PAUSE_MS : PAUSE_MS, trip.signal)
        trip.signal.throwIfAborted()
      }
    }
  }

  async #sendTo (master: OneMaster, trip: Trip): Promise<string> {
    const { form, id } = trip

    // whoever accepted it may have died with the answer
    if (trip.isAsked && await isThere(master, id, trip.signal)) {
      return id
    }

    const total = bytesOf(form)
    const ids = new Map<FormFile, string>()
    let before = 0

    for (const file of sentFiles(form)) {
      ids.set(file, await this.#upload(master, file, trip, { before, total }))
      before += file.size
    }

    trip.isAsked = true
    this.state.set({ step: 'submitting', lost: [...trip.lost] })

    return (await master.send<{ id: string }>('POST', '/v1/jobs', bodyOf(form, id, file => ids.get(file)!))).id
  }

  async #upload (master: OneMaster, { name, blob, size }: FormFile & { blob: Blob }, trip: Trip, { before, total }: { before: number, total: number }): Promise<string> {
    const known = this.#uploads.get(blob) ?? new Map<string, Uploaded>()
    let toldMs = -Infinity
    let answeredMs = performance.now()

    this.#uploads.set(blob, known)

    const tell = (sent: number): void => {
      const nowMs = performance.now()
      const all = before + Math.min(sent, size)

      trip.pace.add(nowMs, all)

      if (nowMs - toldMs >= TELL_MS || sent >= size) {
        toldMs = nowMs
        this.state.set({ step: 'uploading', file: name, sent: all, total, rate: trip.pace.rate(), leftMs: trip.pace.leftMs(total), lost: [...trip.lost] })
      }
    }

    try {
      const { id } = await uploadFile(master, blob, {
        known: known.get(master.base),
        signal: trip.signal,
        onProgress: tell,
        onKept: upload => {
          const nowMs = performance.now()

          known.set(master.base, upload)
          trip.spentMs.set(master.base, (trip.spentMs.get(master.base) ?? 0) + nowMs - answeredMs)
          trip.failedMs = trip.silentMs = undefined
          answeredMs = nowMs
        }
      })

      return id
    } catch (err) {
      throw await readable(blob) ? err : new ApiError(400, 'usage', `files: ${name} cannot be read any more: choose it again`)
    }
  }

  #wait (trip: Trip, waiting: Waiting): void {
    const { value } = this.state

    // what is waited for is no pace
    trip.pace = new Pace()

    if (value.step !== 'idle') {
      this.state.set({ ...value, waiting, lost: [...trip.lost] })
    }
  }

  /** Origin of the master that has most bytes of these files; the one in use where none has any. */
  #fullest (form: Form): string {
    const { base, bases } = this.#link.state
    const bytesAt = (base: string): number => sentFiles(form).reduce((sum, { blob }) => sum + (this.#uploads.get(blob)?.get(base)?.received ?? 0), 0)

    return bases.reduce((best, other) => bytesAt(other) > bytesAt(best) ? other : best, base)
  }

  /** Files that were sent, and then taken out of the form that they were for. */
  #leftOver (form: Form): Blob[] {
    const wanted = new Set([form, ...this.#forms()].flatMap(blobsOf))

    return [...this.#uploads.keys()].filter(blob => !wanted.has(blob))
  }

  /** Nothing of these files is kept by any master that answers; another one forgets them by itself. */
  async #drop (blobs: Blob[]): Promise<void> {
    const ids = new Map<string, string[]>()

    for (const blob of blobs) {
      for (const [base, { id }] of this.#uploads.get(blob) ?? []) {
        ids.set(base, [...ids.get(base) ?? [], id])
      }

      this.#uploads.delete(blob)
    }

    await Promise.all([...ids].map(async ([base, ids]) => removeAll(this.#link.at(base), ids)))
  }

  /** Whoever waits for it does not wait long; it goes on. */
  async #briefly (work: Promise<void>): Promise<void> {
    const over = new AbortController()

    await Promise.race([work, pause(STOP_MS, over.signal)]).finally(() => { over.abort() })
  }
}

/** One after the other: at once they would be more than it takes. */
async function removeAll (master: OneMaster, ids: string[]): Promise<void> {
  for (const id of ids) {
    try {
      await master.send('DELETE', `/v1/files/${id}`)
    } catch (err) {
      if (!(err instanceof ApiError)) {
        return
      }
    }
  }
}

function blobsOf (form: Form): Blob[] {
  return sentFiles(form).map(({ blob }) => blob)
}

function bytesOf (form: Form): number {
  return sentFiles(form).reduce((sum, { size }) => sum + size, 0)
}

/** What is over when one asks again: no answer, a master that stops, a body that broke off. */
function isPassing (err: unknown): boolean {
  return !(err instanceof ApiError) || [408, 502, 503, 504].includes(err.status) || (err.status === 400 && err.code === 'failed')
}

async function isThere (master: OneMaster, id: string, signal: AbortSignal): Promise<boolean> {
  try {
    await master.get(`/v1/jobs/${id}`, signal)

    return true
  } catch (err) {
    if (err instanceof ApiError && err.status === 404) {
      return false
    }

    throw err
  }
}

/** A file that was changed or removed since it was chosen cannot. */
async function readable (blob: Blob): Promise<boolean> {
  return blob.slice(0, 1).arrayBuffer().then(() => true, () => false)
}

/** Files that are chosen do not outlive the page: whoever closes it is asked. */
function keepOpen (event: Event): void {
  event.preventDefault()
}

/** What belongs to one sign-in: forms by the job that they were filled from, so that none is lost by leaving the view. */
export class Desk {
  readonly submission: Submission
  readonly #forms = new Map<string, Store<Form>>()

  constructor (link: Link) {
    this.submission = new Submission(link, () => [...this.#forms.values()].map(({ value }) => value))
  }

  /** @param key - id of a job, or empty */
  form (key: string): Store<Form> | undefined {
    return this.#forms.get(key)
  }

  keep (key: string, form: Form): Store<Form> {
    const store = new Store(form)

    this.#forms.set(key, store)

    return store
  }

  forget (key: string): void {
    this.#forms.delete(key)
  }
}

const desks = new WeakMap<Link, Desk>()

export function deskOf (link: Link): Desk {
  const desk = desks.get(link) ?? new Desk(link)

  desks.set(link, desk)

  return desk
}
