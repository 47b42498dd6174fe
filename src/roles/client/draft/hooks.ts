import { MeshmarkError } from '../../../model/errors.ts'
import type { Hooks } from '../../../model/job.ts'
import type { Fill } from './parameters.ts'

/** Lines for `sh -c`, as typed. */
export interface HookOptions {
  setup?: string
  prepare?: string[]
  conclude?: string[]
  cleanup?: string
}

/** The hooks alone, out of all options of a command. */
export function hookLinesOf ({ setup, prepare, conclude, cleanup }: HookOptions): HookOptions {
  return {
    ...(setup == null ? {} : { setup }),
    ...(prepare == null ? {} : { prepare }),
    ...(conclude == null ? {} : { conclude }),
    ...(cleanup == null ? {} : { cleanup })
  }
}

/** One line for all commands, or as many as there are commands. */
export function checkHooks ({ prepare = [], conclude = [] }: HookOptions, commands: number): void {
  for (const [option, lines] of [['--prepare', prepare], ['--conclude', conclude]] as const) {
    if (lines.length > 1 && lines.length !== commands) {
      throw new MeshmarkError('usage', `${option} is there ${lines.length} times, and there ${commands === 1 ? 'is 1 command' : `are ${commands} commands`}: write it once for all, or once for each`)
    }
  }
}

/** The hooks of the command at `index`; undefined when it has none. An empty line is none. */
export function hooksOf (options: HookOptions, index: number, fill: Fill): Hooks | undefined {
  const { setup, prepare = [], conclude = [], cleanup } = options
  const lines = {
    setup,
    prepare: prepare.length === 1 ? prepare[0] : prepare[index],
    conclude: conclude.length === 1 ? conclude[0] : conclude[index],
    cleanup
  }
  const hooks = Object.entries(lines).flatMap(([name, line]) => line == null || line.trim() === '' ? [] : [[name, fill(line)]])

  return hooks.length === 0 ? undefined : Object.fromEntries(hooks) as Hooks
}
