import { shortJobId } from '../model/ids.ts'
import { formatBytes } from '../model/units.ts'
import type { Client, JobDraft } from '../roles/client/types.ts'
import { note, type Context } from './context.ts'
import type { Begin } from './follow.ts'

/** Submits a job for `followJob`, telling how the upload goes. */
export function submitting (client: Client, draft: JobDraft, context: Context): Begin {
  return async (signal, say) => {
    say(`submitting to ${client.master.name}`)

    const { id, existing } = await client.submit(draft, {
      signal,
      onUpload: (sent, total) => {
        say(`uploading ${formatBytes(sent)} of ${formatBytes(total)} to ${client.master.name}`)
      }
    })

    if (existing) {
      note(context, `job ${shortJobId(id)} was accepted before; this is the same one`)
    }

    return id
  }
}
