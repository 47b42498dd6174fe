import { draftOf } from '../../library/request.ts'
import type { JobSpec } from '../../library/options.ts'
import type { DraftFile, JobDraft } from '../../roles/client/types.ts'
import type { ContentBody, FileBody, JobBody } from '../schema/job.ts'

/** Path of an upload of whoever asks. Throws `usage` when there is none. */
export type FindUpload = (id: string) => string

const STDIN = 'stdin'

/** The draft of a job that came as JSON: made as the library makes it, and without a look at any file of this machine. */
export async function draftOfBody ({ files = [], stdin, ...spec }: JobBody, find: FindUpload): Promise<{ draft: JobDraft, hints: string[] }> {
  const given: DraftFile[] = [
    ...files.map((file: FileBody) => ({ path: file.name, source: sourceOf(file, find), executable: file.executable })),
    ...(stdin == null ? [] : [{ path: STDIN, source: sourceOf(stdin, find) }])
  ]
  const job: JobSpec = { ...spec, ...(stdin == null ? {} : { stdin: STDIN }) }

  return draftOf(job, { given, onlyGiven: true })
}

function sourceOf (file: FileBody | ContentBody, find: FindUpload): string | Uint8Array {
  return 'content' in file ? Buffer.from(file.content) : 'base64' in file ? Buffer.from(file.base64, 'base64') : find(file.upload)
}
