import { ARGS_FD, BLOCK_FD, DATA_FD, INFO_FD } from './box-plan.ts'
import type { BoxPlan, BoxStep } from './box-plan.ts'
import type { BuildCommand } from './box-types.ts'

/**
 * A box by bubblewrap. Arguments and files come by descriptor, so that no path
 * of the host is seen inside.
 *
 * @param blocked - wait for BLOCK_FD, since somebody else writes the map of uids
 */
export function bubblewrapCommand (path: string, plan: BoxPlan, blocked: boolean): BuildCommand {
  const give: BuildCommand['give'] = []
  const args = [
    '--unshare-all', '--unshare-user', '--die-with-parent', '--as-pid-1', '--new-session',
    '--uid', String(plan.uid), '--gid', String(plan.uid), '--hostname', plan.hostname,
    '--cap-drop', 'ALL', ...plan.capabilities.flatMap(capability => ['--cap-add', capability]),
    '--clearenv', ...Object.entries(plan.env).flatMap(([name, value]) => ['--setenv', name, value]),
    '--info-fd', String(INFO_FD),
    ...(blocked ? ['--userns-block-fd', String(BLOCK_FD)] : []),
    ...plan.steps.flatMap(step => stepArguments(step, content => {
      give.push({ fd: DATA_FD + give.length, content })
      return DATA_FD + give.length - 1
    })),
    '--chdir', plan.cwd
  ]

  return { path, args: ['--args', String(ARGS_FD), '--', ...plan.command], give: [{ fd: ARGS_FD, content: Buffer.from(`${args.join('\0')}\0`) }, ...give] }
}

function stepArguments (step: BoxStep, give: (content: Buffer) => number): string[] {
  switch (step.do) {
    case 'bind':
      return [step.optional === true ? '--ro-bind-try' : '--ro-bind', step.from, step.at]
    case 'symlink':
      return ['--symlink', step.text, step.at]
    case 'folder':
      return ['--perms', octal(step.mode), '--dir', step.at]
    case 'file':
      return ['--perms', octal(step.mode), '--file', String(give(step.content)), step.at]
    case 'proc':
      return ['--proc', '/proc']
    case 'dev':
      return ['--dev', '/dev']
    case 'read-only':
      return ['--remount-ro', step.at]
  }
}

function octal (mode: number): string {
  return mode.toString(8).padStart(4, '0')
}
