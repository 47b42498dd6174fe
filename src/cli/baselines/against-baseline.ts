import { DEFAULT_MARGIN } from '../../model/comparison.ts'
import { MeshmarkError } from '../../model/errors.ts'
import { type Command, commandTitle, MAX_COMMANDS } from '../../model/job.ts'
import { printable } from '../../model/text.ts'
import { fitTitle } from '../../roles/client/draft/command-titles.ts'
import type { JobDraft } from '../../roles/client/types.ts'
import type { LoadedBaseline } from './baselines.ts'

/** Beside the files of the new commands; hidden, so that `*` means to them what it did. */
const FOLDER = '.baseline'

/** How a file of the baseline relates to what the new commands have at its path. */
export type Standing = 'same' | 'other' | 'absent'

/**
 * The job in which the new commands run interleaved with the stored one, which
 * becomes the first: what they are compared with. Its files have a folder of
 * their own, where its program runs from; when a file beside the program has
 * changed since or is gone, a setup puts the stored ones into the baseline's
 * working copies, and the new commands get a setup that does nothing: working
 * copies are made alike then, and being made differently shows in short runs.
 *
 * @param standing - of a file of the baseline, by its path
 */
export function againstBaseline (draft: JobDraft, baseline: LoadedBaseline, standing: (path: string) => Standing): { draft: JobDraft, hints: string[] } {
  if (draft.commands.length >= MAX_COMMANDS) {
    throw new MeshmarkError('usage', `${draft.commands.length} commands and the baseline are more than the ${MAX_COMMANDS} that one job can have: submit several jobs`)
  }

  const { name, command, files } = baseline
  const folder = freeFolder(draft.files.map(({ path }) => path))
  const program = command.program.kind === 'payload' ? command.program.path : undefined
  const restored = files.filter(({ path }) => path !== program && standing(path) !== 'same')
  const stdin = draft.stdin ?? (baseline.stdin == null ? undefined : `${folder}/${baseline.stdin}`)
  const commands = restored.length === 0 ? draft.commands : draft.commands.map(other => ({ ...other, hooks: { setup: ':', ...other.hooks } }))

  return {
    draft: {
      ...draft,
      commands: [storedCommand(baseline, folder, restored.length > 0), ...commands],
      files: [...draft.files, ...files.map(file => ({ source: baseline.sourceOf(file), path: `${folder}/${file.path}`, executable: file.executable }))],
      ...(stdin == null ? {} : { stdin }),
      env: { ...baseline.env, ...draft.env },
      comparison: { metric: 'wall', margin: DEFAULT_MARGIN, failIfUndecided: false, ...draft.comparison, baseline: name }
    },
    hints: [
      ...environmentHints(baseline, draft.env),
      ...(draft.stdin != null && baseline.stdin == null ? [`note: baseline ${name} read nothing from standard input; here it reads ${draft.stdin}, as the new commands do`] : []),
      ...(draft.stdin != null && baseline.stdin != null && standing(baseline.stdin) === 'other' ? [`note: ${baseline.stdin} has changed since baseline ${name} was saved; both read the new one from standard input`] : [])
    ]
  }
}

function storedCommand ({ name, command }: LoadedBaseline, folder: string, restore: boolean): Command {
  const setup = command.hooks?.setup
  // -p, or a file that replaces another one would keep that one's permissions.
  const lines = [...(restore ? [`cp -Rp ./${folder}/. . || exit`] : []), ...(setup == null ? [] : [setup])]

  return {
    ...command,
    name: fitTitle(`baseline ${name}: ${commandTitle(command)}`),
    program: command.program.kind === 'payload' ? { kind: 'payload', path: `${folder}/${command.program.path}` } : command.program,
    ...(lines.length === 0 ? {} : { hooks: { ...command.hooks, setup: lines.join('\n') } })
  }
}

function freeFolder (paths: readonly string[]): string {
  for (let number = 1; ; number++) {
    const folder = number === 1 ? FOLDER : `${FOLDER}-${number}`

    if (!paths.some(path => path === folder || path.startsWith(`${folder}/`))) {
      return folder
    }
  }
}

/** The environment belongs to the job: what was typed now wins, for all commands. */
function environmentHints ({ name, env: then }: LoadedBaseline, now: Readonly<Record<string, string>>): string[] {
  const added = Object.keys(now).filter(key => then[key] == null)
  const kept = Object.keys(then).filter(key => now[key] == null)
  const changed = Object.keys(now).filter(key => then[key] != null && then[key] !== now[key])
  const list = (keys: readonly string[]): string => keys.map(key => printable(key, 60)).join(', ')

  return [
    ...(kept.length === 0 ? [] : [`note: ${list(kept)} in the environment as baseline ${name} had it, for all commands`]),
    ...([...added, ...changed].length === 0 ? [] : [`note: ${list([...added, ...changed])} in the environment not as baseline ${name} had it, for all commands`])
  ]
}
