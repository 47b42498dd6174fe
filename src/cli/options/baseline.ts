import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { contentBytes, contentSize } from '../../node/payload/source.ts'
import type { Command } from 'commander'
import { MeshmarkError } from '../../model/errors.ts'
import type { FinishedJob } from '../../model/finished.ts'
import type { DraftFile, JobDraft } from '../../roles/client/types.ts'
import { againstBaseline, type Standing } from '../baselines/against-baseline.ts'
import { checkBaselineName, loadBaseline, type LoadedBaseline, type Staged, stageBaseline } from '../baselines/baselines.ts'
import { note, type Context } from '../common/context.ts'
import { useDataDirectory } from '../common/data-directory.ts'
import { summaryOf, thenAndNow } from '../baselines/then-and-now.ts'

export interface BaselineOptions {
  saveBaseline?: string
  baseline?: string
  data?: string | string[]
  detach?: boolean
}

export function addBaselineOptions (command: Command): Command {
  return command
    .optionsGroup('Baselines:')
    .option('--save-baseline <name>', 'keep the command, the last one when several are compared, with its files on this machine when all went well', name => checkBaselineName('--save-baseline', name))
    .option('--baseline <name>', 'compare with a kept command, which runs again, in turns with the new ones', name => checkBaselineName('--baseline', name))
}

/** What baselines make of a job, from before it is submitted until its results are there. */
export interface WithBaselines {
  draft: JobDraft
  hints: string[]
  /** To be told the results, and the exit code that they have. */
  ended: (finished: FinishedJob, exitCode: number) => Promise<void>
  /** To be told that nobody waits for the results. */
  left: () => void
  /** Idempotent: nothing is left of what was not saved. */
  close: () => Promise<void>
}

/** Throws before anything is submitted when a baseline cannot be used, or the job cannot become one. */
export async function withBaselines (typed: JobDraft, options: BaselineOptions, context: Context): Promise<WithBaselines> {
  const { baseline: from, saveBaseline: to } = options

  if (from == null && to == null) {
    return { draft: typed, hints: [], ended: async () => {}, left: () => {}, close: async () => {} }
  }

  if (typed.variants != null) {
    throw new MeshmarkError('usage', `a baseline is one program, and --variant gives each worker its own: leave out --${to == null ? 'baseline' : 'save-baseline'}, or name the program and choose workers with --where`)
  }

  useDataDirectory(options.data)

  if (to != null) {
    checkSaving(typed, options)
  }

  const baseline = from == null ? undefined : await loadBaseline(from)
  const saving = to == null ? undefined : await stage(typed)

  try {
    const own = saving?.draft ?? typed
    const { draft, hints } = baseline == null ? { draft: own, hints: [] } : againstBaseline(own, baseline, await standings(own.files, baseline))

    return {
      draft,
      hints,
      ended: async (finished, exitCode) => {
        if (baseline != null) {
          tell(thenAndNow(baseline, finished, draft.comparison?.metric ?? 'wall'), context)
        }

        if (saving != null && to != null) {
          await save(to, saving, finished, exitCode, context)
        }
      },
      left: () => { tell(to == null ? undefined : `not saved as baseline ${to}: nobody waited for the results`, context) },
      close: async () => { await saving?.staged.discard() }
    }
  } catch (err) {
    await saving?.staged.discard()
    throw err
  }
}

interface Saving {
  staged: Staged
  /** With the kept files in the place of their originals. */
  draft: JobDraft
}

function checkSaving ({ commands, comparison }: JobDraft, { detach, baseline, saveBaseline }: BaselineOptions): void {
  if (detach === true) {
    throw new MeshmarkError('usage', `--save-baseline ${saveBaseline} waits for the results: leave --detach out`)
  }

  if (commands.length > 1 && comparison == null && baseline == null) {
    throw new MeshmarkError('usage', `--save-baseline ${saveBaseline}: a baseline is one command, and there are ${commands.length}: save each with a run of its own`)
  }
}

/** All files but the programs of the other commands, which are nothing that this one needs. */
async function stage (typed: JobDraft): Promise<Saving> {
  const [last, ...others] = [...typed.commands].reverse().map(({ program }) => program.kind === 'payload' ? program.path : undefined)
  const foreign = new Set(others.filter(path => path != null && path !== last && path !== typed.stdin))
  const staged = await stageBaseline(typed.files.filter(({ path }) => !foreign.has(path)))
  const kept = new Map(staged.files.map(file => [file.path, file]))

  return {
    staged,
    draft: {
      ...typed,
      files: typed.files.map(file => {
        const copy = kept.get(file.path)

        return copy == null ? file : { source: staged.sourceOf(copy), path: copy.path, executable: copy.executable }
      })
    }
  }
}

async function save (name: string, { staged, draft }: Saving, finished: FinishedJob, exitCode: number, context: Context): Promise<void> {
  const command = draft.commands.at(-1)
  const results = summaryOf(finished, finished.job.commands.length - 1)

  if (exitCode !== 0 || command == null || results.length === 0) {
    note(context, `not saved as baseline ${name}: ${exitCode === 3 ? 'a regression was found' : 'not all went well'}`)
    return
  }

  const replaced = await staged.commit({
    name,
    savedAt: Date.now(),
    job: finished.job.id,
    command,
    ...(draft.stdin == null ? {} : { stdin: draft.stdin }),
    env: draft.env,
    results
  })

  note(context, `saved as baseline ${name}${replaced == null ? '' : `, in the place of ${replaced}`}`)
}

function tell (line: string | undefined, context: Context): void {
  if (line != null) {
    note(context, line)
  }
}

/** Which of the baseline's files the new commands have, too. */
async function standings (files: readonly DraftFile[], baseline: LoadedBaseline): Promise<(path: string) => Standing> {
  const known = new Map<string, Standing>()

  for (const stored of baseline.files) {
    const file = files.find(({ path }) => path === stored.path)

    known.set(stored.path, file == null ? 'absent' : await isSame(file, stored) ? 'same' : 'other')
  }

  return path => known.get(path) ?? 'absent'
}

async function isSame ({ source, executable }: DraftFile, stored: LoadedBaseline['files'][number]): Promise<boolean> {
  const size = typeof source === 'string' ? (await stat(source)).size : contentSize(source)

  if (size !== stored.size || (executable ?? false) !== stored.executable) {
    return false
  }

  const hash = createHash('sha256')

  if (typeof source === 'string') {
    for await (const chunk of createReadStream(source)) {
      hash.update(chunk)
    }
  } else {
    hash.update(await contentBytes(source))
  }

  return hash.digest('hex') === stored.sha256
}
