import type { Command } from 'commander'
import { MeshmarkError } from '../model/errors.ts'
import { shortJobId } from '../model/ids.ts'
import type { Job } from '../model/job.ts'
import { type DraftRequest, draftJob } from '../roles/client/draft/draft.ts'
import { checkItemCommand, type Items, ITEMS_FOLLOW, itemsOfWords, readItems, splitItems } from '../roles/client/draft/items.ts'
import type { JobOptions } from '../roles/client/draft/job-options.ts'
import { readRetry } from '../roles/client/draft/retry.ts'
import { addCollectOptions, checkCollectTo, collectInto, type CollectToOptions } from './options/collect.ts'
import type { JobDraft } from '../roles/client/types.ts'
import { withClient } from './common/connect.ts'
import { note, type Context } from './common/context.ts'
import { type DryRunOptions, showPlan } from './options/dry-run.ts'
import { followItems, type ItemFollowOptions } from './job/item-follow.ts'
import { ItemKeeper } from './job/item-keeper.ts'
import { addJobOptions } from './options/job.ts'
import { doneOf, Joblog } from './files/joblog.ts'
import { addConnectionOptions, addExamples, type ConnectionOptions } from './common/options.ts'
import { OutputFolder } from './files/output-folder.ts'
import { followProgram } from './job/program-follow.ts'
import { addReportOptions, checkReports, type ReportFileOptions, writeReportsOf } from './files/reports.ts'
import { requirementHelp } from './options/require.ts'
import { withSpooledStdin } from './files/spool.ts'
import { submitting } from './job/submit.ts'

interface ExecOptions extends DryRunOptions, JobOptions, CollectToOptions, ReportFileOptions, ConnectionOptions {
  each?: string
  keepOrder?: boolean
  joblog?: string
  resume?: boolean
  resumeFailed?: boolean
  results?: string
}

export function define (command: Command, context: Context): void {
  command.argument('<program>', 'a path of this machine, the name of a program of the worker, or worker:/path')
    .argument('[args...]', 'handed to the program')
    .passThroughOptions()
    .optionsGroup('Many times:')
    .option('--each <file>', 'run it once for each line of a file, on all free workers; - reads standard input')
    .option('-k, --keep-order', 'with --each or :::, print in the order of the items')
    .option('--joblog <file>', 'with --each or :::, a line for each item that has ended, as GNU parallel writes it')
    .option('--resume', 'with --joblog: leave out the items that are in it')
    .option('--resume-failed', 'with --joblog: leave out the items that have succeeded in it')
    .option('--results <dir>', 'with --each or :::, also into files: DIR/17.stdout and DIR/17.stderr of item 17')

  addJobOptions(command, 'any')
    .option('--retry <n[:pause]>', 'run it again after a failure, so many times at most; the pause doubles each time (default: 1s)', readRetry)
  addReportOptions(addCollectOptions(command).optionsGroup('Results:'))
  addConnectionOptions(command, true)
  addExamples(command, [
    ['meshmark exec ./solve 42', 'on whichever worker is free'],
    ['meshmark exec --stdin - python3 < script.py', 'a script for the interpreter there'],
    ['meshmark exec --on pi-kitchen uname -a', 'on one worker'],
    ['meshmark exec ./solve --size {} ::: 10 20 30', 'three tasks, {} is the item'],
    ['meshmark exec --on 3 ./selftest', 'on three different workers'],
    ['meshmark exec --retry 5:10s ./fetch', 'up to five times more, after 10 s, 20 s, 40 s…'],
    ["meshmark exec --collect '*.png' --with scene.pov povray scene.pov", 'its files come back into ./JOB'],
    ['meshmark exec --each urls.txt --report urls.html ./check', 'which failed and why, how long each took, who was busy'],
    ['meshmark exec --each urls.txt -k ./check', 'a task for each line, as its last argument'],
    ['meshmark exec --dry-run --where arch=arm64 ./solve 42', 'who would do it, now or later, and why others would not'],
    ['meshmark exec --each urls.txt --joblog log --resume ./check', 'again, without the items that are in the log']
  ], `
Standard output and error of the program come through unchanged. The exit status is the
program's own, 128 + n after signal n; 125: Meshmark failed, 126: not executable, 127: not found.
Ctrl-C leaves the program running, a second one cancels it.

With --each FILE, or items behind ${ITEMS_FOLLOW}, every {} in the arguments becomes the item, exactly as it is;
without one the item is the last argument. What an item prints is printed when it has ended, all
of it together. The exit status is 0 when every item succeeded, otherwise 1, or 125.

${requirementHelp()}`)

  command.action(async (program: string, args: string[], options: ExecOptions) => {
    const { words, items: behind } = splitItems([program, ...args])
    const items = await itemsOf(behind, options, context)

    await checkReports(options)

    const request: DraftRequest = { kind: 'exec', words, commands: [], names: [], options, on: 'any', plan: { kind: 'once' }, items: items?.items }

    // a line for the shell has a place of its own for the item
    if (items != null && options.shell !== true) {
      checkItemCommand(words, items)
    }

    if (items != null && items.empty > 0) {
      note(context, `${items.empty} empty ${items.empty === 1 ? 'item is' : 'items are'} left out`)
    }

    context.exitCode = options.stdin === '-'
      ? await withSpooledStdin(context, async stdinCopy => await execute({ ...request, stdinCopy }, options, context))
      : await execute(request, options, context)
  })
}

async function itemsOf (behind: string[] | undefined, { each, stdin, keepOrder, joblog, resume, resumeFailed, results, report, detach }: ExecOptions, context: Context): Promise<Items | undefined> {
  if (behind != null && each != null) {
    throw new MeshmarkError('usage', `--each and ${ITEMS_FOLLOW} both give items: leave one of them out`)
  }

  if (each === '-' && stdin === '-') {
    throw new MeshmarkError('usage', '--each - and --stdin - both read standard input: name a file for one of them')
  }

  const forItems = Object.entries({ '--keep-order': keepOrder, '--joblog': joblog, '--results': results, '--resume': resume, '--resume-failed': resumeFailed }).find(([, value]) => value != null)

  if (behind == null && each == null && forItems != null) {
    throw new MeshmarkError('usage', `${forItems[0]} has a meaning only for items: add --each FILE, or items behind ${ITEMS_FOLLOW}`)
  }

  if ((resume === true || resumeFailed === true) && joblog == null) {
    throw new MeshmarkError('usage', `${resume === true ? '--resume' : '--resume-failed'} needs the log of the time before: add --joblog FILE`)
  }

  if (detach === true && report != null) {
    throw new MeshmarkError('usage', '--report is written by whoever follows the job: leave --detach out, and write it later with meshmark show JOB --report FILE')
  }

  if (detach === true && (joblog ?? results) != null) {
    throw new MeshmarkError('usage', `${joblog == null ? '--results' : '--joblog'} is written by whoever follows the job: leave --detach out`)
  }

  return behind != null ? itemsOfWords(behind) : each != null ? await readItems(each, context) : undefined
}

async function execute (request: DraftRequest, options: ExecOptions, context: Context): Promise<number> {
  await checkCollectTo(options)

  const { draft, hints } = await draftJob(request)

  for (const hint of hints) {
    note(context, hint)
  }

  if (draft.each == null || (options.joblog ?? options.results) == null) {
    return await follow(draft, options, context, {})
  }

  const [command] = draft.commands
  const { items } = draft.each
  const { joblog, resume, resumeFailed, results } = options
  const isAgain = resume === true || resumeFailed === true
  const logged = { command: command!, items }
  const done = joblog != null && isAgain ? await doneOf(joblog, logged, resumeFailed !== true) : undefined
  const numbers = items.flatMap((_, index) => done?.has(index + 1) === true ? [] : [index + 1])

  if (done != null && done.count > 0) {
    note(context, `${done.count} of ${items.length} items are in ${joblog} and are not run again`)
  }

  if (numbers.length === 0) {
    return 0
  }

  const wanted = { ...draft, each: { items: numbers.map(number => items[number - 1]!) } }

  // neither file is touched
  if (options.dryRun === true) {
    return await follow(wanted, options, context, {})
  }

  const keeper = new ItemKeeper({
    log: joblog == null ? undefined : await Joblog.open(joblog, logged, isAgain),
    results: results == null ? undefined : await OutputFolder.replacing(results)
  })

  try {
    return await follow(wanted, options, context, { items, numbers, keeper })
  } finally {
    await keeper.close()
  }
}

async function follow (draft: JobDraft, options: ExecOptions, context: Context, kept: Pick<ItemFollowOptions, 'items' | 'numbers' | 'keeper'>): Promise<number> {
  return await withClient(options, async client => {
    if (options.dryRun === true) {
      await showPlan(client, draft, 'table', context)

      return 0
    }

    const begin = submitting(client, draft, context)

    if (options.detach === true) {
      const id = await begin(new AbortController().signal, () => {})

      context.stdout.write(`${shortJobId(id)}\n`)

      return 0
    }

    const onEnd = async (job: Job): Promise<void> => {
      await collectInto(client, job, options, context)
      await writeReportsOf(client, job.id, options)
    }

    return draft.each == null
      ? await followProgram(client, begin, context, onEnd)
      : await followItems(client, begin, context, { ordered: options.keepOrder === true, items: draft.each.items, onEnd, ...kept })
  })
}
