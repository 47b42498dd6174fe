import { ulid } from 'ulid'
import { ApiError } from '../api/error.ts'
import { bodyOf } from '../submit/body.ts'
import { Store } from '../state/store.ts'
import type { Form, FormFile } from '../submit/form.ts'
import type { Link, OneMaster } from '../api/link.ts'

export type Sending =
  | { step: 'idle' }
  /** Bytes of all files. `lost`: origins of masters at which it was begun before. */
  | { step: 'uploading', file: string, sent: number, total: number, lost: string[] }
  | { step: 'submitting', lost: string[] }

interface Uploaded { id: string, untilMs: number }

/** By this machine's clock, for masters have their own: half of the hour for which they keep it. */
const KEPT_MS = 30 * 60_000

/** Files and then the job, at one and the same master; goes on when its view is left. */
export class Submission {
  readonly state = new Store<Sending>({ step: 'idle' })
  readonly #link: Link
  /** What masters have: after a refusal only the rest is sent. */
  readonly #uploaded = new WeakMap<Blob, Map<string, Uploaded>>()
  #stop?: AbortController

  constructor (link: Link) {
    this.#link = link
  }

  /** Resolves with the id of the job; undefined when it was stopped. Throws ApiError. */
  async submit (form: Form): Promise<string | undefined> {
    const stop = new AbortController()
    // the same one wherever it is said: a master that died may have accepted it
    const id = ulid()
    const lost: string[] = []

    this.#stop = stop

    try {
      return await this.#link.together(async master => this.#sendTo(master, form, id, lost), { signal: stop.signal, onLost: base => { lost.push(base) } })
    } catch (err) {
      if (stop.signal.aborted) {
        return undefined
      }

      throw err
    } finally {
      this.state.set({ step: 'idle' })
    }
  }

  /** Of files; a job that is being accepted is cancelled as any other. */
  cancel (): void {
    if (this.state.value.step === 'uploading') {
      this.#stop?.abort()
    }
  }

  async #sendTo (master: OneMaster, form: Form, id: string, lost: string[]): Promise<string> {
    const files = form.files.flatMap(file => file.blob == null ? [] : [{ ...file, blob: file.blob }])
    const total = files.reduce((sum, { size }) => sum + size, 0)
    const ids = new Map<FormFile['name'], string>()
    let before = 0

    for (const { name, blob, size } of files) {
      const tell = (sent: number): void => { this.state.set({ step: 'uploading', file: name, sent: before + Math.min(sent, size), total, lost: [...lost] }) }

      tell(0)
      ids.set(name, await this.#upload(master, name, blob, tell))
      before += size
    }

    this.state.set({ step: 'submitting', lost: [...lost] })

    return (await master.send<{ id: string }>('POST', '/v1/jobs', bodyOf(form, id, ({ name }) => ids.get(name)!))).id
  }

  async #upload (master: OneMaster, name: string, blob: Blob, onProgress: (sent: number) => void): Promise<string> {
    const known = this.#uploaded.get(blob) ?? new Map<string, Uploaded>()
    const there = known.get(master.base)

    if (there != null && there.untilMs > performance.now()) {
      return there.id
    }

    const { id } = await master.put<{ id: string }>('/v1/files', blob, onProgress).catch(async err => { throw await readable(blob) ? err : new ApiError(400, 'usage', `files: ${name} cannot be read any more: choose it again`) })

    known.set(master.base, { id, untilMs: performance.now() + KEPT_MS })
    this.#uploaded.set(blob, known)

    return id
  }
}

/** A file that was changed or removed since it was chosen cannot. */
async function readable (blob: Blob): Promise<boolean> {
  return blob.slice(0, 1).arrayBuffer().then(() => true, () => false)
}

/** What belongs to one sign-in: forms by the job that they were filled from, so that none is lost by leaving the view. */
export class Desk {
  readonly submission: Submission
  readonly #forms = new Map<string, Store<Form>>()

  constructor (link: Link) {
    this.submission = new Submission(link)
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
