import type { Command } from 'commander'
import { isMeshmarkError, MeshmarkError } from '../../model/errors.ts'
import { shortJobId } from '../../model/ids.ts'
import { formatBytes, parseSize } from '../../model/units.ts'
import { saveCollected } from '../../roles/client/save-collected.ts'
import { checkFolder } from '../files/folder-check.ts'
import { ListOption } from '../common/list-option.ts'
import { note, type Context } from '../common/context.ts'
import { typed } from '../common/program-name.ts'
import type { Job } from '../../model/job.ts'
import type { Client } from '../../roles/client/types.ts'

export interface CollectToOptions {
  collectTo?: string
}

/** Reasons that are printed; the record has them all. */
const NAMED = 10

export function addCollectOptions (command: Command): Command {
  return command
    .optionsGroup('What comes back:')
    .addOption(new ListOption('--collect <pattern>', 'bring back the files that fit, such as \'out/*\' or \'**/*.log\', of the last run (repeatable)'))
    .option('--collect-max <size>', 'at most so much of one task (default: 256M)', text => parseSize(text, '--collect-max'))
    .option('--collect-to <dir>', 'where to put them, a folder for each worker (default: ./JOB)')
}

/** Throws `usage` for a place that could take no files, or for one where there is nothing to put; before anything is sent. */
export async function checkCollectTo ({ collect = [], collectTo, detach }: CollectToOptions & { collect?: string[], detach?: boolean }): Promise<void> {
  if (collectTo == null) {
    return
  }

  if (collect.length === 0) {
    throw new MeshmarkError('usage', '--collect-to has a meaning only for files that are brought back: add --collect PATTERN')
  }

  if (detach === true) {
    throw new MeshmarkError('usage', `--collect-to is for whoever follows the job: leave --detach out, or bring the files later with ${typed(`meshmark collect JOB ${collectTo}`)}`)
  }

  await checkFolder('--collect-to', collectTo)
}

/**
 * Writes what a finished job has brought back, and says so. Of a job that brings nothing back it does nothing.
 *
 * @param force - of `meshmark collect`; absent = the job has just ended
 */
export async function collectInto (client: Client, job: Pick<Job, 'id' | 'collect'>, { collectTo }: CollectToOptions, context: Context, force?: boolean): Promise<void> {
  if (job.collect == null) {
    return
  }

  const dir = collectTo ?? shortJobId(job.id)
  const { files, skipped } = await saveCollected(client, job.id, dir, { force: force === true }).catch(err => {
    throw isMeshmarkError(err) && force == null ? new MeshmarkError(err.code, `${err.message}. The files are kept: ${typed(`meshmark collect ${shortJobId(job.id)} DIR`)} writes them`, { cause: err }) : err
  })
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0)
  const workers = new Set(files.map(({ workerName }) => workerName)).size

  note(context, files.length === 0
    ? `no file fits ${job.collect.patterns.join(' ')}`
    : `${files.length} ${files.length === 1 ? 'file' : 'files'} (${formatBytes(bytes)}) of ${workers} ${workers === 1 ? 'worker' : 'workers'} in ${dir}`)

  const reasons = skipped.flatMap(({ folder, reasons }) => reasons.map(reason => `not from ${folder}: ${reason}`))

  reasons.slice(0, NAMED).forEach(reason => { note(context, reason) })

  if (reasons.length > NAMED) {
    note(context, `and ${reasons.length - NAMED} more that were left out: ${typed(`meshmark show ${shortJobId(job.id)} --format full`)}`)
  }
}
