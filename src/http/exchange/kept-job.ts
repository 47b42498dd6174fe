import { MeshmarkError } from '../../model/errors.ts'
import { shortJobId } from '../../model/ids.ts'
import { printable } from '../../model/text.ts'
import { usage } from './problem.ts'
import type { GivenData } from '../../library/data.ts'
import type { Job } from '../../model/job.ts'
import type { PayloadManifest } from '../../model/payload.ts'
import type { KeptContent } from '../../node/payload/source.ts'

/** Contents of files, one after the other as in the manifest, chunk by chunk and verified. */
export interface KeptPayload {
  manifest: PayloadManifest
  readChunk: (index: number) => Promise<Uint8Array>
  /** Until then it is not removed. Idempotent. */
  close: () => Promise<void>
}

/** Opens a payload that this master or another one keeps. Throws `not-found`. */
export type OpenPayload = (id: string) => Promise<KeptPayload>

/** An earlier job, for one that is like it. */
export interface KeptJob {
  /** Throws `usage` when it has no such file. */
  file: (path: string) => KeptContent
  /** Throws `usage` when it has no such data set, and `not-found` when that is not kept any more. */
  data: (name: string) => Promise<GivenData>
  /** Value of its environment. Throws `refused` when the job is another one's, for it may be a secret, and `usage` when there is none. */
  variable: (name: string) => string
  close: () => Promise<void>
}

/**
 * @param job - one that whoever asks may see
 * @param asker - peer id of its client
 */
export async function openJob (job: Job, asker: string, open: OpenPayload): Promise<KeptJob> {
  const opened: KeptPayload[] = []
  let isClosed = false
  const close = async (): Promise<void> => {
    isClosed = true
    await Promise.all(opened.map(async payload => payload.close()))
  }
  const opening = async (id: string): Promise<KeptPayload> => {
    const kept = await open(id).catch(err => { throw gone(job, err) })

    opened.push(kept)

    // what was asked for beside it may have failed while this took its time
    if (isClosed) {
      await kept.close()
    }

    return kept
  }
  const files = new Map<string, KeptContent>()

  try {
    for (const { payload, path } of payloadsOf(job)) {
      const kept = await opening(payload.id)

      for (const file of path == null ? payload.files : payload.files.slice(0, 1)) {
        files.set(path ?? file.path, contentOf(kept, file.path)!)
      }
    }
  } catch (err) {
    await close()
    throw err
  }

  const name = `job ${shortJobId(job.id)}`

  return {
    data: async wanted => {
      const set = job.data?.find(({ name }) => name === wanted)

      if (set == null) {
        throw usage(`data set '${printable(wanted, 100)}' is none of ${name}: send it`)
      }

      const kept = await opening(set.payload.id)
      const files = kept.manifest.files.map(({ path, executable }) => ({ path, executable, source: contentOf(kept, path)! }))

      return set.file === true ? files[0]!.source : files
    },
    file: path => {
      const content = files.get(path)

      if (content == null) {
        throw usage(`file '${printable(path, 100)}' is none of ${name}: send it`)
      }

      return content
    },
    variable: key => {
      if (job.client !== asker) {
        throw new MeshmarkError('refused', `--env ${printable(key, 100)}: ${name} is another one's, and values of its environment are not handed on: give one`)
      }

      if (!Object.hasOwn(job.env, key)) {
        throw usage(`--env ${printable(key, 100)}: ${name} has no such variable: give its value`)
      }

      return job.env[key]!
    },
    close
  }
}

/** `path`: what the only file of it is called. */
function payloadsOf ({ payload, variants }: Job): Array<{ payload: PayloadManifest, path?: string }> {
  return [...payload == null ? [] : [{ payload }], ...(variants?.choices ?? []).flatMap(({ path, payload }) => payload == null ? [] : [{ payload, path }])]
}

function gone (job: Job, cause: unknown): MeshmarkError {
  return new MeshmarkError('not-found', `files of job ${shortJobId(job.id)} are not kept any more: send them again`, { cause })
}

/** One file out of a payload. */
function contentOf (payload: KeptPayload, path: string): KeptContent | undefined {
  const { files, chunkSize } = payload.manifest
  const at = files.findIndex(file => file.path === path)
  const file = files[at]

  if (file == null) {
    return undefined
  }

  const start = files.slice(0, at).reduce((sum, { size }) => sum + size, 0)

  return {
    size: file.size,
    read: async (into, position) => {
      for (let done = 0; done < into.byteLength;) {
        const from = start + position + done
        const index = Math.floor(from / chunkSize)
        const piece = (await payload.readChunk(index)).subarray(from - index * chunkSize, from - index * chunkSize + into.byteLength - done)

        into.set(piece, done)
        done += piece.byteLength
      }
    }
  }
}
