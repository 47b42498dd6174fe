import { shortJobId } from '../../model/ids.ts'
import { formatBytes } from '../../model/units.ts'
import type { Client, JobDraft } from '../../roles/client/types.ts'
import { note, type Context } from '../common/context.ts'
import type { Begin } from './follow.ts'

/** Submits a job for `followJob`, telling how the upload goes. */
export function submitting (client: Client, draft: JobDraft, context: Context): Begin {
  return async (signal, say) => {
    say(`submitting to ${client.master.name}`)

    const { id, existing, leftOut = [], known = [] } = await client.submit(draft, {
      signal,
      onUpload: (sent, total) => {
        say(`uploading ${formatBytes(sent)} of ${formatBytes(total)} to ${client.master.name}`)
      }
    })

    // a submission that is repeated because its answer was lost with its master is nobody's business
    if (existing && draft.id != null) {
      note(context, `job ${shortJobId(id)} was accepted before; this is the same one`)
    }

    if (known.length > 0) {
      note(context, `${known.length === 1 ? 'data set' : 'data sets'} ${known.join(', ')} ${known.length === 1 ? 'was' : 'were'} there already: nothing of ${known.length === 1 ? 'it' : 'them'} was sent`)
    }

    if (leftOut.length > 0) {
      note(context, `job ${shortJobId(id)} is not on ${leftOut.join(', ')} yet`)
    }

    return id
  }
}
