import { shortJobId } from '../../model/ids.ts'
import { type DraftRequest, draftJob } from '../../roles/client/draft/draft.ts'
import type { JobOptions } from '../../roles/client/draft/job-options.ts'
import { finishedJob } from '../../roles/client/finished.ts'
import { type BaselineOptions, type WithBaselines, withBaselines } from '../options/baseline.ts'
import { checkCollectTo, collectInto, type CollectToOptions } from '../options/collect.ts'
import { withClient } from '../common/connect.ts'
import { note, type Context } from '../common/context.ts'
import { type DryRunOptions, showPlan } from '../options/dry-run.ts'
import { followJob } from './follow.ts'
import type { ConnectionOptions } from '../common/options.ts'
import { typed } from '../common/program-name.ts'
import { checkExports, exportWords, presentResults, type ResultOptions } from '../files/results.ts'
import { withSpooledStdin } from '../files/spool.ts'
import { submitting } from './submit.ts'

type MeasureOptions = DryRunOptions & JobOptions & BaselineOptions & CollectToOptions & ConnectionOptions & ResultOptions

/** Drafts, submits and follows a job that measures, and shows its results; resolves with the exit code. */
export async function measureJob (request: DraftRequest, options: MeasureOptions, context: Context): Promise<number> {
  return options.stdin === '-'
    ? await withSpooledStdin(context, async stdinCopy => await measure({ ...request, stdinCopy }, options, context))
    : await measure(request, options, context)
}

async function measure (request: DraftRequest, options: MeasureOptions, context: Context): Promise<number> {
  await checkExports(options)
  await checkCollectTo(options)

  const { draft, hints } = await draftJob(request)
  const baselines = await withBaselines(draft, options, context)

  try {
    for (const hint of [...hints, ...baselines.hints]) {
      note(context, hint)
    }

    return await follow(baselines, options, context)
  } finally {
    await baselines.close()
  }
}

async function follow (baselines: WithBaselines, options: MeasureOptions, context: Context): Promise<number> {
  const { draft } = baselines

  return await withClient(options, async client => {
    if (options.dryRun === true) {
      await showPlan(client, draft, options.format, context)

      return 0
    }

    if (options.detach === true) {
      const id = await submitting(client, draft, context)(new AbortController().signal, () => {})

      const files = exportWords(options)

      note(context, `follow it with ${typed(`meshmark attach ${shortJobId(id)}${files}`)}${files === '' ? '' : ', which writes what is not written now'}`)
      context.stdout.write(`${shortJobId(id)}\n`)

      return 0
    }

    const followed = await followJob(client, submitting(client, draft, context), context, { progress: true })

    if (followed.kind === 'left') {
      baselines.left()
      return followed.exitCode
    }

    const exitCode = await presentResults(client, followed, options, context)

    await collectInto(client, followed.view.job, options, context)

    await baselines.ended(finishedJob(followed), exitCode)

    return exitCode
  })
}
