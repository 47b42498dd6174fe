import type { Command } from 'commander'
import { planInfo } from '../../library/plan.ts'
import { shortJobId } from '../../model/ids.ts'
import type { Client, JobDraft } from '../../roles/client/types.ts'
import type { Context } from '../common/context.ts'
import { writeAll } from '../common/write.ts'

export interface DryRunOptions {
  dryRun?: boolean
}

export function addDryRunOption (command: Command): Command {
  return command.option('--dry-run', 'submit nothing: say which workers would do it, now or later, and why others would not')
}

/** Shows what would become of the job; what would be refused is thrown as when it is submitted. */
export async function showPlan (client: Client, draft: JobDraft, format: string, context: Context): Promise<void> {
  const plan = await client.plan(draft)

  if (format === 'json' || format === 'ndjson' || format === 'full') {
    return await writeAll(context.stdout, `${JSON.stringify(planInfo(plan, draft, []), undefined, format === 'ndjson' ? 0 : 2)}\n`)
  }

  if (plan.existing) {
    return await writeAll(context.stdout, `nothing is submitted: job ${draft.id == null ? '' : shortJobId(draft.id)} was accepted before, and submitting it again would change nothing\n`)
  }

  const { planLines } = await import('../../report/plan.ts')

  await writeAll(context.stdout, `${planLines(plan, draft).join('\n')}\n`)
}
