import { shortJobId } from '../model/ids.ts'
import { withClient } from './connect.ts'
import { note, type Context } from './context.ts'
import { type DraftRequest, draftJob } from './draft.ts'
import { followJob } from './follow.ts'
import type { JobOptions } from './job-options.ts'
import type { ConnectionOptions } from './options.ts'
import { typed } from './program-name.ts'
import { checkExports, presentResults, type ResultOptions } from './results.ts'
import { withSpooledStdin } from './spool.ts'
import { submitting } from './submit.ts'

/** Drafts, submits and follows a job that measures, and shows its results; resolves with the exit code. */
export async function measureJob (request: DraftRequest, options: JobOptions & ConnectionOptions & ResultOptions, context: Context): Promise<number> {
  return options.stdin === '-'
    ? await withSpooledStdin(context, async stdinCopy => await measure({ ...request, stdinCopy }, options, context))
    : await measure(request, options, context)
}

async function measure (request: DraftRequest, options: JobOptions & ConnectionOptions & ResultOptions, context: Context): Promise<number> {
  await checkExports(options)

  const { draft, hints } = await draftJob(request)

  for (const hint of hints) {
    note(context, hint)
  }

  return await withClient(options, async client => {
    if (options.detach === true) {
      const id = await submitting(client, draft, context)(new AbortController().signal, () => {})

      note(context, `follow it with ${typed(`meshmark attach ${shortJobId(id)}`)}`)
      context.stdout.write(`${shortJobId(id)}\n`)

      return 0
    }

    const followed = await followJob(client, submitting(client, draft, context), context, { progress: true })

    return followed.kind === 'left' ? followed.exitCode : await presentResults(followed, options, context)
  })
}
