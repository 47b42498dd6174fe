import { givenData } from '../../library/data.ts'
import { draftOf } from '../../library/request.ts'
import { readEnv } from '../../roles/client/draft/env.ts'
import { usage } from './problem.ts'
import type { GivenData } from '../../library/data.ts'
import type { JobSpec } from '../../library/options.ts'
import type { DraftFile, JobDraft } from '../../roles/client/types.ts'
import type { ContentBody, DataBody, FileBody, JobBody } from '../schema/job.ts'
import type { KeptJob } from './kept-job.ts'

/** What a job may refer to instead of bringing it along. */
export interface References {
  /** Path of an upload of whoever asks. Throws `usage` when there is none. */
  upload: (id: string) => string
  /** An earlier job that whoever asks may see. Throws when there is none. */
  job: (selector: string) => Promise<KeptJob>
}

type Find = Pick<References, 'upload'> & { earlier?: KeptJob }

const STDIN = 'stdin'

/** The draft of a job that came as JSON: made as the library makes it, and without a look at any file of this machine. */
export async function draftOfBody ({ files = [], data = {}, env: asked, from, ...body }: JobBody, { upload, job }: References): Promise<{ draft: JobDraft, hints: string[] }> {
  const find: Find = { upload, earlier: from == null ? undefined : await job(from) }
  const given = files.map(file => fileOf(file, find))
  const sets = await Promise.all(Object.entries(data).map(async ([name, set]): Promise<[string, GivenData]> => [name, await dataOf(set, find)]))
  const context = { data: givenData(Object.fromEntries(sets)), onlyGiven: true }
  const env = asked == null ? undefined : Object.fromEntries(Object.entries(asked).map(([name, value]) => [name, value ?? needed(find).variable(name)]))

  if (body.kind === 'map') {
    const { draft, hints } = await draftOf(body as JobSpec, { ...context, given })

    return { draft: env == null ? draft : { ...draft, env: { ...draft.env, ...readEnv(Object.entries(env).map(([name, value]) => `${name}=${value}`)) } }, hints }
  }

  const { stdin, ...rest } = body
  const spec = { ...rest, ...(env == null ? {} : { env }) }

  if (stdin == null || 'file' in stdin) {
    return draftOf({ ...spec, ...(stdin == null ? {} : { stdin: stdin.file }) }, { ...context, given })
  }

  return draftOf({ ...spec, stdin: STDIN }, { ...context, given: [...given, { path: STDIN, source: sourceOf(stdin, find) }] })
}

async function dataOf (set: DataBody, find: Find): Promise<GivenData> {
  return 'of' in set ? needed(find).data(set.of) : 'files' in set ? set.files.map(file => fileOf(file, find)) : sourceOf(set, find)
}

function fileOf (file: FileBody, find: Find): DraftFile {
  return { path: file.name, source: 'of' in file ? needed(find).file(file.of) : sourceOf(file, find), executable: file.executable }
}

function sourceOf (file: ContentBody, { upload }: Find): string | Uint8Array {
  return 'content' in file ? Buffer.from(file.content) : 'base64' in file ? Buffer.from(file.base64, 'base64') : upload(file.upload)
}

function needed ({ earlier }: Find): KeptJob {
  if (earlier == null) {
    throw usage('files, data sets and environment of another job need from: name that job')
  }

  return earlier
}
