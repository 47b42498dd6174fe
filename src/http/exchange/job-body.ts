import { givenData } from '../../library/data.ts'
import { draftOf } from '../../library/request.ts'
import type { GivenData } from '../../library/data.ts'
import type { JobSpec } from '../../library/options.ts'
import type { DraftFile, JobDraft } from '../../roles/client/types.ts'
import type { ContentBody, DataBody, FileBody, JobBody } from '../schema/job.ts'

/** Path of an upload of whoever asks. Throws `usage` when there is none. */
export type FindUpload = (id: string) => string

const STDIN = 'stdin'

/** The draft of a job that came as JSON: made as the library makes it, and without a look at any file of this machine. */
export async function draftOfBody ({ files = [], data = {}, ...body }: JobBody, find: FindUpload): Promise<{ draft: JobDraft, hints: string[] }> {
  const given = files.map(file => fileOf(file, find))
  const context = {
    data: givenData(Object.fromEntries(Object.entries(data).map(([name, set]) => [name, dataOf(set, find)]))),
    onlyGiven: true
  }

  if (body.kind === 'map' || body.stdin == null) {
    return draftOf(body as JobSpec, { ...context, given })
  }

  const { stdin, ...spec } = body

  return draftOf({ ...spec, stdin: STDIN }, { ...context, given: [...given, { path: STDIN, source: sourceOf(stdin, find) }] })
}

function dataOf (set: DataBody, find: FindUpload): GivenData {
  return 'files' in set ? set.files.map(file => fileOf(file, find)) : sourceOf(set, find)
}

function fileOf (file: FileBody, find: FindUpload): DraftFile {
  return { path: file.name, source: sourceOf(file, find), executable: file.executable }
}

function sourceOf (file: FileBody | ContentBody, find: FindUpload): string | Uint8Array {
  return 'content' in file ? Buffer.from(file.content) : 'base64' in file ? Buffer.from(file.base64, 'base64') : find(file.upload)
}
